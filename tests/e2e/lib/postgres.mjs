// A fresh database on the server that scripts/test started.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';

const PARENT = '/usr/lib/postgresql';

/** `{ url }` of an empty database, or `{ reason }` why there is none. */
export function freshDatabase() {
  const server = process.env.RESTANTE_TEST_POSTGRES_URL;
  if (!server) return { reason: 'RESTANTE_TEST_POSTGRES_URL is not set' };
  const versions = existsSync(PARENT) ? readdirSync(PARENT) : [];
  const directories = [process.env.RESTANTE_TEST_PG_BINDIR, ...versions.map((version) => path.join(PARENT, version, 'bin'))];
  const found = directories.filter(Boolean).map((directory) => path.join(directory, 'psql')).find((file) => existsSync(file));
  const name = `e2e_${process.pid}_${Date.now()}`;
  const made = spawnSync(found ?? 'psql', ['-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', server, '-c', `CREATE DATABASE ${name}`], { encoding: 'utf8' });
  if (made.error) return { reason: `psql does not start: ${made.error.message}` };
  if (made.status !== 0) throw new Error(`psql: ${made.stderr}`);
  const url = new URL(server);
  url.pathname = `/${name}`;
  return { url: url.href };
}

/** Runs checks of a file on a demo, and on PostgreSQL on a server that is furnished for them. */
export async function onBoth(suite, name, env, checks) {
  await checks(await suite.start('demo', { env }), 'SQLite');
  const { url, reason } = freshDatabase();
  if (!url) {
    suite.skip(`${name} on PostgreSQL`, reason);
    return;
  }
  const server = await suite.start('serve', { env: { ...env, RESTANTE__DATABASE__URL: url } });
  await server.furnish();
  await checks(server, 'PostgreSQL');
}
