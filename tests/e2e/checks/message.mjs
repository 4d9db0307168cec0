// One message, read: text, parts, headers, and the octets themselves.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { eventually } from '../lib/wait.mjs';
import { texts } from '../lib/visit.mjs';
import { ALICE } from './inbox.mjs';

const BOB = '/accounts/sip%3Abob%40example.org';

/** What a link saves when it is followed. */
async function saved(page, follow) {
  const [download] = await Promise.all([page.waitForEvent('download'), follow()]);
  return { name: download.suggestedFilename(), octets: await readFile(await download.path()) };
}

// Names and values of the n-th list of header fields.
const fields = (page, n) => page.locator('#headers dl').nth(n).locator('> div')
  .evaluateAll((rows) => Object.fromEntries(rows.map((row) => [...row.children].map((cell) => cell.textContent))));

export default async function message(suite) {
  const server = await suite.start('demo');
  const open = async (visit, account, subject) => {
    const page = await visit.open({ as: 'demo', path: account });
    await page.locator('.row .open').filter({ hasText: subject }).click();
    await page.getByRole('heading', { name: subject, level: 1 }).waitFor();
    return page;
  };

  await suite.check(server, 'a message of parts: text, headers, parts, and a picture that really loads', async (visit) => {
    const page = await open(visit, ALICE, 'Drawings, second floor');
    assert.match(await page.locator('#text pre').first().textContent(), /^Four sheets and a short note\./);
    assert.match((await texts(page, '.route'))[0], /From Erin Okafor sip:erin@example.net To sip:alice@example.org/);
    assert.match(await page.locator('#mid').innerText(), /^sip:\d+@mail\.example\.org$/);
    const sip = await fields(page, 0);
    assert.equal(sip.Subject, 'Drawings, second floor');
    assert.equal(sip['Content-Type'], 'multipart/mixed;boundary=floor2');
    assert.match(sip.From, /^"Erin Okafor" <sip:erin@example.net>;tag=/);
    assert.deepEqual(await texts(page, '#parts a'), ['text/plain', 'note.html', 'second floor.png']);
    const picture = page.locator('#parts img');
    await picture.scrollIntoViewIfNeeded();
    await eventually(async () => assert.ok(await picture.evaluate((img) => img.complete && img.naturalWidth > 0), 'the picture has not loaded'));
    const file = await saved(page, () => page.getByRole('link', { name: 'second floor.png' }).click());
    assert.equal(file.name, 'second floor.png');
    assert.equal(file.octets.subarray(1, 4).toString(), 'PNG');
  });

  await suite.check(server, 'a picture alone is shown', async (visit) => {
    const page = await open(visit, BOB, 'Greetings from the harbour');
    await page.getByText('No text to show in this message.').waitFor();
    const picture = page.getByRole('img', { name: /Picture in part 1/ });
    await picture.scrollIntoViewIfNeeded();
    await eventually(async () => assert.ok(await picture.evaluate((img) => img.naturalWidth > 0), 'the picture has not loaded'));
  });

  await suite.check(server, 'CPIM: the wrapper\'s headers and the reports asked for', async (visit) => {
    const page = await open(visit, ALICE, 'Contract');
    assert.match(await page.locator('#text pre').textContent(), /^The contract is signed\./);
    await page.getByRole('heading', { name: 'CPIM headers' }).waitFor();
    const cpim = await fields(page, 1);
    assert.equal(cpim['imdn.Message-ID'], '34jk324j');
    assert.equal(cpim['imdn.Disposition-Notification'], 'positive-delivery, negative-delivery');
    assert.deepEqual(await texts(page, '.facts .chip'), ['positive-delivery', 'negative-delivery']);
  });

  await suite.check(server, 'HTML is shown as text and saved, never rendered', async (visit) => {
    const page = await open(visit, BOB, 'This week');
    assert.equal(await page.locator('#text pre').textContent(),
      "<h1>This week</h1><p>Three things.</p><script>document.title='owned'</script>");
    assert.equal(await page.locator('#text pre *').count(), 0);
    assert.equal(await page.title(), 'This week · Restante');
    const part = page.getByRole('link', { name: 'text/html', exact: true });
    const href = await part.getAttribute('href');
    await saved(page, () => part.click());
    for (const url of [href, `${href}?inline=true`]) {
      const { octets } = await saved(page, () => page.goto(url).catch(() => {}));
      assert.match(octets.toString(), /^<h1>This week/);
    }
  });

  await suite.check(server, 'right-to-left text runs from the right', async (visit) => {
    const page = await open(visit, ALICE, 'פגישה ביום ראשון');
    const direction = (selector) => page.locator(selector).first().evaluate((element) => getComputedStyle(element).direction);
    assert.equal(await direction('h1'), 'rtl');
    assert.equal(await direction('#text pre'), 'rtl');
    assert.equal(await direction('main'), 'ltr', 'the page around it stays as it is');
    await page.goto(ALICE);
    const subject = page.locator('.row .open').filter({ hasText: 'פגישה' });
    assert.equal(await subject.evaluate((element) => getComputedStyle(element).direction), 'rtl');
  });

  await suite.check(server, 'Raw saves exactly the octets that a gateway handed over', async (visit) => {
    const sent = Buffer.from('MESSAGE sip:octets@example.org SIP/2.0\r\nVia: SIP/2.0/TCP proxy.example.org;branch=z9hG4bKoctets\r\n' +
      'Max-Forwards: 69\r\nf: <sip:carol@example.org>;tag=1\r\nTo:   <sip:octets@example.org>\r\nCall-ID: octets@example.org\r\n' +
      'CSeq: 1 MESSAGE\r\ns: Compact and\r\n\tfolded\r\nContent-Type: text/plain;charset=ISO-8859-1\r\nContent-Length: 7\r\n\r\ncaf\xe9 \x00\x80', 'latin1');
    const answer = await fetch(`${server.url}/gateway/v1/messages`, {
      method: 'POST', body: sent,
      headers: { authorization: `Bearer ${server.printed.token}`, 'content-type': 'message/sip' },
    });
    assert.ok(answer.ok, `the gateway answers ${answer.status}: ${await answer.text()}`);
    const page = await visit.open({ as: 'demo', path: '/accounts/sip%3Aoctets%40example.org' });
    await page.locator('.row .open').click();
    const raw = page.getByRole('link', { name: 'Raw' });
    const href = await raw.getAttribute('href');
    const file = await saved(page, () => raw.click());
    assert.match(file.name, /\.sip$/);
    assert.deepEqual(file.octets, sent);
    assert.deepEqual(await (await page.request.get(href)).body(), sent);
    const json = await (await page.request.get(await page.getByRole('link', { name: 'JSON' }).getAttribute('href'))).json();
    assert.equal(json.stored_size, sent.length);
    assert.equal(json.message_id, await page.locator('#mid').innerText());
  });

  await suite.check(server, 'a large message: its session, its beginning, and all of it saved', async (visit) => {
    const page = await visit.open({ as: 'demo', path: ALICE });
    const row = page.locator('.row').filter({ hasText: 'Log of the night' });
    assert.match(await row.locator('.kind').innerText(), /^Large\s+\d+ KB$/);
    await row.locator('.open').click();
    await page.getByRole('heading', { name: 'Log of the night', level: 1 }).waitFor();
    await page.locator('.facts').getByText('Completely received').waitFor();
    await page.locator('#text').getByText('no more than its beginning').waitFor();
    assert.match(await page.locator('#text pre').textContent(), /^00001 pump 2 runs/);
    assert.deepEqual(await texts(page, '#session h3'), ['INVITE raw', '200 OK raw', 'MSRP SEND raw', 'BYE raw']);
    assert.match((await texts(page, '#session dl'))[1], /From "Erin Okafor" <sip:erin@example.net>;tag=e1 To <sip:alice@example.org>;tag=r1 Date/);
    const invite = await saved(page, () => page.getByRole('link', { name: 'Download INVITE, raw' }).click());
    assert.match(invite.octets.toString(), /^INVITE sip:alice@example.org SIP\/2.0\r\n/);
    const file = await saved(page, () => page.getByRole('link', { name: 'Download the content' }).click());
    assert.equal(file.name, 'pumps.log');
    assert.match(file.octets.toString(), /12000 pump 1 runs, 4 bar\r\n$/);
  });

  await suite.check(server, 'a message without content is shown too', async (visit) => {
    const page = await open(visit, '/accounts/sip%3Adana%40example.org', 'Are you there?');
    await page.getByText('No text to show in this message.').waitFor();
    assert.match((await texts(page, '.facts'))[0], /Empty, 0 B/);
  });
}
