// Every page under axe, in light, dark and forced colours, wide and narrow, and from right to left.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { signIn } from '../lib/visit.mjs';
import { eventually } from '../lib/wait.mjs';
import { ALICE } from './inbox.mjs';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22a', 'wcag22aa', 'best-practice'];
const BOB = '/accounts/sip%3Abob%40example.org';
const DANA = '/accounts/sip%3Adana%40example.org';
const WIDTHS = [1280, 390, 320];
// 320 by 256 is what is left of 1280 by 1024 for somebody who has zoomed in fourfold.
const height = (width) => (width === 320 ? 256 : 800);
const LOOKS = [
  ...WIDTHS.flatMap((width) => ['light', 'dark'].map((colorScheme) => ({ width, colorScheme, forcedColors: 'none' }))),
  { width: 1280, colorScheme: 'dark', forcedColors: 'active' },
];
const RIGHT_TO_LEFT = WIDTHS.map((width) => ({ width, colorScheme: 'light', forcedColors: 'none', dir: 'rtl' }));

/** What axe finds on the page as it is. */
async function findings(page) {
  const { violations, passes } = await page.evaluate((rules) => window.axe.run(document, { runOnly: rules }), RULES);
  assert.ok(passes.length > 10, 'axe has looked at hardly anything');
  return violations.flatMap(({ id, nodes }) => nodes.map((node) => {
    const why = [...node.any, ...node.all, ...node.none].map(({ message }) => message).join('; ');
    return `${id}: ${node.target} ${why}`;
  }));
}

/** What sticks out sideways, if the page can be scrolled there. */
const overflow = (page) => page.evaluate(() => {
  const room = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= room) return [];
  const wide = [...document.querySelectorAll('body *')].filter((element) => {
    const box = element.getBoundingClientRect();
    return box.width && (box.right > room + 1 || box.left < -1);
  });
  return [`overflow: ${document.documentElement.scrollWidth} px in ${room} px: ${wide.slice(0, 4).map((e) => `${e.localName}.${e.className}`)}`];
});

/** Fails for what axe finds and what sticks out, in each look. */
export async function examine(page, looks = LOOKS) {
  const found = [];
  await page.evaluate(AXE);
  for (const { width, dir, ...media } of looks) {
    await page.setViewportSize({ width, height: height(width) });
    await page.emulateMedia(media);
    if (dir) await page.evaluate((value) => { document.documentElement.dir = value; }, dir);
    const look = [width, ...Object.values(media), dir].filter(Boolean).join(' ');
    for (const finding of [...await findings(page), ...await overflow(page)]) found.push(`${look}: ${finding}`);
  }
  assert.ok(found.length === 0, found.join('\n'));
}

const follow = (subject) => async (page) => {
  await page.locator('.row .open').filter({ hasText: subject }).click();
  await page.getByRole('heading', { name: subject, level: 1 }).waitFor();
};
const dialog = (key) => async (page) => {
  await page.keyboard.press('j');
  await page.keyboard.press(key);
  await page.getByRole('dialog').waitFor();
};
const deleted = async (page) => {
  await page.locator('.row .pick').nth(1).click();
  await page.locator('#bulk-go').click();
  await page.getByRole('button', { name: 'Undo' }).waitFor();
};
const extended = async (page) => {
  await follow('Contract')(page);
  await page.locator('summary').click();
  await page.locator('.extend form').evaluate((form) => { form.noValidate = true; });
  await page.getByRole('button', { name: 'Keep until then' }).click();
  await page.getByRole('alert').waitFor();
};
const mistyped = async (page) => {
  await page.getByLabel('to confirm').fill('sip:bob');
  await page.getByRole('button', { name: /^Erase the account/ }).click();
  await page.getByRole('alert').waitFor();
};
const refused = async (page) => {
  await page.getByLabel('Name', { exact: true }).fill('demo');
  await page.getByLabel('Password', { exact: true }).fill('wrong');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('alert').waitFor();
};
const tokenMade = async (page) => {
  await page.getByLabel('Name', { exact: true }).fill('phone');
  await page.getByRole('button', { name: 'Make a token' }).click();
  await page.getByRole('heading', { name: 'Your new token' }).waitFor();
};
const picked = async (page) => { await page.locator('.row .pick').nth(1).click(); };

// Name, who looks, path, what to do there first.
const PAGES = [
  ['sign-in', undefined, '/sign-in'],
  ['sign-in, refused', undefined, '/sign-in', refused],
  ['accounts', 'demo', '/accounts'],
  ['accounts, nothing found', 'demo', '/accounts?q=nobody'],
  ['inbox', 'demo', ALICE],
  ['inbox, some selected', 'demo', ALICE, picked],
  ['inbox, help dialog', 'demo', ALICE, dialog('?')],
  ['inbox of the owner', 'alice', ALICE],
  ['inbox, nothing found', 'demo', `${ALICE}?q=nothing+like+this`],
  ['inbox, search refused', 'demo', `${ALICE}?q=from%3A`],
  ['message: text with warnings', 'demo', ALICE, follow('invoice')],
  ['message: parts', 'demo', ALICE, follow('Drawings, second floor')],
  ['message: CPIM', 'demo', ALICE, follow('Contract')],
  ['message: HTML', 'demo', BOB, follow('This week')],
  ['message: empty', 'demo', DANA, follow('Are you there?')],
  ['message: extending refused', 'demo', ALICE, extended],
  ['audit', 'demo', '/audit'],
  ['audit, nothing found', 'demo', '/audit?account=999'],
  ['reason', 'demo', `${ALICE}/reason`],
  ['reports, none', 'demo', '/reports?state=dead'],
  ['erasing an account', 'demo', `${ALICE}/erase`],
  ['erasing, address mistyped', 'demo', `${ALICE}/erase`, mistyped],
  ['erasing the own account', 'alice', `${ALICE}/erase`],
  ['metadata', 'demo', `${ALICE}/metadata`],
  ['your account', 'alice', '/me'],
  ['your account, without addresses', 'demo', '/me'],
  ['your account, a new token', 'alice', '/me', tokenMade],
  ['your account, with a token', 'alice', '/me'],
  ['adding a second factor', 'alice', '/me/second-factor'],
  ['problem index', undefined, '/problems'],
  ['problem type', undefined, '/problems/quota-exceeded'],
  ['not found', undefined, '/no/such/page'],
];

