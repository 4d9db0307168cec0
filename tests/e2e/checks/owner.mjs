// What the owner of one account can reach, and what others cannot do in her name.
import assert from 'node:assert/strict';
import http from 'node:http';
import { signIn, texts } from '../lib/visit.mjs';
import { ALICE } from './inbox.mjs';

const BOB = '/accounts/sip%3Abob%40example.org';

/** A form as a page has it: the session's secret and the newest message. */
const formOf = async (page) => ({
  csrf: await page.locator('#bulk [name=csrf]').inputValue(),
  id: await page.locator('[name=id]').first().getAttribute('value'),
});

export default async function owner(suite) {
  const server = await suite.start('demo');
  const post = (page, form, headers = {}) => page.request.post(`${ALICE}/delete`, { form, headers, maxRedirects: 0 });
  const untouched = async (page) => {
    await page.goto(ALICE);
    assert.equal(await page.locator('.row').count(), 9);
  };

  await suite.check(server, 'the owner comes to her own inbox and sees no accounts', async (visit) => {
    const page = await visit.open({ path: '/' });
    await signIn(page, 'alice', server.printed.alice);
    await page.getByRole('heading', { name: 'Alice Martin', level: 1 }).waitFor();
    assert.equal(new URL(page.url()).pathname, ALICE);
    assert.match((await texts(page, '.who .name'))[0], /alice user/);
    assert.equal(await page.getByRole('link', { name: 'Accounts' }).count(), 0);
    await page.goto('/accounts');
    assert.deepEqual(await texts(page, 'tbody .open'), ['Alice Martin'], 'the list of accounts holds hers alone');
  });

  await suite.check(server, 'the accounts of others do not exist for her, nor do their messages and documents', async (visit) => {
    const operator = await visit.open({ as: 'demo', path: BOB });
    const message = await operator.locator('.row .open').first().getAttribute('href');
    const page = await visit.open({ as: 'alice' });
    for (const path of [BOB, message, `${BOB}/metadata`, '/accounts/sip%3Anobody%40example.org']) {
      const response = await page.goto(path);
      assert.equal(response.status(), 404, path);
      assert.equal(await page.getByRole('heading', { level: 1 }).innerText(), 'Not found');
    }
    for (const path of [`/api/v1${message}/raw`, '/xcap-root/org.openmobilealliance.deferred-list/users/sip%3Abob%40example.org/deferred-list']) {
      assert.equal((await page.request.get(path)).status(), 404, path);
    }
  });

  await suite.check(server, 'a forged form without the session\'s secret is refused', async (visit) => {
    const page = await visit.open({ as: 'alice', path: ALICE });
    const { csrf, ...form } = await formOf(page);
    for (const forged of [form, { ...form, csrf: '' }, { ...form, csrf: `${csrf.slice(0, -1)}_` }]) {
      assert.equal((await post(page, forged)).status(), 403);
    }
    visit.provoked.push(/status of 403/);
    const status = await page.evaluate(async ([path, fields]) => {
      const answer = await fetch(`${path}/delete`, { method: 'POST', body: new URLSearchParams(fields) });
      return answer.status;
    }, [ALICE, form]);
    assert.equal(status, 403, 'also from a page of this server');
    await untouched(page);
  });

  await suite.check(server, 'a form from another origin is refused even with the secret', async (visit) => {
    const page = await visit.open({ as: 'alice', path: ALICE });
    const form = await formOf(page);
    for (const headers of [{ origin: 'https://evil.example' }, { origin: 'null' }, { origin: server.url, 'sec-fetch-site': 'cross-site' }, { 'sec-fetch-site': 'same-site' }]) {
      assert.equal((await post(page, form, headers)).status(), 403, JSON.stringify(headers));
    }
    await untouched(page);
  });

  await suite.check(server, 'a page of another site that posts her form is refused', async (visit) => {
    const page = await visit.open({ as: 'alice', path: ALICE });
    const form = await formOf(page);
    const inputs = Object.entries(form).map(([name, value]) => `<input type=hidden name=${name} value="${value}">`).join('');
    const site = http.createServer((_, response) => response.writeHead(200, { 'content-type': 'text/html' })
      .end(`<!doctype html><title>Win</title><link rel=icon href=data:,><form method=post action="${server.url}${ALICE}/delete">${inputs}<button>Win</button></form>`));
    await new Promise((resolve) => site.listen(0, '127.0.0.1', resolve));
    const { port } = site.address();
    try {
      // Another origin of the same site gets the cookie along, another site does not.
      for (const [host, status] of [[`127.0.0.1:${port}`, 403], [`localhost:${port}`, 403]]) {
        visit.hosts.add(host);
        await page.goto(`http://${host}/`);
        const [response] = await Promise.all([
          page.waitForResponse((answer) => answer.url().endsWith('/delete')),
          page.getByRole('button', { name: 'Win' }).click(),
        ]);
        assert.equal(response.status(), status, host);
      }
    } finally {
      site.closeAllConnections?.();
      site.close();
    }
    await untouched(page);
  });

  await suite.check(server, 'signing out ends the session, for whoever goes back or kept the cookie', async (visit) => {
    const page = await visit.open({ path: ALICE });
    await signIn(page, 'alice', server.printed.alice);
    await page.getByRole('heading', { name: 'Alice Martin', level: 1 }).waitFor();
    const cookies = await page.context().cookies();
    assert.ok(cookies.every(({ httpOnly, sameSite }) => httpOnly && sameSite === 'Lax'), JSON.stringify(cookies));
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    await page.goBack();
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    assert.equal(await page.locator('.row').count(), 0);
    await page.context().addCookies(cookies);
    await page.goto(ALICE);
    assert.equal(new URL(page.url()).pathname, '/sign-in');
  });
}
