// Browser tests of Restante. See README.md.
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Suite } from './lib/suite.mjs';

const FILES = ['first-start', 'sign-in', 'people', 'inbox', 'message', 'metadata', 'delete', 'timeline', 'operators', 'keyboard', 'owner',
  'test-message', 'docs', 'accessibility', 'transfer', 'pictures'];
const CHROMIUM_ARGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync'];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { 'readme-screenshot': { type: 'string' } },
});
const unknown = positionals.filter((name) => !FILES.includes(name));
if (unknown.length) {
  console.error(`no such file of checks: ${unknown.join(', ')}; there are ${FILES.join(', ')}`);
  process.exit(2);
}

const root = fileURLToPath(new URL('../..', import.meta.url));
const program = path.resolve(process.env.RESTANTE_TEST_BIN || path.join(root, 'target/debug/restante'));
if (!existsSync(program)) {
  console.error(`${program} is not there: build it first, or set RESTANTE_TEST_BIN`);
  process.exit(2);
}

const { chromium } = createRequire(import.meta.url)('playwright-core');
const browser = await chromium.launch({
  executablePath: process.env.RESTANTE_TEST_CHROMIUM || '/usr/bin/chromium',
  args: CHROMIUM_ARGS,
});
const suite = new Suite({
  browser,
  program,
  screenshots: path.resolve(process.env.RESTANTE_TEST_SCREENSHOTS || path.join(root, 'target/e2e-screenshots')),
  readmeScreenshot: values['readme-screenshot'],
});
for (const name of FILES) {
  if (positionals.length && !positionals.includes(name)) continue;
  const { default: checks } = await import(`./checks/${name}.mjs`);
  await suite.file(name, checks);
}
await browser.close();

const skipped = suite.skipped ? `, ${suite.skipped} skipped` : '';
console.log(`\ne2e: ${suite.passed} passed, ${suite.failed} failed${skipped}`);
process.exitCode = suite.failed === 0 && suite.passed > 0 ? 0 : 1;
