// How much the first look at a page costs.
import assert from 'node:assert/strict';
import { ALICE } from './inbox.mjs';

const LIMIT = 100_000;

export default async function transfer(suite) {
  const server = await suite.start('demo');
  for (const [name, as, path] of [['sign-in', undefined, '/sign-in'], ['inbox', 'demo', ALICE]]) {
    await suite.check(server, `the first load of the ${name} page is under 100 kB`, async (visit) => {
      const page = await visit.open({ as });
      const network = await page.context().newCDPSession(page);
      const kinds = new Map();
      const received = [];
      await network.send('Network.enable');
      network.on('Network.responseReceived', ({ requestId, response }) => kinds.set(requestId, new URL(response.url).pathname));
      network.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => received.push([kinds.get(requestId), encodedDataLength]));
      await page.goto(path, { waitUntil: 'networkidle' });
      // Not every browser fetches the icon where nobody sees it.
      const icon = await page.locator('link[rel=icon]').getAttribute('href');
      if (!received.some(([url]) => icon.startsWith(url))) {
        await page.evaluate(async (url) => (await fetch(url)).text(), icon);
        await page.waitForLoadState('networkidle');
      }
      const total = received.reduce((sum, [, octets]) => sum + octets, 0);
      console.log(`        ${total} octets: ${received.map(([url, octets]) => `${url} ${octets}`).join(', ')}`);
      assert.ok(received.length >= 3, 'page, style and script at least');
      assert.ok(total < LIMIT, `${total} octets`);
    });
  }
}
