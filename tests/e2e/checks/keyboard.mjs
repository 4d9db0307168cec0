// Single keys.
import assert from 'node:assert/strict';
import { texts } from '../lib/visit.mjs';

export default async function keyboard(suite) {
  const server = await suite.start('demo');
  const { path } = await server.account('keys', ['A', 'B', 'C', 'D', 'E']);
  const focused = (page) => page.evaluate(() => document.activeElement.textContent.trim());
  const selected = (page) => page.locator('[name=id]:checked').count();

  await suite.check(server, 'j and k walk, o and Enter open, u leads back', async (visit) => {
    const page = await visit.open({ as: 'demo', path });
    const press = (key) => page.keyboard.press(key);
    await press('j');
    assert.equal(await focused(page), 'E');
    await press('j');
    await press('j');
    assert.equal(await focused(page), 'C');
    await press('k');
    assert.equal(await focused(page), 'D');
    for (const key of ['o', 'Enter']) {
      await press(key);
      await page.getByRole('heading', { name: 'D', level: 1, exact: true }).waitFor();
      await press('u');
      await page.waitForURL((url) => url.pathname === path);
      await page.locator('.row').first().waitFor();
      await press('j');
      await press('j');
    }
  });

  await suite.check(server, 'x selects, X extends, # deletes, z undoes, Escape clears', async (visit) => {
    const page = await visit.open({ as: 'demo', path });
    const press = (key) => page.keyboard.press(key);
    await press('j');
    await press('x');
    await press('j');
    await press('j');
    await press('Shift+X');
    assert.equal(await selected(page), 3);
    await press('Escape');
    assert.equal(await selected(page), 0);
    await press('x');
    await press('k');
    await press('x');
    await press('#');
    await page.waitForFunction(() => document.querySelectorAll('.row').length === 3);
    assert.deepEqual(await texts(page, '.row .open'), ['E', 'B', 'A']);
    await press('z');
    await page.getByText('2 messages are back.').waitFor();
    assert.deepEqual(await texts(page, '.row .open'), ['E', 'D', 'C', 'B', 'A']);
    await press('z');
    assert.equal(await page.locator('.row').count(), 5, 'with nothing to undo z does nothing');
  });

  await suite.check(server, '# on a message deletes it', async (visit) => {
    const page = await visit.open({ as: 'demo', path });
    await page.locator('.row .open').last().click();
    await page.getByRole('heading', { name: 'A', level: 1, exact: true }).waitFor();
    await page.keyboard.press('#');
    await page.getByText('1 message deleted.').waitFor();
    await page.keyboard.press('z');
    await page.getByText('1 message is back.').waitFor();
  });

  await suite.check(server, '? shows the keys, / searches, and typing is typing', async (visit) => {
    const page = await visit.open({ as: 'demo', path });
    await page.keyboard.press('?');
    const help = page.getByRole('dialog', { name: 'Keyboard shortcuts' });
    await help.waitFor();
    await help.getByRole('button', { name: 'Close' }).click();
    await page.keyboard.press('/');
    await page.keyboard.type('jx?#');
    assert.equal(await page.getByLabel('Search these messages').inputValue(), 'jx?#');
    assert.equal(await page.getByRole('dialog').count(), 0);
    assert.equal(await selected(page), 0);
  });

  await suite.check(server, 'single keys can be switched off, for good', async (visit) => {
    const page = await visit.open({ as: 'demo', path });
    await page.getByRole('button', { name: 'Keyboard shortcuts' }).click();
    const help = page.getByRole('dialog', { name: 'Keyboard shortcuts' });
    await help.getByLabel('Use single-key shortcuts').uncheck();
    await help.getByRole('button', { name: 'Close' }).click();
    await page.reload();
    await page.keyboard.press('?');
    await page.keyboard.press('j');
    assert.equal(await page.getByRole('dialog').count(), 0);
    assert.equal(await page.evaluate(() => document.activeElement === document.body), true);
  });
}
