// Rates of one identity: who keeps to them never notices, who does not is told when to come back. The library counts by Date and setTimeout, which
// the test moves.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import fc from 'fast-check';
import { systemClock } from '../../src/clock.ts';
import { RateLimits } from '../../src/proxy/rate-limits.ts';
import type { RateExcess } from '../../src/proxy/rate-limits.ts';
import { classify } from '../../src/proxy/request-class.ts';
import type { RequestClass } from '../../src/proxy/request-class.ts';
import type { Rate, RateSettings } from '../../src/settings.ts';
import { defaultLimits } from './default-limits.ts';
import { SteppedClock } from './stepped-clock.ts';

const DEFAULTS = defaultLimits().rates;

const klusterlet = { key: 'klusterlet cluster1 ', kind: 'klusterlet' } as const;
const addon = { key: 'addon cluster1 work-manager', kind: 'addon' } as const;

function openRates(t: TestContext, changes: Partial<RateSettings> = {}): RateLimits {
  t.mock.timers.enable({ apis: ['Date', 'setTimeout'], now: Date.now() });
  const rates = new RateLimits({ ...DEFAULTS, ...changes }, systemClock);
  t.after(() => rates.close());
  return rates;
}

async function takeMany(
  rates: RateLimits,
  count: number,
  requestClass: RequestClass,
  identity = klusterlet as typeof klusterlet | typeof addon,
): Promise<RateExcess[]> {
  const refused: RateExcess[] = [];
  for (let taken = 0; taken < count; taken += 1) {
    const excess = await rates.take(identity, requestClass);
    if (excess !== null) refused.push(excess);
  }
  return refused;
}

test('the defaults let twice the burst of a klusterlet through at once, and the rest of it later', async (t) => {
  const rates = openRates(t);
  const refused = await takeMany(rates, 310, 'read');
  assert.deepEqual(
    refused,
    Array.from({ length: 10 }, () => ({ rate: 'klusterlet', retryAfterSeconds: 3 })),
  );
  t.mock.timers.tick(2_500);
  assert.deepEqual(await takeMany(rates, 300, 'read'), []);
});

test('a flood gets one and a quarter times the rate in the long run', async (t) => {
  const rates = openRates(t);
  let through = 0;
  const seconds = 60;
  for (let step = 0; step < seconds * 10; step += 1) {
    through += 100 - (await takeMany(rates, 100, 'read')).length;
    t.mock.timers.tick(100);
  }
  const { sustainedPerSecond } = DEFAULTS.klusterlet;
  assert.ok(through >= seconds * sustainedPerSecond && through <= 1.26 * seconds * sustainedPerSecond, `${through} in ${seconds} s`);
});

test('each add-on and each cluster has a rate of its own', async (t) => {
  const rates = openRates(t);
  assert.equal((await takeMany(rates, 100, 'read', addon)).length, 20);
  assert.equal((await takeMany(rates, 100, 'read')).length, 0);
  assert.equal(await rates.take({ ...addon, key: 'addon cluster2 work-manager' }, 'read'), null);
  assert.equal(rates.size, 3);
});

test('each kind of request has a rate of its own, and all of them together one more', async (t) => {
  const rates = openRates(t);
  const lists = await takeMany(rates, 101, 'list');
  assert.deepEqual(lists, [{ rate: 'list', retryAfterSeconds: 10 }]);
  assert.deepEqual(await takeMany(rates, 1, 'watchStarts'), []);
  assert.equal((await takeMany(rates, 200, 'mutating')).length, 2, 'those before count as requests too');
});

test('CSRs have a small rate that no pause of a minute brings back, and Retry-After stays within a minute', async (t) => {
  const rates = openRates(t);
  assert.equal((await takeMany(rates, 45, 'csrCreates')).length, 5);
  t.mock.timers.tick(60_000);
  assert.deepEqual(await takeMany(rates, 1, 'csrCreates'), [{ rate: 'csrCreates', retryAfterSeconds: 60 }]);
  assert.deepEqual(await takeMany(rates, 1, 'mutating'), []);
});

