// Pictures of the main pages, to look at; and the one of the README.
import assert from 'node:assert/strict';
import { mkdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { eventually } from '../lib/wait.mjs';
import { ALICE } from './inbox.mjs';

const SIZES = [{ width: 1280, height: 800 }, { width: 390, height: 844 }];

async function take(page, file, options) {
  mkdirSync(path.dirname(path.resolve(file)), { recursive: true });
  await page.evaluate(() => document.activeElement?.blur());
  await page.screenshot({ path: file, ...options });
  assert.ok(statSync(file).size > 5000, `${file} is hardly a picture`);
}

export default async function pictures(suite) {
  const server = await suite.start('demo', { env: { RESTANTE__POLICY__DELIVERY_REPORTS: 'always', RESTANTE__POLICY__UNDO_GRACE: '1s' } });
  const patient = await suite.start('demo', { env: { RESTANTE__POLICY__UNDO_GRACE: '1m' } });
  const message = async (page) => {
    await page.getByRole('link', { name: 'Drawings, second floor' }).click();
    const picture = page.locator('#parts img');
    await picture.scrollIntoViewIfNeeded();
    await eventually(async () => assert.ok(await picture.evaluate((img) => img.naturalWidth > 0)));
    await page.evaluate(() => scrollTo(0, 0));
  };
  const deleted = async (page) => {
    await page.locator('.row .pick').nth(1).click();
    await page.locator('.row .pick').nth(3).click();
    await page.locator('#bulk-go').click();
    await page.getByRole('button', { name: 'Undo' }).waitFor();
  };
  const reported = async (page) => {
    const { path: gone } = await server.account('reported', ['One', 'Two']);
    await page.goto(gone);
    await page.getByLabel('Select all on this page').check();
    await page.locator('#bulk-go').click();
    await page.getByText('Gone for good.').waitFor();
    await eventually(async () => {
      await page.goto('/reports');
      assert.equal(await page.locator('.reports li').count(), 2);
    });
    const { items: [report] } = await (await server.gateway('reports?limit=1')).json();
    await server.gateway(`reports/${report.id}/nack`, { method: 'POST', body: JSON.stringify({ error: '480 Temporarily Unavailable' }), headers: { 'content-type': 'application/json' } });
    await page.reload();
  };
  const pages = [['sign-in', undefined, '/sign-in'], ['accounts', 'demo', '/accounts'], ['inbox', 'demo', ALICE], ['message', 'demo', ALICE, message],
    ['undo', 'demo', ALICE, deleted, patient], ['reports', 'demo', '/reports', reported], ['erase', 'demo', `${ALICE}/erase`]];
  for (const [name, as, address, prepare, own] of pages) {
    await suite.check(own ?? server, `pictures of the page ${name}`, async (visit) => {
      const page = await visit.open({ as, path: address });
      await prepare?.(page);
      for (const viewport of SIZES) {
        for (const colorScheme of ['light', 'dark']) {
          await page.setViewportSize(viewport);
          await page.emulateMedia({ colorScheme });
          await take(page, path.join(suite.screenshots, `${name}-${viewport.width}-${colorScheme}.png`), { fullPage: true });
        }
      }
    });
  }
  if (!suite.readmeScreenshot) return;
  await suite.check(server, `picture for the README: ${suite.readmeScreenshot}`, async (visit) => {
    const page = await visit.open({ as: 'demo', path: ALICE, colorScheme: 'light' });
    await page.locator('.row').nth(7).waitFor();
    await take(page, suite.readmeScreenshot);
  });
}
