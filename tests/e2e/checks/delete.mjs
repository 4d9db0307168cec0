// Deleting, with a dialog where scripts run and with a page where they do not.
import assert from 'node:assert/strict';
import { texts } from '../lib/visit.mjs';

const flash = (page) => page.getByRole('main').getByRole('status').innerText();
const subjects = (page) => texts(page, '.row .open');

/** What the metadata document says: its ETag and how many messages it lists. */
async function listed(page, path) {
  const aor = path.slice('/accounts/'.length);
  const answer = await page.request.get(`/xcap-root/org.openmobilealliance.deferred-list/users/${aor}/deferred-list`);
  assert.equal(answer.status(), 200);
  return { etag: answer.headers().etag, entries: ((await answer.text()).match(/<history[\s>]/g) ?? []).length };
}

export default async function deleting(suite) {
  const server = await suite.start('demo');

  await suite.check(server, 'one message: a dialog names it, Keep keeps it, Delete deletes it', async (visit) => {
    const { path } = await server.account('one', ['First', 'Second', 'Third']);
    const page = await visit.open({ as: 'demo', path });
    const before = await listed(page, path);
    assert.equal(before.entries, 3);
    await page.getByRole('link', { name: 'Second' }).click();
    const dialog = page.getByRole('dialog');
    await page.getByRole('button', { name: 'Delete message' }).click();
    assert.equal(await dialog.getByRole('heading').innerText(), 'Delete 1 message?');
    assert.deepEqual(await dialog.getByRole('listitem').allInnerTexts(), ['Second']);
    await dialog.getByRole('button', { name: 'Keep' }).click();
    await dialog.waitFor({ state: 'hidden' });
    assert.deepEqual(await listed(page, path), before);

    const address = page.url();
    await page.getByRole('button', { name: 'Delete message' }).click();
    await dialog.getByRole('button', { name: 'Delete 1 message' }).click();
    await page.waitForURL((url) => url.pathname === path);
    assert.match(await flash(page), /^1 message deleted\.$/);
    assert.deepEqual(await subjects(page), ['Third', 'First']);
    const after = await listed(page, path);
    assert.equal(after.entries, 2);
    assert.notEqual(after.etag, before.etag);
    assert.equal((await page.goto(address)).status(), 404, 'its page is gone');
  });

  await suite.check(server, 'one message without JavaScript: a page asks first', async (visit) => {
    const { path } = await server.account('plain', ['Stays', 'Goes']);
    const page = await visit.open({ as: 'demo', path, javaScriptEnabled: false });
    await page.getByRole('link', { name: 'Goes' }).click();
    await page.getByRole('button', { name: 'Delete message' }).click();
    await page.getByRole('heading', { name: 'Delete 1 message?' }).waitFor();
    assert.match((await texts(page, '.gone'))[0], /^Goes, from sip:carol@example.org$/);
    await page.getByRole('link', { name: 'Keep it' }).click();
    assert.deepEqual(await subjects(page), ['Goes', 'Stays']);
    await page.getByRole('link', { name: 'Goes' }).click();
    await page.getByRole('button', { name: 'Delete message' }).click();
    await page.getByRole('button', { name: 'Delete 1 message' }).click();
    assert.match(await flash(page), /^1 message deleted\.$/);
    assert.deepEqual(await subjects(page), ['Stays']);
    assert.equal((await listed(page, path)).entries, 1);
  });

  await suite.check(server, 'several: Shift selects a range, the button counts, the dialog names them', async (visit) => {
    const { path } = await server.account('several', ['A', 'B', 'C', 'D', 'E', 'F', 'G', 'H']);
    const page = await visit.open({ as: 'demo', path });
    const button = page.locator('#bulk-go');
    const box = (n) => page.locator('.row .pick').nth(n);
    assert.equal(await button.isDisabled(), true, 'nothing is selected yet');
    await box(1).click();
    assert.equal(await button.innerText(), 'Delete 1 message');
    await box(6).click({ modifiers: ['Shift'] });
    assert.equal(await button.innerText(), 'Delete 6 messages');
    assert.equal(await page.locator('#all').evaluate((all) => all.indeterminate), true);
    await button.click();
    const dialog = page.getByRole('dialog');
    assert.equal(await dialog.getByRole('heading').innerText(), 'Delete 6 messages?');
    assert.deepEqual(await dialog.getByRole('listitem').allInnerTexts(), ['G', 'F', 'E', 'D', 'C', 'and 1 more']);
    await dialog.getByRole('button', { name: 'Delete 6 messages' }).click();
    await page.waitForFunction(() => document.querySelectorAll('.row').length === 2);
    assert.match(await flash(page), /^6 messages deleted\.$/);
    assert.deepEqual(await subjects(page), ['H', 'A']);
    assert.equal((await listed(page, path)).entries, 2);
    assert.match((await texts(page, '.usage'))[0], /^2 messages/);
    await page.reload();
    assert.equal(await page.getByRole('main').getByRole('status').count(), 0, 'the flash is shown once');
  });

  await suite.check(server, 'several without JavaScript; and nothing selected is said so', async (visit) => {
    const { path } = await server.account('plainly', ['A', 'B', 'C']);
    const page = await visit.open({ as: 'demo', path, javaScriptEnabled: false });
    await page.getByRole('button', { name: 'Delete selected' }).click();
    assert.match(await flash(page), /No message was selected/);
    await page.locator('[name=id]').nth(0).check();
    await page.locator('[name=id]').nth(2).check();
    await page.getByRole('button', { name: 'Delete selected' }).click();
    await page.getByRole('heading', { name: 'Delete 2 messages?' }).waitFor();
    await page.getByRole('button', { name: 'Delete 2 messages' }).click();
    assert.match(await flash(page), /^2 messages deleted\.$/);
    assert.deepEqual(await subjects(page), ['B']);
    assert.equal((await listed(page, path)).entries, 1);
  });

  await suite.check(server, 'going back after deleting does not delete again by itself', async (visit) => {
    const { path } = await server.account('back', ['A', 'B', 'C']);
    const page = await visit.open({ as: 'demo', path });
    await page.locator('.row .pick').nth(0).click();
    await page.locator('#bulk-go').click();
    await page.getByRole('dialog').getByRole('button', { name: 'Delete 1 message' }).click();
    await page.waitForFunction(() => document.querySelectorAll('.row').length === 2);
    await page.goBack();
    await page.locator('.row').first().waitFor();
    assert.equal(await page.locator('#bulk [name=confirmed]').inputValue(), '');
    assert.equal((await listed(page, path)).entries, 2);
  });
}
