// What happened to a message, also when it is gone; and keeping it longer.
import assert from 'node:assert/strict';
import { onBoth } from '../lib/postgres.mjs';
import { texts } from '../lib/visit.mjs';
import { eventually } from '../lib/wait.mjs';

const steps = (page) => texts(page, '.timeline strong');

export default async function timeline(suite) {
  const env = { RESTANTE__POLICY__UNDO_GRACE: '2s', RESTANTE__POLICY__DELIVERY_REPORTS: 'always' };
  await onBoth(suite, 'timeline', env, (server, name) => told(suite, server, name));
}

async function told(suite, server, name) {
  await suite.check(server, `${name}: a message is kept longer by a click or to a day; what cannot be is refused beside the field`, async (visit) => {
    const { path } = await server.account('longer', ['Keep me']);
    const page = await visit.open({ as: 'demo', path });
    await page.getByRole('link', { name: 'Keep me' }).click();
    const extend = page.locator('summary', { hasText: 'Extend' });
    assert.equal(await page.getByRole('button', { name: '7 days more' }).isVisible(), false);
    await extend.press('Enter');
    await page.getByRole('button', { name: '7 days more' }).click();
    await page.getByText(/^Kept until /).waitFor();
    assert.match((await texts(page, '.facts .will'))[0], /14 days left/);
    assert.deepEqual(await steps(page), ['Stored', 'Read by an operator', 'Expiry changed']);
    assert.match((await texts(page, '.timeline li'))[2], /Expiry changed by demo Expires/);

    await extend.click();
    const day = page.getByLabel('Or to the end of a day');
    await day.fill('2001-02-03');
    assert.equal(await day.evaluate((input) => input.validity.rangeUnderflow), true, 'the browser itself refuses a day that has passed');
    await page.locator('.extend form').evaluate((form) => { form.noValidate = true; });
    await page.getByRole('button', { name: 'Keep until then' }).click();
    const alert = page.getByRole('alert');
    assert.match(await alert.innerText(), /after now and not after/);
    assert.ok((await day.getAttribute('aria-describedby')).split(' ').includes(await alert.getAttribute('id')));
    assert.equal(await day.inputValue(), '2001-02-03', 'what was chosen is kept');
    // A wrong day does not keep the other choices from being taken.
    await page.getByRole('button', { name: 'As long as possible' }).click();
    await page.getByText(/^Kept until /).waitFor();
    assert.match((await texts(page, '.facts .will'))[0], /30 days left/);
  });

  await suite.check(server, `${name}: without JavaScript too`, async (visit) => {
    const { path } = await server.account('plainly', ['Keep me']);
    const page = await visit.open({ as: 'demo', path, javaScriptEnabled: false });
    await page.getByRole('link', { name: 'Keep me' }).click();
    await page.locator('summary', { hasText: 'Extend' }).click();
    const soon = new Date(Date.now() + 3 * 86400e3).toISOString().slice(0, 10);
    await page.getByLabel('Or to the end of a day').fill(soon);
    await page.getByRole('button', { name: 'Keep until then' }).click();
    assert.match(await page.getByRole('main').getByRole('status').innerText(), /^Kept until .*, 23:59 UTC\.$/);
  });

  await suite.check(server, `${name}: the address of a message that is gone tells what became of it, and how the report fares`, async (visit) => {
    const { path } = await server.account('gone', ['Bring me back', 'Stays']);
    const page = await visit.open({ as: 'demo', path });
    await page.getByRole('link', { name: 'Bring me back' }).click();
    await page.getByRole('heading', { name: 'Bring me back', level: 1 }).waitFor();
    const address = new URL(page.url()).pathname;
    await page.getByRole('button', { name: 'Delete message' }).click();
    await page.getByRole('button', { name: 'Undo' }).click();
    await page.getByRole('link', { name: 'Bring me back' }).click();
    await page.locator('#timeline').waitFor();
    assert.deepEqual(await steps(page), ['Stored', 'Read by an operator', 'Deletion asked for', 'Deletion taken back']);
    await page.getByRole('button', { name: 'Delete message' }).click();
    await page.getByRole('button', { name: 'Undo' }).waitFor();
    let response = await page.goto(address);
    assert.equal(response.status(), 404);
    await page.getByRole('heading', { name: 'This message is gone', level: 1 }).waitFor();
    await eventually(async () => {
      await page.reload();
      assert.equal((await steps(page)).at(-1), 'Deleted');
    });
    assert.match((await texts(page, '.timeline li')).at(-1), /^Deleted by demo/);
    await page.getByText('It was deleted, and its content with it.').waitFor();
    assert.match((await texts(page, '#timeline dl'))[0], /^State Waiting To sip:carol@example.org Queued .* Tries none yet Next try/);
    const { items: [report] } = await (await server.gateway('reports?limit=1')).json();
    const refused = await server.gateway(`reports/${report.id}/nack`, { method: 'POST', body: JSON.stringify({ error: '480 <b>Away</b>' }), headers: { 'content-type': 'application/json' } });
    assert.ok(refused.ok, `${refused.status}: ${await refused.text()}`);
    await page.reload();
    assert.match((await texts(page, '#timeline dl'))[0], /Tries 1 Last answer 480 <b>Away<\/b> Next try/);
    response = await (await visit.open({ as: 'alice' })).goto(address);
    assert.equal(response.status(), 404);
    assert.doesNotMatch(await response.text(), /Timeline/, 'for others there is nothing');
    response = await page.goto(address.replace(/\d\d$/, '99'));
    assert.equal(response.status(), 404);
    assert.equal(await page.getByRole('heading', { level: 1 }).innerText(), 'Not found', 'nor where there never was a message');
  });
}
