// Sends one HTTP request with fetch and prints the answer as JSON.
//
// Arguments: the method, the URL, and header fields as "Name: value". The body comes from standard input.

import { readFileSync } from "node:fs";

const [method, url, ...fields] = process.argv.slice(2);
const body = readFileSync(0);
const headers = fields.map((field) => field.split(/: (.*)/s).slice(0, 2));
const answer = await fetch(url, { method, headers, body: body.length ? body : undefined });
const text = await answer.text();
console.log(JSON.stringify({ status: answer.status, headers: Object.fromEntries(answer.headers), body: text }));
