// Runs the real program: starts it on a free port, waits until it is ready, ends it by its pid.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { eventually } from './wait.mjs';

const running = new Set();
const directories = [];
// Whatever ends this process ends the servers and clears up.
process.on('exit', () => {
  running.forEach((child) => child.kill('SIGTERM'));
  directories.forEach((directory) => rmSync(directory, { recursive: true, force: true }));
});

/** A new directory that is gone when this process ends. */
export function temporaryDirectory() {
  const directory = mkdtempSync(path.join(tmpdir(), 'restante-e2e-'));
  directories.push(directory);
  return directory;
}

// The settings of whoever runs the tests must not reach the program.
function environment(extra) {
  const own = Object.entries(process.env).filter(([name]) => !name.startsWith('RESTANTE_'));
  return { ...Object.fromEntries(own), ...extra };
}

export class Server {
  stdout = '';
  stderr = '';

  /** `restante COMMAND`, when it answers that it is ready. */
  static async start(program, command, { env = {}, directory = temporaryDirectory() } = {}) {
    const server = new Server();
    Object.assign(server, { program, directory, env });
    server.child = spawn(program, [command], {
      cwd: directory,
      env: environment({ RESTANTE__HTTP__LISTEN: '127.0.0.1:0', RESTANTE__SIP__LISTEN: '127.0.0.1:0', RESTANTE__MSRP__LISTEN: '127.0.0.1:0', RESTANTE__POLICY__SENDER_RATE: '0', RESTANTE__HTTP__RATE_LIMITS__API: '0', RESTANTE__HTTP__RATE_LIMITS__SEARCH: '0', ...env }),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    running.add(server.child);
    server.ended = new Promise((resolve) => {
      server.child.on('close', (code, signal) => resolve(code ?? signal));
      server.child.on('error', (error) => resolve(error.message));
    }).then((how) => {
      running.delete(server.child);
      return (server.how = how);
    });
    server.child.stdout.on('data', (data) => { server.stdout += data; });
    server.child.stderr.on('data', (data) => { server.stderr += data; });
    await eventually(async () => {
      if (server.how !== undefined) throw Object.assign(new Error(`${command} ended (${server.how}): ${server.stderr}`), { final: true });
      server.url = /http:\/\/[\d.:]+(?=\/)/.exec(server.stdout)?.[0];
      if (!server.url) throw new Error(`${command} has printed no address: ${server.stderr}`);
      const ready = await fetch(`${server.url}/readyz`);
      if (!ready.ok) throw new Error(`/readyz answers ${ready.status}`);
    }, 30000);
    return server;
  }

  /** Makes a server that is no demo fit for checks: an operator `demo`, the owner `alice` and a gateway's token. */
  async furnish() {
    const password = 'the harbour opens at nine';
    const add = (name, ...rest) => this.run(['user', 'add', name, ...rest, '--password-stdin'], { input: `${password}\n` });
    await add('demo', '--role', 'operator');
    await add('alice', '--role', 'user', '--aor', 'sip:alice@example.org');
    const token = (await this.run(['token', 'create', '--name', 'checks', '--scope', 'gateway'])).match(/rst_\S+/)[0];
    this.furnished = { demo: password, alice: password, token };
  }

  /** What `restante demo` printed, or {@link furnish} chose: passwords and the gateway's token. */
  get printed() {
    if (this.furnished) return this.furnished;
    const find = (pattern) => pattern.exec(this.stdout)?.[1];
    return {
      demo: find(/Sign in +demo +(\S+)/),
      alice: find(/or +alice +(\S+)/),
      token: find(/RESTANTE_TOKEN=(\S+)/),
    };
  }

  /** Another command of the program, in the same directory; what it prints. */
  run(args, { input = '', env = {} } = {}) {
    const child = spawn(this.program, args, { cwd: this.directory, env: environment({ ...this.env, ...env }) });
    let output = '';
    child.stdout.on('data', (data) => { output += data; });
    child.stderr.on('data', (data) => { output += data; });
    child.stdin.end(input);
    return new Promise((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (code) => (code === 0 ? resolve(output) : reject(new Error(`${args.slice(0, 2).join(' ')}: ${output}`))));
    });
  }

  /** `restante send pager` to this server. */
  send(to, subject, text = 'Sent by a test.', from = 'sip:carol@example.org') {
    const args = ['send', 'pager', '--server', this.url, '--to', to, '--from', from, '--subject', subject, '--text', text];
    return this.run(args, { env: { RESTANTE_TOKEN: this.printed.token } });
  }

  /** An account of its own for a check, with messages of these subjects, the last one newest. */
  async account(user, subjects) {
    const aor = `sip:${user}@example.org`;
    for (const subject of subjects) await this.send(aor, subject);
    return { aor, path: `/accounts/${encodeURIComponent(aor)}` };
  }

  /** What the gateway's interface answers to its token. */
  gateway(path, options = {}) {
    return fetch(`${this.url}/gateway/v1/${path}`, { ...options, headers: { authorization: `Bearer ${this.printed.token}`, ...options.headers } });
  }

  /** Ends it as an operating system does, and tells what it has printed in all. */
  async stop() {
    if (this.how === undefined) this.child.kill('SIGTERM');
    const late = setTimeout(() => this.child.kill('SIGKILL'), 15000);
    const how = await this.ended;
    clearTimeout(late);
    if (how !== 0) throw new Error(`after SIGTERM the program ended with ${how}, not 0: ${this.stderr.slice(-2000)}`);
    return this.stdout;
  }
}