// Words that break nowhere, in every place a sender can fill.
const LONG = 'Donaudampfschifffahrtsgesellschaft'.repeat(9);

export default async function accessibility(suite) {
  const env = { RESTANTE__POLICY__DELIVERY_REPORTS: 'always', RESTANTE__POLICY__UNDO_GRACE: '1s' };
  const demo = await suite.start('demo', { env });
  const long = await demo.account(LONG.slice(0, 100), []);
  await demo.send(long.aor, LONG, LONG, `sip:${LONG.slice(0, 150)}@example.org`);
  const pages = [
    ...PAGES,
    ['inbox, endless words', 'demo', long.path],
    ['inbox, endless search', 'demo', `${long.path}?q=x${LONG}`],
    ['message: endless words', 'demo', long.path, follow(LONG)],
    ['metadata, endless words', 'demo', `${long.path}/metadata`],
    ['accounts, endless words', 'demo', '/accounts'],
  ];
  for (const [name, as, path, prepare] of pages) {
    await suite.check(demo, `${name}: axe finds nothing, nothing sticks out`, async (visit) => {
      const page = await visit.open({ as, path });
      await prepare?.(page);
      await examine(page, LOOKS);
    });
  }

  for (const [name, prepare] of [['inbox', undefined], ['message', follow('Drawings, second floor')]]) {
    await suite.check(demo, `${name} from right to left: axe finds nothing, nothing sticks out`, async (visit) => {
      const page = await visit.open({ as: 'demo', path: ALICE });
      await prepare?.(page);
      await examine(page, RIGHT_TO_LEFT);
    });
  }

  await suite.check(demo, 'inbox, nothing there: axe finds nothing, nothing sticks out', async (visit) => {
    await demo.account('empty', ['Only one']);
    const page = await visit.open({ as: 'demo', path: '/accounts/sip%3Aempty%40example.org' });
    await page.locator('.row .pick').click();
    await page.locator('#bulk-go').click();
    await page.getByText('Gone for good.').waitFor();
    await page.getByRole('heading', { name: 'No messages are waiting' }).waitFor();
    await examine(page, LOOKS);
  });

  // Endless words again, in reports and on the page of what is gone.
  await suite.check(demo, 'reports, and a message that is gone: axe finds nothing, nothing sticks out', async (visit) => {
    const page = await visit.open({ as: 'demo', path: long.path });
    const address = await page.locator('.row .open').getAttribute('href');
    await page.locator('.row .pick').click();
    await page.locator('#bulk-go').click();
    await eventually(async () => {
      await page.goto('/reports');
      assert.equal(await page.locator('.reports li').count(), 2);
    });
    const { items: [report] } = await (await demo.gateway('reports?limit=1')).json();
    await demo.gateway(`reports/${report.id}/ack`, { method: 'POST' });
    const { items: [failed] } = await (await demo.gateway('reports?limit=1')).json();
    await demo.gateway(`reports/${failed.id}/nack`, { method: 'POST', body: JSON.stringify({ error: LONG }), headers: { 'content-type': 'application/json' } });
    await page.reload();
    assert.match((await page.locator('.reports').innerText()), /Donau/);
    await examine(page, [...LOOKS, ...RIGHT_TO_LEFT]);
    await page.goto(address);
    await page.getByRole('heading', { name: 'This message is gone' }).waitFor();
    await examine(page, [...LOOKS, ...RIGHT_TO_LEFT]);
  });

  await suite.check(demo, 'closed messages: axe finds nothing, nothing sticks out', async (visit) => {
    const page = await visit.open({ path: `${BOB}/reason` });
    await signIn(page, 'demo', demo.printed.demo);
    await page.getByLabel('Reason').waitFor();
    await page.locator('form.stack').evaluate((form) => { form.noValidate = true; });
    await page.getByRole('button', { name: 'Open this account' }).click();
    await page.getByRole('alert').waitFor();
    await examine(page, LOOKS);
    await page.goto(BOB);
    await page.getByText('Subject and text hidden').first().waitFor();
    await examine(page, [...LOOKS, ...RIGHT_TO_LEFT]);
    await page.locator('.row .open').first().click();
    await page.getByRole('heading', { name: 'Why do you read this message?' }).waitFor();
    await examine(page, [...LOOKS, ...RIGHT_TO_LEFT]);
  });

  const patient = await suite.start('demo', { env: { RESTANTE__POLICY__UNDO_GRACE: '5m' } });
  await suite.check(patient, 'inbox, undo: axe finds nothing, nothing sticks out', async (visit) => {
    const page = await visit.open({ as: 'demo', path: ALICE });
    await deleted(page);
    await examine(page, [...LOOKS, ...RIGHT_TO_LEFT]);
  });

  const fresh = await suite.start('serve');
  await suite.check(fresh, 'setup: axe finds nothing, nothing sticks out', async (visit) => {
    const page = await visit.open({ path: /\/setup\?token=\S+/.exec(fresh.stdout)[0] });
    await examine(page, LOOKS);
  });
}
