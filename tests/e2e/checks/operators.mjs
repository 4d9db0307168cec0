// What operators do: delivery reports, and erasing accounts, which owners do as well.
import assert from 'node:assert/strict';
import { onBoth } from '../lib/postgres.mjs';
import { signIn, texts } from '../lib/visit.mjs';
import { eventually } from '../lib/wait.mjs';
import { ALICE } from './inbox.mjs';

export default async function operators(suite) {
  const env = { RESTANTE__POLICY__UNDO_GRACE: '1s', RESTANTE__POLICY__DELIVERY_REPORTS: 'always' };
  await onBoth(suite, 'operators', env, async (server, name) => {
    await reports(suite, server, name);
    await erasing(suite, server, name);
  });
  const never = await suite.start('demo', { env: { RESTANTE__POLICY__DELIVERY_REPORTS: 'never' } });
  await suite.check(never, 'where no reports are made the page says so', async (visit) => {
    const page = await visit.open({ as: 'demo', path: '/reports' });
    await page.getByRole('heading', { name: 'No reports are made' }).waitFor();
    await page.getByText('policy.delivery_reports').waitFor();
  });
}

async function reports(suite, server, name) {
  const targets = (page) => texts(page, '.reports h2');
  const states = (page) => texts(page, '.reports .state');

  await suite.check(server, `${name}: reports: nothing yet, then waiting, given to a connector, retried, dropped`, async (visit) => {
    const page = await visit.open({ as: 'demo', path: '/accounts' });
    await page.getByRole('link', { name: 'Reports' }).click();
    await page.getByRole('heading', { name: 'No reports', exact: true }).waitFor();
    await page.getByText('GET /gateway/v1/reports').waitFor();

    const aor = 'sip:reported@example.org';
    for (const user of ['carol', 'bob', 'erin']) await server.send(aor, `From ${user}`, 'Text', `sip:${user}@example.org`);
    await page.goto(`/accounts/${encodeURIComponent(aor)}`);
    await page.getByLabel('Select all on this page').check();
    await page.locator('#bulk-go').click();
    await page.getByText('Gone for good.').waitFor();
    await eventually(async () => {
      await page.goto('/reports');
      assert.deepEqual(await targets(page), ['sip:erin@example.org', 'sip:bob@example.org', 'sip:carol@example.org']);
    });
    assert.deepEqual(await states(page), ['Waiting', 'Waiting', 'Waiting']);
    assert.match((await texts(page, '.reports dl'))[0], /^Message deleted sip:\d+@\S+ of sip:reported@example.org Queued just now Tries none yet Next try now$/);

    const { items } = await (await server.gateway('reports?limit=2')).json();
    assert.deepEqual(items.map(({ to }) => to), ['sip:carol@example.org', 'sip:bob@example.org']);
    const nack = await server.gateway(`reports/${items[0].id}/nack`, { method: 'POST', body: JSON.stringify({ error: '480 Away' }), headers: { 'content-type': 'application/json' } });
    assert.ok(nack.ok, `${nack.status}`);
    await server.gateway(`reports/${items[1].id}/ack`, { method: 'POST' });
    await page.reload();
    assert.deepEqual(await states(page), ['Waiting', 'Sent', 'Waiting']);
    const failed = page.locator('.reports li').last();
    assert.match((await failed.locator('dl').innerText()).replace(/\s+/g, ' '), /Tries 1 Next try within a minute Last answer 480 Away$/);
    const filter = page.getByRole('navigation', { name: 'Reports by state' });
    await filter.getByRole('link', { name: 'Waiting' }).click();
    assert.deepEqual(await targets(page), ['sip:erin@example.org', 'sip:carol@example.org']);
    assert.equal(await filter.getByRole('link', { name: 'Waiting' }).getAttribute('aria-current'), 'page');

    await page.getByRole('button', { name: 'Retry now — report to sip:carol@example.org' }).click();
    assert.match(await page.getByRole('main').getByRole('status').innerText(), /The report to sip:carol@example.org is tried again now/);
    assert.equal(new URL(page.url()).search, '?state=pending', 'the choice is kept');
    await page.getByRole('button', { name: 'Drop, the sender is not told — report to sip:erin@example.org' }).click();
    assert.match(await page.getByRole('main').getByRole('status').innerText(), /The report was dropped/);
    assert.deepEqual(await targets(page), ['sip:carol@example.org']);
    await page.locator('.reports .open').click();
    await page.getByRole('heading', { name: 'This message is gone' }).waitFor();
  });

  await suite.check(server, `${name}: reports without JavaScript, and not for owners`, async (visit) => {
    const page = await visit.open({ as: 'demo', path: '/reports?state=sent', javaScriptEnabled: false });
    assert.equal(await page.getByRole('button', { name: /^Retry/ }).count(), 0, 'what was sent is not sent again');
    await page.getByRole('button', { name: /^Drop from this list/ }).click();
    await page.getByRole('heading', { name: 'No reports in this state' }).waitFor();
    const owner = await visit.open({ as: 'alice', path: '/accounts' });
    assert.equal(await owner.getByRole('link', { name: 'Reports' }).count(), 0);
    assert.equal((await owner.goto('/reports')).status(), 404);
  });
}

