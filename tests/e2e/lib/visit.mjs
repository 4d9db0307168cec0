// Browser pages that remember everything that went wrong in them.

/** All pages of one check: what they asked for, complained about and popped up. */
export class Visit {
  pages = [];
  contexts = [];
  requests = [];
  /** Complaints that the check provokes. */
  provoked = [];
  #complaints = [];
  #refused = new Set();

  constructor(browser, server) {
    this.browser = browser;
    this.server = server;
    this.hosts = new Set([new URL(server.url).host]);
  }

  /**
   * A page; `as` is who is signed in: `demo` (an operator), `alice`, or nobody. The operator has given a reason for reading
   * in the account of `path`, unless it is to stay `sealed`.
   */
  async open({ as, path, sealed, ...options } = {}) {
    const storageState = as && (await signedIn(this.browser, this.server, as));
    const context = await this.browser.newContext({
      baseURL: this.server.url,
      viewport: { width: 1280, height: 800 },
      reducedMotion: 'reduce',
      storageState,
      ...options,
    });
    this.contexts.push(context);
    context.setDefaultTimeout(10000);
    if (as === 'demo' && path && !sealed) await openAccount(context, path);
    context.on('request', (request) => this.requests.push(request.url()));
    context.on('response', (response) => {
      if (response.request().isNavigationRequest() && response.status() >= 400) this.#refused.add(response.url());
    });
    context.on('page', (page) => this.#watch(page));
    const page = await context.newPage();
    if (path) await page.goto(path);
    return page;
  }

  #watch(page) {
    this.pages.push(page);
    page.on('console', (message) => {
      if (message.type() === 'error') this.#complaints.push({ text: `console: ${message.text()} ${message.location().url}`, url: message.location().url });
    });
    page.on('pageerror', (error) => this.#complaints.push({ text: `script error: ${error.message}` }));
    page.on('dialog', (dialog) => {
      this.#complaints.push({ text: `a script of a message ran: ${dialog.type()} ${dialog.message()}` });
      dialog.dismiss().catch(() => {});
    });
  }

  /** What no check may leave behind. That an error page is an error is no complaint. */
  complaints() {
    const texts = this.#complaints
      .filter(({ text, url }) => !(text.includes('Failed to load resource') && this.#refused.has(url)))
      .map(({ text }) => text)
      .filter((text) => !this.provoked.some((pattern) => pattern.test(text)));
    const foreign = this.requests.filter((url) => /^(https?|wss?):/.test(url) && !this.hosts.has(new URL(url).host));
    return [...new Set([...texts, ...foreign.map((url) => `request to another host: ${url}`)])];
  }

  async close() {
    for (const context of this.contexts) await context.close();
  }
}

/** Fills in the form as a person does. */
export async function signIn(page, name, password) {
  await page.getByLabel('Name', { exact: true }).fill(name);
  await page.getByLabel('Password', { exact: true }).fill(password);
  await page.getByRole('button', { name: 'Sign in' }).click();
}

// Signing in is slow on purpose and limited per minute: once per server and name.
const sessions = new WeakMap();
async function signedIn(browser, server, name) {
  if (!sessions.has(server)) sessions.set(server, new Map());
  const known = sessions.get(server);
  if (!known.has(name)) {
    const context = await browser.newContext();
    const page = await context.newPage();
    await page.goto(`${server.url}/sign-in`);
    await signIn(page, name, server.printed[name]);
    await page.getByRole('button', { name: 'Sign out' }).waitFor();
    known.set(name, await context.storageState());
    await context.close();
  }
  return known.get(name);
}

/** Gives a reason for reading in the account that a path leads to. */
async function openAccount(context, path) {
  const account = /^\/accounts\/[^/?]+/.exec(path)?.[0];
  const form = account && (await (await context.request.get(`${account}/reason`)).text());
  const csrf = form && /name="csrf" value="([^"]+)"/.exec(form)?.[1];
  if (csrf) await context.request.post(`${account}/reason`, { form: { csrf, reason: 'A check reads.', next: '' } });
}

/** The visible text of every element a selector finds, with plain spaces. */
export const texts = async (page, selector) =>
  (await page.locator(selector).allInnerTexts()).map((text) => text.replace(/\s+/g, ' ').trim());
