// Runs named checks one after the other and counts them. One that fails does not stop the others.
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { Server } from './server.mjs';
import { Visit } from './visit.mjs';

const LONGEST = 60_000;

/** Nothing may hang for ever. */
function inTime(work) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not done after ${LONGEST / 1000} s`)), LONGEST);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}

export class Suite {
  passed = 0;
  failed = 0;
  skipped = 0;
  #servers = [];

  constructor({ browser, program, screenshots, readmeScreenshot }) {
    Object.assign(this, { browser, program, screenshots, readmeScreenshot });
  }

  /** A server that lives until the end of the file of checks. */
  async start(command, options) {
    const server = await Server.start(this.program, command, options);
    this.#servers.push(server);
    return server;
  }

  /** Runs the checks of one file; its servers must end well. */
  async file(name, checks) {
    console.log(`\n${name}`);
    try {
      await checks(this);
    } catch (error) {
      this.#fail(`${name}: could not be set up`, error);
    }
    for (const server of this.#servers.splice(0)) {
      await server.stop().catch((error) => this.#fail(`${name}: the server stops when told to`, error));
    }
  }

  /** One check; `run` gets a {@link Visit} of the server. */
  async check(server, name, run) {
    const visit = new Visit(this.browser, server);
    const began = Date.now();
    try {
      await inTime(run(visit));
      const complaints = visit.complaints();
      if (complaints.length) throw new Error(complaints.join('\n'));
      this.passed += 1;
      console.log(`  ok    ${name} (${((Date.now() - began) / 1000).toFixed(1)} s)`);
    } catch (error) {
      this.#fail(name, error);
      for (const complaint of visit.complaints()) {
        if (!error.message.includes(complaint)) console.log(`          ${complaint}`);
      }
      await this.#picture(name, visit);
    } finally {
      await visit.close().catch((error) => console.log(`          cannot close: ${error.message}`));
    }
  }

  skip(name, reason) {
    this.skipped += 1;
    console.log(`  SKIP  ${name}: ${reason}`);
  }

  #fail(name, error) {
    this.failed += 1;
    const own = error.stack?.split('\n').find((line) => line.includes('/checks/'))?.trim() ?? '';
    console.log(`  FAIL  ${name}\n          ${String(error.message).split('\n').join('\n          ')}\n          ${own}`);
  }

  async #picture(name, visit) {
    const page = visit.pages.filter((page) => !page.isClosed()).at(-1);
    if (!page) return;
    const directory = path.join(this.screenshots, 'failed');
    mkdirSync(directory, { recursive: true });
    const file = path.join(directory, `${name.replace(/[^a-z0-9]+/gi, '-').slice(0, 80)}.png`);
    try {
      await page.screenshot({ path: file, fullPage: true, timeout: 10000 });
      console.log(`          ${page.url()} looks like ${file}`);
    } catch (error) {
      console.log(`          no picture: ${error.message.split('\n')[0]}`);
    }
  }
}
