// A settings file that changes while the process runs: what takes effect at once does, the rest is told of, and what does not check out changes nothing.

import assert from 'node:assert/strict';
import { mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { systemClock } from '../src/clock.ts';
import type { Cancel, Clock } from '../src/clock.ts';
import { followSettings } from '../src/settings-following.ts';
import type { FollowedSettings } from '../src/settings-following.ts';
import { loadSettings } from '../src/settings.ts';
import { keepLog, until, untilTrue } from './ca-sync/waiting.ts';
import type { KeptLog } from './ca-sync/waiting.ts';
import { SteppedClock } from './proxy/stepped-clock.ts';

const BASE = `listen: { certificateFile: tls.crt, keyFile: tls.key }
hub: { url: "https://api.hub.example.com:6443", caFile: hub-ca.crt }
`;

interface Scene {
  readonly file: string;
  readonly followed: FollowedSettings;
  readonly log: KeptLog;
  put(text: string): Promise<void>;
}

/** Looks thirty times as often as a process does. */
async function follow(t: TestContext, text: string = BASE, clock: Clock = new SteppedClock(30)): Promise<Scene> {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-following-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const file = join(folder, 'countersign.yaml');
  const put = async (next: string): Promise<void> => {
    await writeFile(`${file}.new`, next);
    await rename(`${file}.new`, file);
  };
  await put(text);
  const loaded = await loadSettings(file);
  assert.ok(loaded.ok);
  const log = keepLog();
  const followed = followSettings(file, loaded.settings, { clock, log });
  t.after(() => followed.close());
  return { file, followed, log, put };
}

test('quarantine and log level take effect at once, without a signal', async (t) => {
  const { followed, log, put } = await follow(t);
  await put(`${BASE}quarantine: { clusters: [lab] }\nlog: { level: debug }\n`);
  const settings = await until(followed.live, ({ quarantine }) => quarantine.clusters.length === 1);
  assert.deepEqual([settings.quarantine.clusters, settings.log], [['lab'], { level: 'debug' }]);
  assert.deepEqual(log.events, [{ name: 'settings-applied', fields: { settings: ['quarantine.clusters', 'log.level'] } }]);
  await put(BASE);
  await until(followed.live, ({ quarantine }) => quarantine.clusters.length === 0);
});

test('a cluster is cut off also where the same file changes what waits for the next start', async (t) => {
  const { file, followed, log, put } = await follow(t);
  await put(`${BASE}drainTimeout: 1s\nquarantine: { clusters: [lab], followHub: true }\n`);
  const settings = await until(followed.live, ({ quarantine }) => quarantine.clusters.length === 1);
  assert.deepEqual([settings.drainTimeoutMs, settings.quarantine.followHub], [60_000, false]);
  await untilTrue(() => log.events.length === 2);
  assert.deepEqual(log.events[1], { name: 'settings-changed', fields: { file } });
  await put(`${BASE}drainTimeout: 1s\nquarantine: { clusters: [lab, lab-2], followHub: true }\n`);
  await until(followed.live, ({ quarantine }) => quarantine.clusters.length === 2);
});

test('a file that does not check out, or is gone, releases nobody and is told of once', async (t) => {
  const { file, followed, log, put } = await follow(t, `${BASE}quarantine: { clusters: [lab] }\n`);
  await put(`${BASE}quarantine: { clusters: [] }\nlog: { level: loud }\n`);
  await untilTrue(() => log.events.length === 1);
  await rm(file);
  await untilTrue(() => log.events.length === 2);
  await followed.reread();
  assert.deepEqual(log.names(), ['settings-refused', 'settings-refused', 'settings-refused']);
  assert.match(String(log.events[0]?.fields['problems']), /log\.level: found "loud"/);
  assert.match(String(log.events[1]?.fields['problems']), /ENOENT/);
  assert.deepEqual(followed.live.current.quarantine.clusters, ['lab']);
});

test('a swapped symbolic link is noticed, as of a mounted ConfigMap', async (t) => {
  const { file, followed } = await follow(t);
  for (const [name, clusters] of [
    ['one', '[a]'],
    ['two', '[a, b]'],
  ] as const) {
    await writeFile(`${file}.${name}`, `${BASE}quarantine: { clusters: ${clusters} }\n`);
    await symlink(`${file}.${name}`, `${file}.link`);
    await rename(`${file}.link`, file);
    await until(followed.live, ({ quarantine }) => `[${quarantine.clusters.join(', ')}]` === clusters);
  }
});

/** Time that goes on when the test says so. */
class HeldClock implements Clock {
  readonly now = systemClock.now;
  readonly elapsed = systemClock.elapsed;
  #waiting: (() => void)[] = [];

  after(_delayMs: number, run: () => void): Cancel {
    this.#waiting.push(run);
    return () => undefined;
  }

  every(): Cancel {
    return () => undefined;
  }

  get isAwaited(): boolean {
    return this.#waiting.length > 0;
  }

  /** Ends the pause that somebody makes now, or is about to. */
  async goOn(): Promise<void> {
    await untilTrue(() => this.#waiting.length > 0);
    for (const run of this.#waiting.splice(0)) run();
  }
}

test('a file that is being written is not believed before it stays the same', async (t) => {
  const clock = new HeldClock();
  const { file, followed, log } = await follow(t, `${BASE}quarantine: { clusters: [lab, lab-2] }\n`, clock);
  const seen: number[] = [];
  followed.live.subscribe(({ quarantine }) => seen.push(quarantine.clusters.length));
  const half = `${BASE}quarantine:\n  clusters:\n    - lab\n`;
  await writeFile(file, half);
  const read = followed.reread();
  // Read once; before the second reading there is more of it.
  await untilTrue(() => clock.isAwaited);
  await writeFile(file, `${half}    - lab-2\n`);
  await clock.goOn();
  await untilTrue(() => clock.isAwaited);
  await writeFile(file, `${half}    - lab-2\n    - lab-3\n`);
  await clock.goOn();
  await clock.goOn();
  await read;
  assert.deepEqual(seen, [3]);
  assert.deepEqual(log.names(), ['settings-applied']);
});

test('a signal reads at once', async (t) => {
  const { followed, put } = await follow(t, BASE, new SteppedClock(0.001));
  await put(`${BASE}quarantine: { clusters: [lab] }\n`);
  await followed.reread();
  assert.deepEqual(followed.live.current.quarantine.clusters, ['lab']);
});
