// The metadata document, as a page and as XCAP serves it.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { ALICE } from './inbox.mjs';

export default async function metadata(suite) {
  const server = await suite.start('demo');

  await suite.check(server, 'the metadata page shows the document that its link serves, with the same ETag', async (visit) => {
    const page = await visit.open({ as: 'demo', path: ALICE });
    await page.getByRole('link', { name: 'Metadata' }).click();
    await page.getByRole('heading', { name: 'Metadata document' }).waitFor();
    const xml = await page.locator('pre.xml').textContent();
    assert.match(xml, /^<\?xml/);
    assert.equal(xml.match(/<history[\s>]/g).length, 9);
    const etag = await page.getByRole('region', { name: 'Document' }).locator('code').innerText();
    const link = page.getByRole('link', { name: 'Raw document' });
    const answer = await page.request.get(await link.getAttribute('href'));
    assert.equal(answer.status(), 200);
    assert.equal(answer.headers()['content-type'].split(';')[0], 'application/vnd.oma.im.deferred-list+xml');
    assert.equal(answer.headers().etag, etag);
    assert.equal(await answer.text(), xml);
    const [download] = await Promise.all([page.waitForEvent('download'), link.click()]);
    assert.equal(await readFile(await download.path(), 'utf8'), xml);
  });

  await suite.check(server, 'a new message changes the ETag and adds to the document', async (visit) => {
    const page = await visit.open({ as: 'demo', path: '/accounts/sip%3Abob%40example.org/metadata' });
    const read = async () => ({
      etag: await page.locator('.part code').innerText(),
      entries: (await page.locator('pre.xml').textContent()).match(/<history[\s>]/g).length,
    });
    const before = await read();
    await server.send('sip:bob@example.org', 'One more & "another" <one>');
    await page.reload();
    const after = await read();
    assert.notEqual(after.etag, before.etag);
    assert.equal(after.entries, before.entries + 1);
    const well = await page.evaluate((xml) => new DOMParser().parseFromString(xml, 'text/xml').querySelector('parsererror')?.textContent ?? 'well-formed',
      await page.locator('pre.xml').textContent());
    assert.equal(well, 'well-formed');
  });
}
