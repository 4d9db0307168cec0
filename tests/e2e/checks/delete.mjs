// Deleting and undoing it, where scripts run and where they do not.
import assert from 'node:assert/strict';
import { onBoth } from '../lib/postgres.mjs';
import { texts } from '../lib/visit.mjs';
import { eventually } from '../lib/wait.mjs';

const told = (page) => page.getByRole('main').getByRole('status').innerText();
const subjects = (page) => texts(page, '.row .open');
const undo = (page) => page.getByRole('button', { name: 'Undo' });

/** What the metadata document says: its ETag and how many messages it lists. */
async function listed(page, path) {
  const aor = path.slice('/accounts/'.length);
  const answer = await page.request.get(`/xcap-root/org.openmobilealliance.deferred-list/users/${aor}/deferred-list`);
  assert.equal(answer.status(), 200);
  return { etag: answer.headers().etag, entries: ((await answer.text()).match(/<history[\s>]/g) ?? []).length };
}

export default async function deleting(suite) {
  await onBoth(suite, 'deleting', { RESTANTE__POLICY__UNDO_GRACE: '5m' }, (server, name) => undoing(suite, server, name));
  await onBoth(suite, 'deleting for good', { RESTANTE__POLICY__UNDO_GRACE: '2s', RESTANTE__POLICY__DELIVERY_REPORTS: 'always' },
    (server, name) => forGood(suite, server, name));
}

async function undoing(suite, server, name) {
  await suite.check(server, `${name}: one message goes at once, and Undo brings it back`, async (visit) => {
    const { path } = await server.account('one', ['First', 'Second', 'Third']);
    const page = await visit.open({ as: 'demo', path });
    const before = await listed(page, path);
    assert.equal(before.entries, 3);
    await page.getByRole('link', { name: 'Second' }).click();
    await page.getByRole('button', { name: 'Delete message' }).click();
    await page.waitForURL((url) => url.pathname === path);
    assert.equal(await told(page), '1 message deleted.');
    await page.getByText(/It goes for good in 5 minutes\./).waitFor();
    assert.deepEqual(await subjects(page), ['Third', 'First']);
    const after = await listed(page, path);
    assert.equal(after.entries, 2);
    assert.notEqual(after.etag, before.etag);
    await undo(page).click();
    await page.getByText('1 message is back.').waitFor();
    assert.deepEqual(await subjects(page), ['Third', 'Second', 'First'], 'where it was');
    assert.equal((await listed(page, path)).entries, 3);
    assert.equal(await undo(page).count(), 0);
  });

  await suite.check(server, `${name}: without JavaScript: one, several, nothing selected, undo`, async (visit) => {
    const { path } = await server.account('plain', ['A', 'B', 'C']);
    const page = await visit.open({ as: 'demo', path, javaScriptEnabled: false });
    await page.getByRole('button', { name: 'Delete selected' }).click();
    assert.match(await told(page), /No message was selected/);
    await page.getByRole('link', { name: 'B' }).click();
    await page.getByRole('button', { name: 'Delete message' }).click();
    assert.deepEqual(await subjects(page), ['C', 'A']);
    assert.match((await texts(page, '.undo'))[0], /^1 message deleted\. It goes for good at \d\d:\d\d:\d\d UTC\. Undo$/);
    await page.locator('[name=id]').nth(0).check();
    await page.locator('[name=id]').nth(1).check();
    await page.getByRole('button', { name: 'Delete selected' }).click();
    await page.getByRole('heading', { name: 'No messages are waiting' }).waitFor();
    assert.match((await texts(page, '.undo'))[0], /^2 messages deleted\. They go for good at/);
    await undo(page).click();
    await page.getByText('2 messages are back.').waitFor();
    assert.deepEqual(await subjects(page), ['C', 'A']);
    assert.match((await texts(page, '.undo'))[0], /^1 message deleted/, 'the deletion before it may be undone too');
    await undo(page).click();
    await page.getByText('1 message is back.').waitFor();
    assert.deepEqual(await subjects(page), ['C', 'B', 'A']);
    assert.equal((await listed(page, path)).entries, 3);
  });

  await suite.check(server, `${name}: several: Shift selects a range, the button counts, undo waits on every page`, async (visit) => {
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
    await page.waitForFunction(() => document.querySelectorAll('.row').length === 2);
    assert.equal(await told(page), '6 messages deleted.');
    assert.deepEqual(await subjects(page), ['H', 'A']);
    assert.equal((await listed(page, path)).entries, 2);
    assert.match((await texts(page, '.usage'))[0], /^2 messages/);
    await page.goto('/accounts');
    await undo(page).click();
    await page.waitForURL((url) => url.pathname === path);
    assert.equal(await told(page), '6 messages are back.');
    assert.equal(await page.locator('.row').count(), 8);
    await page.reload();
    assert.equal(await page.getByRole('main').getByRole('status').count(), 0, 'it is said once');
  });

  await suite.check(server, `${name}: going back after deleting does not delete again by itself`, async (visit) => {
    const { path } = await server.account('back', ['A', 'B', 'C']);
    const page = await visit.open({ as: 'demo', path });
    await page.locator('.row .pick').nth(0).click();
    await page.locator('#bulk-go').click();
    await page.waitForFunction(() => document.querySelectorAll('.row').length === 2);
    await page.goBack();
    await page.locator('.row').first().waitFor();
    assert.equal((await listed(page, path)).entries, 2);
    await undo(page).click();
    await page.getByText('1 message is back.').waitFor();
  });
}

