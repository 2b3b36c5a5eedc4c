// The status page in a real browser: safe from what certificates say, alive, readable on a phone and in the dark, usable with a keyboard.
// COUNTERSIGN_SCREENSHOTS=1 writes docs/screenshots; without it nothing of the checkout changes.

import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import type { Status } from '../../src/admin/status.ts';
import { openMeter, startAdmin } from '../../src/admin/admin.ts';
import { systemClock } from '../../src/clock.ts';
import { silentLog } from '../../src/events.ts';
import { askAgain, noBrowser, openBrowser, openPage, servePage } from '../admin/page-browser.ts';
import type { ServedPage } from '../admin/page-browser.ts';
import { packPng } from '../admin/page-png.ts';
import { alarm, healthy, nothingYet, pendingCandidate, refusedCandidate } from '../admin/page-status.ts';
import { processWith } from '../admin/views.ts';
import { lowContrasts, overflowing } from '../admin/page-measures.ts';

const states: Readonly<Record<string, Status>> = {
  healthy,
  'pending-candidate': pendingCandidate,
  'refused-candidate': refusedCandidate,
  alarm,
  'nothing-yet': nothingYet,
};
const desk = { width: 1280, height: 900 };
const phone = { width: 390, height: 844 };

const markup = '<img src=x onerror="window.wasHit=1">';

/** Every name that a client or a hub may choose is markup, and as long as it can be. */
const hostile: Status = {
  ...pendingCandidate,
  retiring: [{ ...healthy, ...pendingCandidate.candidate, ...healthy.retiring[0] } as Status['retiring'][number]],
  trust: {
    ...healthy.trust,
    authorities: healthy.trust.authorities.map((authority) => ({ ...authority, subject: `CN=${markup}${'x'.repeat(300)}` })),
    skipped: [`${markup} does not parse`],
  },
  probe: pendingCandidate.probe.map((answer) => ({
    ...answer,
    detail: `${markup}${'y'.repeat(300)}`,
    endpoint: `https://${'hub.'.repeat(40)}example.com:6443`,
  })),
  alerts: pendingCandidate.alerts.map((alert) => ({ ...alert, message: `${markup}</p><script>window.wasHit=1</script>` })),
  traffic: {
    ...healthy.traffic,
    clusters: healthy.traffic.clusters.map(({ notAfter }) => ({ cluster: markup, user: `${markup}${'z'.repeat(300)}`, notAfter })),
  },
};

