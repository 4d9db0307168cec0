// What somebody does with the generated client: store, list, get, delete.

import createClient from "openapi-fetch";
import type { paths } from "./schema.js";

declare const process: { env: Record<string, string | undefined> };

function equal(one: unknown, other: unknown) {
  if (JSON.stringify(one) !== JSON.stringify(other)) {
    throw new Error(`${JSON.stringify(one)} is not ${JSON.stringify(other)}`);
  }
}

const SIP = [
  "MESSAGE sip:dora@example.org SIP/2.0",
  "Via: SIP/2.0/UDP proxy.example.org;branch=z9hG4bK1",
  "From: <sip:carol@example.org>;tag=1",
  "To: <sip:dora@example.org>",
  "Call-ID: from-typescript",
  "CSeq: 1 MESSAGE",
  "Subject: From TypeScript",
  "Content-Type: text/plain",
  "Content-Length: 2",
  "",
  "hi",
].join("\r\n");

const client = createClient<paths>({
  baseUrl: process.env.RESTANTE_URL,
  headers: { Authorization: `Bearer ${process.env.RESTANTE_TOKEN}` },
});

const stored = await client.POST("/gateway/v1/messages", {
  params: { header: { "Idempotency-Key": "from-typescript" } },
  headers: { "Content-Type": "message/sip" },
  body: SIP,
  bodySerializer: (body) => body,
});
if (!stored.data) throw new Error(JSON.stringify(stored.error));
const { account: aor, id } = stored.data;

const list = await client.GET("/api/v1/accounts/{aor}/messages", {
  params: { path: { aor }, query: { limit: 10 } },
});
equal(list.data?.items.map((message) => message.id), [id]);

// The token is an operator's: without a reason it reads nothing that is somebody else's.
const refused = await client.GET("/api/v1/accounts/{aor}/messages/{id}", { params: { path: { aor, id } } });
equal(refused.error?.type, "/problems/reason-required");
const header = { "Restante-Reason": "A%20client%20is%20tried" };
const message = await client.GET("/api/v1/accounts/{aor}/messages/{id}", { params: { path: { aor, id }, header } });
equal(message.data?.subject, "From TypeScript");
equal(message.data?.parts[0]?.size, 2);

const gone = await client.DELETE("/api/v1/accounts/{aor}/messages/{id}", { params: { path: { aor, id } } });
equal(gone.response.status, 204);

const missing = await client.GET("/api/v1/accounts/{aor}/messages/{id}", { params: { path: { aor, id } } });
equal(missing.error?.type, "/problems/not-found");