async function forGood(suite, server, name) {
  await suite.check(server, `${name}: the countdown ends, the message is gone, and its sender is told only then`, async (visit) => {
    const { path } = await server.account('over', ['Goes', 'Stays']);
    const page = await visit.open({ as: 'demo', path });
    await page.getByRole('link', { name: 'Goes' }).click();
    const address = new URL(page.url()).pathname;
    await page.getByRole('button', { name: 'Delete message' }).click();
    const early = await (await page.request.get('/api/v1/reports')).json();
    await page.getByText(/It goes for good in [12] s\./).waitFor();
    assert.deepEqual(early.items, [], 'nobody is told while it can be undone');
    await undo(page).focus();
    await page.getByText('Gone for good.').waitFor();
    assert.equal(await undo(page).count(), 0);
    assert.equal(await page.evaluate(() => document.activeElement.id), 'main', 'the focus is not lost with the button');
    await eventually(async () => {
      const { items } = await (await page.request.get('/api/v1/reports')).json();
      assert.equal(items.length, 1);
    });
    const response = await page.goto(address);
    assert.equal(response.status(), 404);
    assert.deepEqual(await subjects(await visit.open({ as: 'demo', path })), ['Stays']);
  });

  await suite.check(server, `${name}: undo on a page that is too old says that it is too late`, async (visit) => {
    const { path } = await server.account('late', ['A', 'B']);
    const page = await visit.open({ as: 'demo', path, javaScriptEnabled: false });
    await page.locator('[name=id]').nth(0).check();
    await page.getByRole('button', { name: 'Delete selected' }).click();
    const other = await visit.open({ as: 'demo', path });
    await eventually(async () => {
      await other.reload();
      assert.equal(await undo(other).count(), 0);
    });
    await undo(page).click();
    assert.match(await page.getByRole('alert').innerText(), /too late to undo/);
    assert.deepEqual(await subjects(page), ['A']);
  });

  await suite.check(server, `${name}: who closes the page has deleted all the same`, async (visit) => {
    const { path } = await server.account('left', ['A', 'B']);
    const page = await visit.open({ as: 'demo', path });
    await page.locator('.row .pick').nth(0).click();
    await page.locator('#bulk-go').click();
    await undo(page).waitFor();
    await page.close();
    const later = await visit.open({ as: 'demo', path });
    const address = `/api/v1${path}/messages?limit=10`;
    await eventually(async () => {
      await later.reload();
      assert.equal(await undo(later).count(), 0);
    });
    assert.equal((await (await later.request.get(address)).json()).items.length, 1);
  });
}
