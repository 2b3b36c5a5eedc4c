// A real browser that looks at the status page as the admin port serves it. Every window watches for what must not happen: a breach of the content
// security policy, an error on the console, a request to anyone else.

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { chromium } from 'playwright-core';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { serveHttp } from '../../src/admin/http-server.ts';
import type { Answer } from '../../src/admin/http-server.ts';
import { pageFiles, pageHeaders, renderPage } from '../../src/admin/page/page.ts';
import type { Status } from '../../src/admin/status.ts';
import { silentLog } from '../../src/events.ts';

/** Debian's package `chromium`. */
const CHROMIUM = '/usr/bin/chromium';
const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--disable-lcd-text',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** false, or why the tests that need a browser are left out. */
export const noBrowser: string | false = existsSync(CHROMIUM) ? false : `there is no ${CHROMIUM}; apt-get install chromium`;

/** A slow machine's browser is given this long for anything. */
const PATIENCE_MS = 60_000;

export function openBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: CHROMIUM, args: FLAGS, timeout: PATIENCE_MS });
}

export interface ServedPage {
  readonly url: string;
  /** What is shown from the next look on; false: answers 500. */
  show(status: Status | false): void;
  close(): Promise<void>;
}

/** The page behind the admin port's own HTTP, with a status of the test's choice. */
export async function servePage(first: Status): Promise<ServedPage> {
  let shown: Status | false = first;
  const page = (): Answer => {
    if (shown === false) throw new Error('asked to fail');
    return { status: 200, contentType: 'text/html; charset=utf-8', body: renderPage(shown, Date.parse(shown.at)), headers: pageHeaders };
  };
  const files = [...pageFiles].map(([path, file]): [string, () => Answer] => [
    path,
    () => ({ status: 200, ...file, headers: pageHeaders }),
  ]);
  const server = await serveHttp({ address: '127.0.0.1', port: 0 }, new Map([...files, ['/', page]]), silentLog);
  return {
    url: `http://127.0.0.1:${server.address.port}/`,
    show: (status) => {
      shown = status;
    },
    close: () => server.close(),
  };
}

export interface Watched {
  readonly page: Page;
  /** What went wrong so far. */
  readonly complaints: string[];
  /** Ends the window; fails where anything went wrong that `expected` does not match. */
  close(expected?: RegExp): Promise<void>;
}

const WATCH_POLICY = `addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) =>
  console.error('breach of the content security policy: ' + violatedDirective + ' ' + blockedURI));`;

export async function openPage(browser: Browser, url: string, options: BrowserContextOptions = {}): Promise<Watched> {
  const context = await browser.newContext(options);
  context.setDefaultTimeout(PATIENCE_MS);
  await context.addInitScript(WATCH_POLICY);
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('request', (request) => {
    if (!request.url().startsWith(url)) complaints.push(`a request to ${request.url()}`);
  });
  await page.goto(url);
  const close = async (expected?: RegExp): Promise<void> => {
    await context.close();
    assert.deepEqual(
      complaints.filter((complaint) => expected?.test(complaint) !== true),
      [],
    );
  };
  return { page, complaints, close };
}

/** The page asks again at once when it comes back into view, and otherwise each five seconds. */
export async function askAgain(page: Page): Promise<void> {
  await page.evaluate("document.dispatchEvent(new Event('visibilitychange'))");
}
