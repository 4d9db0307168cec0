// What people do about their own sign-in.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { freshDatabase } from '../lib/postgres.mjs';
import { signIn, texts } from '../lib/visit.mjs';
import { examine } from './accessibility.mjs';

const OTHER = 'nine ships in the fog';
const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/** What an authenticator app shows for the secret, some steps of 30 s from now (RFC 6238). */
function code(secret, ahead = 0) {
  const bits = [...secret].map((letter) => BASE32.indexOf(letter).toString(2).padStart(5, '0')).join('');
  const key = Buffer.from(bits.match(/.{8}/g).map((octet) => parseInt(octet, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30000) + ahead));
  const hash = createHmac('sha1', key).update(counter).digest();
  const value = hash.readUInt32BE(hash[19] & 15) & 0x7fffffff;
  return String(value % 1_000_000).padStart(6, '0');
}

const heading = (page, name) => page.getByRole('heading', { name, level: 1 }).waitFor();
const said = (page, text) => page.locator('.notice').filter({ hasText: text }).waitFor();

export default async function people(suite) {
  await onDatabase(suite, 'SQLite', {});
  const { url, reason } = freshDatabase();
  if (url) await onDatabase(suite, 'PostgreSQL', { RESTANTE__DATABASE__URL: url });
  else suite.skip('people on PostgreSQL', reason);
}

