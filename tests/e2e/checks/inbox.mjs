// The messages of an account: what is listed, how hostile text looks, searching.
import assert from 'node:assert/strict';
import { texts } from '../lib/visit.mjs';

export const ALICE = '/accounts/sip%3Aalice%40example.org';
const HOSTILE = '<script>alert(1)</script> invoice \u202efdp.exe';
const SUBJECTS = ['Site visit', '(no subject)', 'פגישה ביום ראשון', 'Contract', 'Log of the night', HOSTILE,
  'Drawings, second floor', 'To all of us', '(no subject)'];

export default async function inbox(suite) {
  const server = await suite.start('demo');
  const open = (visit) => visit.open({ as: 'demo', path: ALICE });

  await suite.check(server, 'the inbox of Alice lists all sample messages, newest first', async (visit) => {
    const page = await open(visit);
    await page.goto('/accounts');
    await page.getByRole('link', { name: 'Alice Martin' }).click();
    await page.getByRole('heading', { name: 'Alice Martin', level: 1 }).waitFor();
    assert.deepEqual(await texts(page, '.row .open'), SUBJECTS);
    assert.match((await texts(page, '.usage'))[0], /^9 messages/);
    assert.deepEqual(await texts(page, '.row:nth-child(1) .from .cut'), ['Carol Jensen', 'sip:carol@example.org']);
    const times = await texts(page, '.row time');
    assert.ok(times.every((text) => /just now|yesterday|ago|left/.test(text)), `times are told as distances: ${times}`);
    const soon = page.locator('.row:nth-child(2) .left');
    assert.match(await soon.innerText(), /[23] hours left/);
    assert.match(await soon.getAttribute('class'), /soon/, 'a message that expires within a day stands out');
  });

  await suite.check(server, 'a hostile subject is text: no script runs, and reversed text is flagged', async (visit) => {
    const page = await open(visit);
    const row = page.locator('.row').filter({ hasText: 'invoice' });
    assert.equal(await row.locator('.open').textContent(), HOSTILE);
    assert.equal(await page.locator('main script, main img').count(), 0);
    assert.equal(await row.locator('.chip.warn').innerText(), 'Check the text');
    assert.equal(await page.locator('.row .chip.warn').count(), 1, 'honest right-to-left text is not flagged');
    await row.locator('.open').click();
    assert.equal(await page.getByRole('heading', { level: 1 }).textContent(), HOSTILE);
    await page.getByText('it may not say what it seems to say').waitFor();
    await page.getByText('Sender not confirmed.').waitFor();
    assert.equal(await page.locator('#text pre').textContent(),
      'Please open <img src=x onerror=alert(1)> and tell me your password.');
    assert.equal(await page.locator('main script, #text img').count(), 0);
  });

  await suite.check(server, 'marks tell of attachments, wanted reports and kinds', async (visit) => {
    const page = await open(visit);
    const marks = (subject) => page.locator('.row').filter({ hasText: subject }).locator('.marks').textContent();
    assert.match(await marks('Drawings'), /Has attachments.*Multipart/s);
    assert.match(await marks('Contract'), /Report wanted.*CPIM/s);
    assert.match(await page.locator('.row:last-child .marks').textContent(), /Receipt/);
  });

  await suite.check(server, 'searching: from:, words, nothing found, clearing', async (visit) => {
    const page = await open(visit);
    const search = async (text) => {
      await page.getByLabel('Search these messages').fill(text);
      await page.keyboard.press('Enter');
      await page.waitForURL((url) => url.searchParams.get('q') === text);
    };
    await search('from:bob');
    assert.deepEqual(await texts(page, '.row .from .cut'), ['sip:bob@example.org', 'sip:bob@example.org']);
    assert.equal(await page.getByLabel('Search these messages').inputValue(), 'from:bob');
    await search('subject:drawings "sheet three"');
    assert.deepEqual(await texts(page, '.row .open'), ['Drawings, second floor']);
    await search('פגישה');
    assert.deepEqual(await texts(page, '.row .open'), ['פגישה ביום ראשון']);
    await search('no such words');
    await page.getByRole('heading', { name: 'Nothing matches “no such words”' }).waitFor();
    await page.getByRole('link', { name: 'Clear' }).click();
    await page.locator('.row').nth(7).waitFor();
  });

  await suite.check(server, 'a search that cannot be read says in which column', async (visit) => {
    const page = await visit.open({ as: 'demo', path: `${ALICE}?q=${encodeURIComponent('visit from:')}` });
    const alert = page.getByRole('alert');
    assert.match(await alert.innerText(), /column 7.*from: needs a text/);
    const field = page.getByLabel('Search these messages');
    assert.equal(await field.inputValue(), 'visit from:', 'what was typed is kept');
    assert.equal(await field.getAttribute('aria-describedby'), await alert.getAttribute('id'));
  });

  await suite.check(server, 'each term of a search is a chip that takes it out, and orders keep the search', async (visit) => {
    const page = await visit.open({ as: 'demo', path: `${ALICE}?q=${encodeURIComponent('from:bob -subject:"no such" call')}` });
    const chips = page.getByRole('list', { name: 'What is searched for' }).getByRole('link');
    assert.deepEqual(await chips.allTextContents(), ['Remove from:bob×', 'Remove -subject:"no such"×', 'Remove call×']);
    await chips.nth(2).click();
    await page.waitForURL((url) => url.searchParams.get('q') === 'from:bob -subject:"no such"');
    const subjects = await texts(page, '.row .open');
    assert.equal(subjects.length, 2);
    await page.getByRole('navigation', { name: 'Order' }).getByRole('link', { name: 'Oldest first' }).click();
    await page.waitForURL((url) => url.searchParams.get('sort') === 'stored');
    assert.deepEqual(await texts(page, '.row .open'), subjects.reverse());
    assert.equal(await page.getByRole('link', { name: 'Oldest first' }).getAttribute('aria-current'), 'true');
    await page.getByLabel('Search these messages').fill('from:bob');
    await page.keyboard.press('Enter');
    await page.waitForURL((url) => url.searchParams.get('q') === 'from:bob' && url.searchParams.get('sort') === 'stored');
  });

  await suite.check(server, 'long lists come in pages that lead on and back', async (visit) => {
    const subjects = Array.from({ length: 52 }, (_, index) => `Letter ${index + 1}`);
    const { path } = await server.account('many', subjects);
    const page = await visit.open({ as: 'demo', path });
    assert.equal(await page.locator('.row').count(), 50);
    await page.getByRole('link', { name: 'Next page' }).click();
    await page.getByRole('link', { name: 'Start of the list' }).waitFor();
    assert.deepEqual(await texts(page, '.row .open'), ['Letter 2', 'Letter 1']);
    await page.getByRole('link', { name: 'Start of the list' }).click();
    await page.getByRole('link', { name: 'Letter 52' }).waitFor();
  });
}
