// The demo's button that sends a message.
import assert from 'node:assert/strict';
import { texts } from '../lib/visit.mjs';

export default async function testMessage(suite) {
  const server = await suite.start('demo');

  await suite.check(server, 'the demo sends a test message at a click, which arrives on top', async (visit) => {
    const { path } = await server.account('first', ['Only one']);
    const page = await visit.open({ as: 'demo', path });
    await page.getByLabel('Select all on this page').check();
    await page.getByRole('button', { name: 'Delete 1 message' }).click();
    await page.getByRole('heading', { name: 'No messages are waiting' }).waitFor();
    assert.match((await texts(page, '.cmd pre'))[1], /restante send pager --to 'sip:first@example.org'/, 'the command for a terminal is shown');
    await page.getByRole('button', { name: 'Send a test message' }).click();
    await page.getByRole('main').getByRole('status').filter({ hasText: 'A test message has arrived' }).waitFor();
    assert.deepEqual(await texts(page, '.row .open'), ['Test message']);
    await server.send('sip:first@example.org', 'After it');
    await page.reload();
    assert.deepEqual(await texts(page, '.row .open'), ['After it', 'Test message']);
    assert.equal(await page.locator('main .notice').count(), 0, 'the flash is shown once');
  });
}