async function onDatabase(suite, name, env) {
  const server = await suite.start('serve', { env });
  await server.furnish();
  const port = new URL(server.url).port;
  const link = async (...args) => {
    const printed = await server.run(['user', ...args], { env: { RESTANTE__HTTP__LISTEN: `127.0.0.1:${port}` } });
    return printed.match(/http:\S+\/welcome\?token=\S+/)[0];
  };
  const person = async (who) => {
    const path = await link('invite', who, '--role', 'user', '--aor', `sip:${who}@example.org`);
    return path.replace(server.url, '');
  };

  await suite.check(server, `${name}: an invitation leads to a password and in, once`, async (visit) => {
    const path = await person('ida');
    const page = await visit.open({ path });
    await heading(page, 'Welcome');
    await examine(page);
    assert.equal(await page.getByLabel('Your name').inputValue(), 'ida');
    const choose = async (password, again) => {
      await page.getByLabel('Password', { exact: true }).fill(password);
      await page.getByLabel('Password again').fill(again);
      await page.getByRole('button', { name: 'Set the password and sign in' }).click();
    };
    await choose('qwertyuiop', 'qwertyuiop');
    await said(page, 'Many people have this password');
    await choose(OTHER, OTHER);
    await page.getByRole('button', { name: 'Sign out', exact: true }).waitFor();
    assert.match((await texts(page, '.who .name'))[0], /ida user/);
    await page.goto(path);
    await heading(page, 'Not found');
  });

  await suite.check(server, `${name}: a changed password is the one to sign in with`, async (visit) => {
    const page = await visit.open({ as: 'alice', path: '/' });
    await page.getByRole('link', { name: 'Your account' }).click();
    await heading(page, 'Your account');
    const change = async (old, password) => {
      await page.getByLabel('Your password now').fill(old);
      await page.getByLabel('New password', { exact: true }).fill(password);
      await page.getByLabel('New password again').fill(password);
      await page.getByRole('button', { name: 'Change password' }).click();
    };
    await change('not my password', OTHER);
    await said(page, 'This is not your password');
    await change(server.printed.alice, OTHER);
    await said(page, 'Your password is changed');
    await page.getByRole('button', { name: 'Sign out', exact: true }).click();
    await signIn(page, 'alice', OTHER);
    await page.getByRole('button', { name: 'Sign out', exact: true }).waitFor();
  });

  await suite.check(server, `${name}: signing out everywhere leaves this browser alone signed in, also without scripts`, async (visit) => {
    const open = async (options) => {
      const page = await visit.open({ path: '/me', ...options });
      await signIn(page, 'demo', server.printed.demo);
      await heading(page, 'Your account');
      return page;
    };
    const [phone, desk] = [await open(), await open({ javaScriptEnabled: false })];
    await desk.goto('/me');
    assert.equal(await desk.locator('.own li').filter({ hasText: /Chrom.* on Linux/ }).count(), 2);
    assert.equal(await desk.locator('.own .chip').filter({ hasText: 'This one' }).count(), 1);
    await desk.getByRole('button', { name: 'Sign out everywhere else' }).click();
    await said(desk, 'one session ended');
    await phone.goto('/me');
    await heading(phone, 'Sign in');
    await desk.goto('/me');
    await heading(desk, 'Your account');
  });

  await suite.check(server, `${name}: with a second factor signing in takes a code, or a recovery code`, async (visit) => {
    const path = await person('otto');
    const page = await visit.open({ path });
    await page.getByLabel('Password', { exact: true }).fill(OTHER);
    await page.getByLabel('Password again').fill(OTHER);
    await page.getByRole('button', { name: 'Set the password and sign in' }).click();
    await page.getByRole('link', { name: 'Your account' }).click();
    await page.getByRole('link', { name: 'Add a second factor' }).click();
    await heading(page, 'Add a second factor');
    const secret = (await page.locator('#key').innerText()).replace(/\s/g, '');
    assert.match(await page.getByRole('link', { name: 'Open in an app' }).getAttribute('href'), new RegExp(`^otpauth://totp/Restante:otto\\?secret=${secret}&`));
    const box = await page.locator('svg.qr').boundingBox();
    assert.ok(box.width > 150 && Math.abs(box.width - box.height) < 2, JSON.stringify(box));
    await page.getByLabel('The code that the app shows now').fill(code(secret));
    await page.getByLabel('Your password').fill(OTHER);
    await page.getByRole('button', { name: 'Add the second factor' }).click();
    await heading(page, 'Your recovery codes');
    await examine(page);
    const recovery = (await page.locator('#codes').innerText()).trim().split('\n');
    assert.equal(recovery.length, 10);
    await page.getByRole('link', { name: 'I have kept them' }).click();
    await page.getByText('10 recovery codes').waitFor();
    await examine(page);

    const again = async () => {
      await page.getByRole('button', { name: 'Sign out', exact: true }).click();
      await page.goto('/me');
      await signIn(page, 'otto', OTHER);
      await heading(page, 'Your second factor');
    };
    const prove = async (text) => {
      await page.getByLabel('Code').fill(text);
      await page.getByRole('button', { name: 'Go on' }).click();
    };
    await again();
    await prove('000000');
    await said(page, 'This code is wrong');
    await examine(page);
    // Its own code was taken when it was added: the next one.
    await prove(code(secret, 1));
    await heading(page, 'Your account');
    await again();
    await prove(recovery[0]);
    await page.getByText('9 recovery codes').waitFor();
    await server.run(['user', 'reset-second-factor', 'otto']);
    await page.goto('/me');
    await signIn(page, 'otto', OTHER);
    await heading(page, 'Your account');
  });

  await suite.check(server, `${name}: a token of one's own opens one's own messages until it is revoked`, async (visit) => {
    const page = await visit.open({ path: await person('uma') });
    await page.getByLabel('Password', { exact: true }).fill(OTHER);
    await page.getByLabel('Password again').fill(OTHER);
    await page.getByRole('button', { name: 'Set the password and sign in' }).click();
    await page.getByRole('link', { name: 'Your account' }).click();
    await page.getByLabel('Name', { exact: true }).fill('phone');
    await page.getByRole('button', { name: 'Make a token' }).click();
    await heading(page, 'Your new token');
    const secret = (await page.locator('#secret').innerText()).trim();
    const ask = () => fetch(`${server.url}/api/v1/accounts/me/messages`, { headers: { authorization: `Bearer ${secret}` } });
    assert.equal((await ask()).status, 200);
    await page.getByRole('link', { name: 'I have kept it' }).click();
    await page.getByRole('button', { name: 'Revoke the token phone' }).click();
    await said(page, 'The token is revoked');
    assert.equal((await ask()).status, 401);
  });
}