async function erasing(suite, server, name) {
  await suite.check(server, `${name}: erasing takes the address typed, and tells what goes and what stays`, async (visit) => {
    const { aor, path } = await server.account('leaving', ['One', 'Two']);
    const page = await visit.open({ as: 'demo', path });
    await page.getByRole('link', { name: 'Erase this account' }).click();
    await page.getByRole('heading', { name: 'Erase this account', level: 1 }).waitFor();
    assert.deepEqual(await texts(page, '.two h2'), ['What goes', 'What stays']);
    assert.match((await texts(page, '.goes li'))[0], /^2 messages/);
    const field = page.getByLabel('to confirm');
    const erase = page.getByRole('button', { name: 'Erase the account and 2 messages' });
    await erase.click();
    assert.equal(await field.evaluate((input) => input.validity.valueMissing), true, 'the browser itself wants it typed');
    await field.fill('sip:leaving@example.com');
    await erase.click();
    const alert = page.getByRole('alert');
    assert.match(await alert.innerText(), /not the address of the account\. Nothing was erased/);
    assert.equal(await field.getAttribute('aria-describedby'), await alert.getAttribute('id'));
    assert.equal(await field.inputValue(), 'sip:leaving@example.com');
    await page.getByRole('link', { name: 'Keep the account' }).click();
    assert.equal(await page.locator('.row').count(), 2);
    await page.goto(`${path}/erase`);
    await field.fill(aor);
    await erase.click();
    await page.getByRole('heading', { name: 'Accounts', level: 1 }).waitFor();
    assert.match(await page.getByRole('main').getByRole('status').innerText(), /^sip:leaving@example.org is erased, with 2 messages, 0 people and 0 API tokens\.$/);
    assert.equal((await page.goto(path)).status(), 404);
  });

  await suite.check(server, `${name}: an owner erases her own account without JavaScript, and is signed out`, async (visit) => {
    await server.send('sip:alice@example.org', 'The last one');
    const page = await visit.open({ path: ALICE, javaScriptEnabled: false });
    await signIn(page, 'alice', server.printed.alice);
    await page.getByRole('link', { name: 'Erase this account' }).click();
    await page.getByRole('heading', { name: 'Erase your account', level: 1 }).waitFor();
    await page.getByLabel('to confirm').fill('sip:alice@example.org');
    await page.getByRole('button', { name: /^Erase the account/ }).click();
    await page.getByRole('heading', { name: 'Your account is erased', level: 1 }).waitFor();
    assert.equal(await page.getByRole('button', { name: 'Sign out' }).count(), 0);
    await page.goto(ALICE);
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    await signIn(page, 'alice', server.printed.alice);
    await page.getByRole('alert').waitFor();
  });
}
