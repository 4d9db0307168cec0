// Signing in, and where it leads.
import assert from 'node:assert/strict';
import { signIn, texts } from '../lib/visit.mjs';

export default async function signingIn(suite) {
  const server = await suite.start('demo');

  await suite.check(server, 'a wrong password is refused with a message and keeps the name', async (visit) => {
    const page = await visit.open({ path: '/sign-in' });
    await signIn(page, 'demo', 'not the password');
    assert.match(await page.getByRole('alert').innerText(), /name and password do not go together/);
    assert.equal(await page.getByLabel('Name', { exact: true }).inputValue(), 'demo');
    const password = page.getByLabel('Password', { exact: true });
    assert.equal(await password.inputValue(), '', 'the password is not repeated');
    assert.equal(await password.evaluate((input) => input === document.activeElement), true, 'the password is asked next');
  });

  await suite.check(server, 'the right password leads an operator to all three accounts', async (visit) => {
    const page = await visit.open({ path: '/' });
    await signIn(page, 'demo', server.printed.demo);
    await page.getByRole('heading', { name: 'Accounts', level: 1 }).waitFor();
    assert.deepEqual(await texts(page, 'tbody .open'), ['Alice Martin', 'Bob Strong', 'דנה לוי']);
    assert.match((await texts(page, '.who .name'))[0], /demo operator/);
    assert.match((await texts(page, '.ribbon'))[0], /Demo/);
  });

  await suite.check(server, 'signing in leads to the page that was asked for', async (visit) => {
    const page = await visit.open({ path: '/accounts/sip%3Abob%40example.org?q=from%3Amartin' });
    assert.equal(new URL(page.url()).pathname, '/sign-in');
    await signIn(page, 'demo', server.printed.demo);
    await page.getByRole('heading', { name: 'Bob Strong', level: 1 }).waitFor();
    assert.deepEqual(await texts(page, '.row .open'), ['Subject and text hidden']);
  });

  await suite.check(server, 'signing in never leads to another site', async (visit) => {
    const page = await visit.open({ path: '/sign-in?next=https%3A%2F%2Fevil.example%2F' });
    await signIn(page, 'demo', server.printed.demo);
    await page.getByRole('heading', { name: 'Accounts', level: 1 }).waitFor();
    assert.equal(new URL(page.url()).origin, server.url);
  });

  await suite.check(server, 'searching accounts by name and by address', async (visit) => {
    const page = await visit.open({ as: 'demo', path: '/accounts' });
    const search = async (text) => {
      await page.getByLabel('Search accounts').fill(text);
      await page.getByRole('button', { name: 'Search' }).click();
      await page.waitForURL((url) => url.searchParams.get('q') === text);
      return texts(page, 'tbody .open');
    };
    assert.deepEqual(await search('strong'), ['Bob Strong']);
    assert.deepEqual(await search('dana@'), ['דנה לוי']);
    assert.deepEqual(await search('nobody at all'), []);
    await page.getByRole('heading', { name: 'No account matches “nobody at all”' }).waitFor();
    await page.getByRole('link', { name: 'Show all accounts' }).click();
    await page.getByRole('link', { name: 'Alice Martin' }).click();
    await page.getByRole('heading', { name: 'Alice Martin', level: 1 }).waitFor();
  });
}
