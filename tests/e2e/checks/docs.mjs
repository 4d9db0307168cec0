// The API browser, which other people wrote: it must work alone with this server.
import assert from 'node:assert/strict';

export default async function docs(suite) {
  const server = await suite.start('demo');

  await suite.check(server, 'the API browser shows every operation, asking no other host', async (visit) => {
    const page = await visit.open({ path: '/' });
    await page.getByRole('link', { name: 'API docs' }).click();
    await page.locator('.opblock').first().waitFor();
    const { paths } = await (await page.request.get('/openapi.json')).json();
    const methods = ['get', 'put', 'post', 'delete', 'patch'];
    const documented = Object.entries(paths).flatMap(([path, item]) => methods.filter((method) => item[method]).map((method) => `${method.toUpperCase()} ${path}`));
    const shown = await page.locator('.opblock-summary').evaluateAll((rows) => rows.map((row) =>
      `${row.querySelector('.opblock-summary-method').textContent} ${row.querySelector('[data-path]').dataset.path}`));
    assert.ok(shown.length >= 8, `only ${shown.length} operations`);
    assert.deepEqual(shown.sort(), documented.sort());
    assert.ok(visit.requests.length > 3, 'requests were recorded');
  });

  await suite.check(server, 'an operation can be tried out there', async (visit) => {
    const page = await visit.open({ path: '/docs/' });
    const operation = page.locator('.opblock').filter({ hasText: '/readyz' });
    await operation.locator('.opblock-summary-control').click();
    await operation.getByRole('button', { name: 'Try it out' }).click();
    await operation.getByRole('button', { name: 'Execute' }).click();
    const answer = operation.locator('.live-responses-table .response');
    assert.match(await answer.locator('.response-col_status').innerText(), /200/);
    assert.match(await answer.innerText(), /"status": "ok"/);
  });
}
