// The first start on an empty database: a link makes the administrator, once.
import assert from 'node:assert/strict';
import { freshDatabase } from '../lib/postgres.mjs';
import { temporaryDirectory } from '../lib/server.mjs';
import { signIn, texts } from '../lib/visit.mjs';

const PASSWORD = 'the harbour opens at nine';
const LINK = /http:\/\/\S+\/setup\?token=\S+/;

export default async function firstStart(suite) {
  await onDatabase(suite, 'SQLite', {});
  const { url, reason } = freshDatabase();
  if (url) await onDatabase(suite, 'PostgreSQL', { RESTANTE__DATABASE__URL: url });
  else suite.skip('first start on PostgreSQL', reason);
}

async function fill(page, password, again) {
  const field = page.getByLabel('Password', { exact: true });
  await field.fill('');
  await field.pressSequentially(password);
  const second = page.getByLabel('Password again');
  await second.fill('');
  await second.pressSequentially(again);
  await page.getByRole('button', { name: 'Create administrator' }).click();
}

const alert = (page) => page.getByRole('alert').innerText();

async function onDatabase(suite, name, env) {
  const options = { env, directory: temporaryDirectory() };
  const server = await suite.start('serve', options);
  const link = LINK.exec(server.stdout)?.[0];

  await suite.check(server, `${name}: the printed link opens the setup page; bad passwords are refused with a reason`, async (visit) => {
    assert.ok(link, `no link was printed: ${server.stdout}`);
    const page = await visit.open({ path: link });
    assert.equal(await page.getByRole('heading', { level: 1 }).innerText(), 'Open the counter');
    await page.getByLabel('Name', { exact: true }).fill('boss');
    await fill(page, PASSWORD, 'the harbour opens at ten');
    assert.match(await alert(page), /two passwords differ/i);
    assert.equal(await page.getByLabel('Name', { exact: true }).inputValue(), 'boss', 'the name is kept');

    await fill(page, 'short', 'short');
    const field = page.getByLabel('Password', { exact: true });
    assert.equal(await field.evaluate((input) => input.validity.tooShort), true, 'the browser itself refuses a short password');
    assert.notEqual(await field.evaluate((input) => input.validationMessage), '');
    await page.locator('main form').evaluate((form) => { form.noValidate = true; });
    await page.getByRole('button', { name: 'Create administrator' }).click();
    await page.getByRole('alert').filter({ hasText: /characters/ }).waitFor();
  });

  await suite.check(server, `${name}: it creates the administrator and signs in`, async (visit) => {
    const page = await visit.open({ path: link });
    await page.getByLabel('Name', { exact: true }).fill('boss');
    await fill(page, PASSWORD, PASSWORD);
    await page.getByRole('heading', { name: 'Accounts', level: 1 }).waitFor();
    assert.match((await texts(page, '.who .name'))[0], /boss admin/);
    await page.getByRole('heading', { name: 'No accounts yet' }).waitFor();
  });

  await suite.check(server, `${name}: the link is dead afterwards, and so is any other`, async (visit) => {
    const page = await visit.open();
    for (const dead of [link, '/setup?token=guessed', '/setup']) {
      const response = await page.goto(dead);
      assert.equal(response.status(), 404, dead);
      assert.equal(await page.getByRole('heading', { level: 1 }).innerText(), 'Not found');
    }
  });

  await server.stop();
  const again = await suite.start('serve', options);
  await suite.check(again, `${name}: a new owner is greeted, and a message by the shown way arrives`, async (visit) => {
    const add = ['user', 'add', 'olga', '--role', 'user', '--aor', 'sip:olga@example.org', '--password-stdin'];
    await again.run(add, { input: `${PASSWORD}\n` });
    const page = await visit.open({ path: '/' });
    await signIn(page, 'olga', PASSWORD);
    await page.getByRole('heading', { name: 'Nothing has arrived yet' }).waitFor();
    assert.equal(await page.getByRole('button', { name: 'Send a test message' }).count(), 0, 'this is no demo');
    const [token, send] = await texts(page, '.cmd pre');
    const create = /\$\(restante (.*)\)$/.exec(token)[1].split(' ');
    const secret = (await again.run(create)).match(/rst_\S+/)[0];
    const words = send.match(/'[^']*'|\S+/g).map((word) => word.replaceAll("'", ''));
    assert.equal(words.shift(), 'restante');
    await again.run(words, { env: { RESTANTE_TOKEN: secret } });
    await page.reload();
    assert.deepEqual(await texts(page, '.row .sub:not(.from .sub)'), ['Hello']);
  });

  await suite.check(again, `${name}: after a restart the administrator signs in, and no link is printed`, async (visit) => {
    const page = await visit.open({ path: '/' });
    await signIn(page, 'boss', PASSWORD);
    await page.getByRole('heading', { name: 'Accounts', level: 1 }).waitFor();
    await visit.close();
    // All it has printed is known when it has ended.
    const printed = await again.stop();
    assert.match(printed, /Restante serves on http/);
    assert.doesNotMatch(printed, /setup/);
  });
}