describe('the status page in a browser', { skip: noBrowser }, () => {
  let browser: Browser;
  let served: ServedPage;
  before(async () => {
    browser = await openBrowser();
  });
  after(() => browser.close());

  /** A server, a window, and both gone afterwards. */
  async function look(
    status: Status,
    options: Parameters<Browser['newContext']>[0],
    see: (page: Page) => Promise<void>,
    expected?: RegExp,
  ): Promise<void> {
    served = await servePage(status);
    try {
      const watched = await openPage(browser, served.url, options);
      await see(watched.page);
      await watched.close(expected);
    } finally {
      await served.close();
    }
  }

  test('every state loads without a breach of the policy, an error or a request elsewhere, and says its verdict', async () => {
    for (const [name, status] of Object.entries(states)) {
      await look(status, { viewport: desk }, async (page) => {
        const verdict = (await page.locator('#verdict-text').textContent()) ?? '';
        assert.equal(verdict.startsWith('The fleet is safe'), name === 'healthy', verdict);
        assert.equal(await page.locator('.alert').count(), status.alerts.length);
        assert.match(await page.title(), /^(Safe|Needs attention|At risk) · Countersign$/);
        assert.equal(await page.locator('#live').textContent(), 'Live');
      });
    }
  });

  test('the admin port itself serves it, and every link that stays here leads somewhere', async () => {
    const parts = { meter: openMeter(systemClock), read: () => processWith(), events: null, clock: systemClock, log: silentLog };
    const admin = await startAdmin({ admin: { address: '127.0.0.1', port: 0 }, alerts: { webhook: null, kubernetesEvents: null } }, parts);
    try {
      const url = `http://127.0.0.1:${admin.address.port}/`;
      const { page, close } = await openPage(browser, url, { viewport: desk });
      assert.match((await page.locator('#generations').textContent()) ?? '', /Generation 3/);
      for (const link of await page.locator('footer a').all()) {
        const answer = await fetch(new URL((await link.getAttribute('href')) ?? '', url));
        await answer.text();
        assert.notEqual(answer.status, 404, answer.url);
      }
      await close();
    } finally {
      await admin.close();
    }
  });

  test('markup in a subject, a cluster name, a probe’s answer or an alert is shown as text and runs nothing', async () => {
    await look(hostile, { viewport: desk }, async (page) => {
      assert.ok((await page.locator('#clusters th', { hasText: markup }).count()) > 0);
      assert.equal(await page.locator('.alert', { hasText: `${markup}</p><script>` }).count(), 1);
      assert.equal(await page.locator('main img, main script').count(), 0);
      assert.equal(await page.evaluate('window.wasHit'), undefined);
    });
  });

  test('were markup to slip in, the policy would stop its script', async () => {
    const see = async (page: Page): Promise<void> => {
      const told = page.waitForEvent('console', {
        predicate: (message) => message.text().startsWith('breach of the content security policy: script-src-attr'),
      });
      await page.evaluate(
        `document.body.insertAdjacentHTML('beforeend', ${JSON.stringify(markup.replace('src=x', 'src=assets/none.svg'))})`,
      );
      await told;
      assert.equal(await page.evaluate('window.wasHit'), undefined);
    };
    await look(healthy, { viewport: desk }, see, /content security policy|404|inline event handler/i);
  });

  test('it is alive: what changes is carried over within seconds, and focus and opened lists stay', async () => {
    await look(pendingCandidate, { viewport: desk }, async (page) => {
      await page.locator('#authorities summary').click();
      await page.locator('.alert a').focus();
      served.show(alarm);
      await page.locator('#verdict-text', { hasText: 'The fleet is at risk' }).waitFor();
      assert.equal(await page.locator('.alert').count(), 2);
      assert.match(await page.title(), /^At risk/);
      assert.equal(await page.evaluate("document.activeElement.matches('.alert a')"), true);
      assert.equal(await page.evaluate("document.getElementById('authorities').open"), true);
      served.show(healthy);
      await askAgain(page);
      await page.locator('#verdict-text', { hasText: 'The fleet is safe' }).waitFor();
      assert.equal(await page.locator('.alert').count(), 0);
    });
  });

  test('a page that no longer gets answers says so instead of saying that the fleet is safe, and recovers', async () => {
    const see = async (page: Page): Promise<void> => {
      const colourOf = () => page.evaluate("getComputedStyle(document.getElementById('verdict-title')).color");
      const green = await colourOf();
      served.show(false);
      await askAgain(page);
      await page.locator('#live', { hasText: /^No answer since \d\d:\d\d:\d\d UTC/ }).waitFor();
      assert.match(await page.title(), /^\? /);
      assert.notEqual(await colourOf(), green);
      served.show(healthy);
      await askAgain(page);
      await page.locator('#live', { hasText: /^Live$/ }).waitFor();
      assert.equal(await page.title(), 'Safe · Countersign');
      assert.equal(await colourOf(), green);
    };
    await look(healthy, { viewport: desk }, see, /500/);
  });

  test('without scripts it says the same, and reloads by itself', async () => {
    await look(refusedCandidate, { viewport: desk, javaScriptEnabled: false }, async (page) => {
      assert.match((await page.locator('#verdict-text').textContent()) ?? '', /needs attention/);
      assert.equal(await page.locator('meta[http-equiv=refresh]').getAttribute('content'), '30');
      assert.equal(await page.locator('.row-refused .row-reason').isVisible(), true);
    });
  });

  test('no state needs scrolling to the side, from 320 px to a desk, with the longest names', async () => {
    for (const status of [...Object.values(states), hostile]) {
      await look(status, { viewport: desk }, async (page) => {
        await page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })");
        for (const width of [320, 360, 390, 768, 1024, 1280]) {
          await page.setViewportSize({ width, height: 800 });
          assert.deepEqual(await overflowing(page), [], `${width} px`);
        }
      });
    }
  });

  test('every text keeps a contrast of 4.5 to 1, in the light and in the dark', async () => {
    const grounds = new Set<unknown>();
    for (const status of Object.values(states)) {
      await look(status, { viewport: desk }, async (page) => {
        for (const colorScheme of ['light', 'dark'] as const) {
          await page.emulateMedia({ colorScheme });
          const { low, looked } = await lowContrasts(page);
          assert.deepEqual(low, [], colorScheme);
          assert.ok(looked > 30, `${looked} texts`);
          grounds.add(await page.evaluate('getComputedStyle(document.documentElement).backgroundColor'));
        }
      });
    }
    assert.equal(grounds.size, 2);
  });

  test('a text of too little contrast is found', async () => {
    await look(healthy, { viewport: desk }, async (page) => {
      await page.evaluate("document.querySelector('.figure dt').style.color = '#999'");
      const { low } = await lowContrasts(page);
      assert.equal(low.length, 1);
    });
  });

  test('the keyboard goes from the top through the alerts to the foot, and shows where it is', async () => {
    await look(alarm, { viewport: desk }, async (page) => {
      const visited: unknown[] = [];
      for (let step = 0; step < 8; step += 1) {
        await page.keyboard.press('Tab');
        visited.push(await page.evaluate("document.activeElement.getAttribute('href') ?? document.activeElement.textContent"));
        const outline = await page.evaluate('parseFloat(getComputedStyle(document.activeElement).outlineWidth)');
        assert.ok(Number(outline) >= 2, `outline of ${String(visited.at(-1))}`);
      }
      assert.deepEqual(visited, [
        '#main',
        ...alarm.alerts.map(({ runbook }) => runbook),
        'Clients of 3 CAs are trusted',
        '3 more',
        'status',
        'metrics',
        'readyz',
      ]);
    });
    await look(healthy, { viewport: desk }, async (page) => {
      await page.keyboard.press('Tab');
      assert.equal(await page.evaluate("document.querySelector('.skip').getBoundingClientRect().top >= 0"), true);
      await page.keyboard.press('Enter');
      assert.equal(await page.evaluate('document.activeElement.id'), 'main');
    });
  });

  test('a screen reader finds landmarks, one heading of the first rank, names for drawings, and the verdict as it changes', async () => {
    await look(pendingCandidate, { viewport: desk }, async (page) => {
      for (const role of ['banner', 'main', 'contentinfo', 'navigation'] as const)
        assert.equal(await page.getByRole(role).count(), 1, role);
      assert.equal(await page.getByRole('heading', { level: 1 }).count(), 1);
      assert.equal(await page.locator('#verdict-text[role=status][aria-live=polite]').count(), 1);
      for (const svg of await page.locator('svg:not(svg svg)').all()) {
        const name = (await svg.getAttribute('aria-hidden')) === 'true' ? 'hidden' : await svg.getAttribute('aria-label');
        assert.ok((name ?? '') !== '');
      }
      assert.ok(
        (await page
          .getByRole('img', { name: /^Generation 12: in use, accepted by the hub\. Valid from 8 Nov 2026, 13:49 to 8 Dec 2026/ })
          .count()) === 1,
      );
    });
  });

  test('a picture of it is small enough for a repository', async () => {
    const isWanted = process.env['COUNTERSIGN_SCREENSHOTS'] === '1';
    const folder = fileURLToPath(new URL('../../docs/screenshots/', import.meta.url));
    const shown = Object.entries(states).filter(([name]) => (isWanted ? name !== 'nothing-yet' : name === 'alarm'));
    for (const [name, status] of shown) {
      await look(status, { viewport: desk }, async (page) => {
        for (const [size, viewport, colorScheme] of [
          ['desk', desk, 'light'],
          ['dark', desk, 'dark'],
          ['phone', phone, 'light'],
        ] as const) {
          await page.emulateMedia({ colorScheme });
          await page.setViewportSize(viewport);
          const picture = packPng(await page.screenshot());
          assert.ok(picture.length < 150_000, `${name}: ${picture.length} octets`);
          if (!isWanted) continue;
          await mkdir(folder, { recursive: true });
          await writeFile(`${folder}${name}-${size}.png`, picture);
        }
      });
    }
  });
});