test('a client that keeps to rate and burst as a token bucket does is never refused', async (t) => {
  t.mock.timers.enable({ apis: ['Date', 'setTimeout'], now: Date.now() });
  const schedule = fc.record({
    rate: fc.record({ sustainedPerSecond: fc.constantFrom(1 / 60, 0.5, 1, 5, 20, 60), burst: fc.integer({ min: 1, max: 200 }) }),
    // How long it waits, and how much of what it may then ask it does ask.
    steps: fc.array(fc.record({ waitMs: fc.integer({ min: 0, max: 20_000 }), share: fc.double({ min: 0, max: 1, noNaN: true }) }), {
      maxLength: 40,
    }),
  });
  await fc.assert(
    fc.asyncProperty(schedule, async ({ rate, steps }: { rate: Rate; steps: { waitMs: number; share: number }[] }) => {
      const rates = new RateLimits({ ...DEFAULTS, klusterlet: rate }, systemClock);
      let tokens = rate.burst;
      for (const { waitMs, share } of steps) {
        t.mock.timers.tick(waitMs);
        tokens = Math.min(rate.burst, tokens + (rate.sustainedPerSecond * waitMs) / 1_000);
        const asks = Math.floor(tokens * share);
        tokens -= asks;
        assert.deepEqual(await takeMany(rates, asks, 'read'), []);
      }
      rates.close();
    }),
    { numRuns: 60 },
  );
});

test('too many refusals are noticed, and forgiven ones do not count', async (t) => {
  const rates = openRates(t, { refused: { sustainedPerSecond: 1, burst: 5 } });
  const refuse = async (count: number): Promise<boolean[]> => {
    const found: boolean[] = [];
    for (let each = 0; each < count; each += 1) found.push(await rates.isRefusedTooOften(klusterlet));
    return found;
  };
  assert.deepEqual(await refuse(11), [...Array.from({ length: 10 }, () => false), true]);
  rates.forgiveRefusals(klusterlet.key);
  assert.deepEqual(await refuse(1), [false]);
});

test('an identity that asks no more is forgotten', async (t) => {
  const clock = new SteppedClock(60_000);
  const rates = new RateLimits(DEFAULTS, clock);
  t.after(() => rates.close());
  await rates.take(klusterlet, 'read');
  clock.advance(2 * 3_600_000);
  while (rates.size > 0) await new Promise((resolve) => setTimeout(resolve, 1));
});

test('a rate of one an hour and a burst beyond every timer are kept too', async (t) => {
  const rates = openRates(t, {
    klusterlet: { sustainedPerSecond: 1 / 3_600, burst: 1_000_000 },
    list: { sustainedPerSecond: 1_000_000, burst: 1 },
  });
  assert.deepEqual(await takeMany(rates, 1_000, 'list'), []);
});

test('requests are classified by what they cost the hub', () => {
  const resource = { isResource: true, apiGroup: '', resource: 'configmaps', subresource: '' };
  const csr = { isResource: true, apiGroup: 'certificates.k8s.io', resource: 'certificatesigningrequests', subresource: '' };
  const cases: readonly (readonly [Parameters<typeof classify>[0], RequestClass])[] = [
    [{ ...resource, verb: 'get' }, 'read'],
    [{ ...resource, isResource: false, resource: '', verb: 'get' }, 'read'],
    [{ ...resource, isResource: false, resource: '', verb: 'head' }, 'read'],
    [{ ...resource, isResource: false, resource: '', verb: 'post' }, 'mutating'],
    [{ ...resource, verb: 'list' }, 'list'],
    [{ ...resource, verb: 'watch' }, 'watchStarts'],
    [{ ...resource, verb: 'create' }, 'mutating'],
    [{ ...resource, verb: 'update' }, 'mutating'],
    [{ ...resource, verb: 'patch' }, 'mutating'],
    [{ ...resource, verb: 'delete' }, 'mutating'],
    [{ ...resource, verb: 'deletecollection' }, 'mutating'],
    [{ ...resource, verb: '' }, 'mutating'],
    [{ ...csr, verb: 'create' }, 'csrCreates'],
    [{ ...csr, verb: 'create', subresource: 'approval' }, 'mutating'],
    [{ ...csr, verb: 'list' }, 'list'],
  ];
  for (const [request, expected] of cases) assert.equal(classify(request), expected, JSON.stringify(request));
});
