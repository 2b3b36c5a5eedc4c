// Policy files on a real disk, read again as they change: what is taken, what is refused, and that the last good set stays in force. The compiler
// here knows two words, so that these tests are about files.

import assert from 'node:assert/strict';
import { mkdtemp, readdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { systemClock } from '../src/clock.ts';
import type { Clock } from '../src/clock.ts';
import { packNames } from '../src/pack-names.ts';
import { openPolicyFiles, readPolicySources } from '../src/policy-files.ts';
import type { PolicyCompilation, PolicyFiles, PolicySource } from '../src/policy-files.ts';
import { keepLog, until, untilTrue } from './ca-sync/waiting.ts';
import type { KeptLog } from './ca-sync/waiting.ts';
import { SteppedClock } from './proxy/stepped-clock.ts';

let folder = '';
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'countersign-policies-'));
});
after(() => rm(folder, { recursive: true, force: true }));

/** Looks each 20 ms in place of each 10 s. */
const HASTE = 500;

function compile(sources: readonly PolicySource[]): PolicyCompilation<string> {
  const problems = sources
    .filter(({ text }) => text.startsWith('bad'))
    .map(({ name, text }) => ({ file: name, line: 1, path: 'spec', found: JSON.stringify(text.trim()), expected: 'good' }));
  return problems.length > 0 ? { ok: false, problems } : { ok: true, policies: sources.map(({ text }) => text.trim()).join('+') };
}

interface Opened {
  readonly files: PolicyFiles<string>;
  readonly log: KeptLog;
}

async function open(t: TestContext, policyFiles: readonly string[]): Promise<Opened> {
  const log = keepLog();
  // The readings' own timers hold no process open; a test that waits for one does.
  const alive = setInterval(() => undefined, 1_000);
  const files = await openPolicyFiles({ packs: [], policyFiles }, { compile, clock: new SteppedClock(HASTE), log });
  t.after(() => {
    clearInterval(alive);
    files.close();
  });
  return { files, log };
}

test('the packs of the settings are the files of the packs folder', async () => {
  const files = await readdir(fileURLToPath(new URL('../packs', import.meta.url)));
  const names = files.filter((name) => name.endsWith('.yaml')).map((name) => name.replace(/\.yaml$/, ''));
  assert.deepEqual(names.toSorted(), [...packNames].toSorted());
  const read = await readPolicySources({ packs: packNames, policyFiles: [] });
  assert.ok(read.ok);
  assert.equal(read.sources.length, packNames.length);
});

test('publishes the files in the order of the settings, and again when one of them changes', async (t) => {
  const [one, two] = [join(folder, 'one.yaml'), join(folder, 'two.yaml')];
  await writeFile(one, 'a\n');
  await writeFile(two, 'b\n');
  const { files, log } = await open(t, [two, one]);
  assert.equal(files.live.current, 'b+a');
  assert.deepEqual(log.events, [{ name: 'policy-published', fields: { files: [two, one] } }]);
  await writeFile(two, 'c\n');
  assert.equal(await until(files.live, (policies) => policies !== 'b+a'), 'c+a');
  await untilTrue(() => log.names().length === 2);
});

test('sees a change behind a symbolic link, as a mounted ConfigMap makes one', async (t) => {
  const link = join(folder, 'linked.yaml');
  await writeFile(join(folder, 'v1'), 'v1');
  await writeFile(join(folder, 'v2'), 'v2');
  await symlink('v1', link);
  const { files } = await open(t, [link]);
  await symlink('v2', `${link}.next`);
  await rename(`${link}.next`, link);
  assert.equal(await until(files.live, (policies) => policies === 'v2'), 'v2');
});

test('keeps the last good set when a file turns bad or goes away, says so once, and takes the next good one', async (t) => {
  const file = join(folder, 'turning.yaml');
  await writeFile(file, 'good');
  const { files, log } = await open(t, [file]);
  await writeFile(file, 'bad\n');
  await untilTrue(() => log.names().includes('policy-refused'));
  await files.reread();
  assert.deepEqual(log.events.slice(1), [
    { name: 'policy-refused', fields: { problems: [`${file}:1: spec: found "bad"; expected good`] } },
  ]);
  await rm(file);
  await untilTrue(() => log.names().length === 3);
  assert.match(JSON.stringify(log.events[2]), /policy-refused.*ENOENT/);
  assert.equal(files.live.current, 'good');
  await writeFile(file, 'better');
  assert.equal(await until(files.live, (policies) => policies !== 'good'), 'better');
});

test('believes a file only when two readings agree: what is being written is not taken', async (t) => {
  const file = join(folder, 'growing.yaml');
  await writeFile(file, 'whole');
  const settling: (() => void)[] = [];
  const clock: Clock = {
    ...systemClock,
    every: () => () => undefined,
    after: (_delayMs, run) => {
      settling.push(run);
      return () => undefined;
    },
  };
  const log = keepLog();
  const files = await openPolicyFiles({ packs: [], policyFiles: [file] }, { compile, clock, log });
  t.after(() => files.close());
  const rereadWhile = async (write: () => Promise<void>): Promise<void> => {
    const reread = files.reread();
    await untilTrue(() => settling.length > 0);
    await write();
    settling.shift()?.();
    await reread;
  };
  await writeFile(file, 'half');
  await rereadWhile(() => writeFile(file, 'half and a half'));
  await rereadWhile(() => writeFile(file, 'whole again'));
  assert.equal(files.live.current, 'whole');
  await rereadWhile(() => Promise.resolve());
  assert.equal(files.live.current, 'whole again');
  assert.deepEqual(log.names(), ['policy-published', 'policy-published']);
});

test('does not begin without policies, and names everything that is wrong with them', async () => {
  const [bad, large, latin] = [join(folder, 'bad.yaml'), join(folder, 'large.yaml'), join(folder, 'latin1.yaml')];
  await writeFile(bad, 'bad');
  await writeFile(large, `# ${'x'.repeat(300 * 1024)}`);
  await writeFile(latin, Buffer.from([0x61, 0xe9]));
  const opening = (policyFiles: readonly string[]): Promise<unknown> =>
    openPolicyFiles({ packs: [], policyFiles }, { compile, clock: new SteppedClock(), log: keepLog() });
  await assert.rejects(opening([bad]), /^Error: inspect: .*bad\.yaml:1: spec: found "bad"; expected good$/);
  const nowhere = join(folder, 'nowhere.yaml');
  const unreadable = await readPolicySources({ packs: [], policyFiles: [nowhere, folder, large, latin, bad] });
  assert.ok(!unreadable.ok);
  assert.deepEqual(
    unreadable.problems.map(({ file }) => file),
    [nowhere, folder, large, latin],
  );
  const said = unreadable.problems.map(({ found }) => found);
  for (const [at, found] of [/ENOENT/, /no file/, /larger than 256 KiB/, /not UTF-8/].entries()) assert.match(said[at] ?? '', found);
  await assert.rejects(opening([nowhere, latin]), /nowhere\.yaml: found .*; .*latin1\.yaml: found bytes that are not UTF-8/);
});
