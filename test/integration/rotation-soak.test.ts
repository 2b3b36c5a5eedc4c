// The rotation soak itself (bench/rotation-soak.ts), as short as it can be: its orders under real processes, and that it says so when something fails.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, test } from 'node:test';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';

const SOAK = fileURLToPath(new URL('../../bench/rotation-soak.ts', import.meta.url));

interface Ran {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
  /** Of the final table: cells by column, one for each order and source. */
  readonly rows: readonly Readonly<Record<string, string>>[];
}

async function soak(context: TestContext, args: readonly string[]): Promise<Ran> {
  const child = spawn(process.execPath, ['--max-semi-space-size=2', SOAK, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  context.after(() => void child.kill('SIGTERM'));
  let [out, err] = ['', ''];
  child.stdout.on('data', (text: Buffer) => {
    out += text.toString();
  });
  child.stderr.on('data', (text: Buffer) => {
    err += text.toString();
  });
  const [code] = (await once(child, 'close')) as [number | null];
  const table = out
    .slice(out.indexOf('\norder ') + 1)
    .trimEnd()
    .split('\n');
  const [head = [], ...rows] = table.map((line) => line.trim().split(/ {2,}/));
  return { code, out, err, rows: rows.map((row) => Object.fromEntries(head.map((name, column) => [name, row[column] ?? '']))) };
}

/** A dozen processes are started: half a minute on two cores, and several on a machine that is busy with other tests. */
const TIMEOUT_MS = 240_000;
const SHORT = ['--rotations', '2', '--agents', '2', '--trust-lag', '2s'];

function ordersFrom(source: 'kubernetes' | 'files', ...orders: readonly string[]): readonly string[] {
  return [...SHORT, '--source', source, ...orders.flatMap((order) => ['--order', order])];
}

function assertUnnoticed({ code, rows, err }: Ran, orders: readonly string[]): void {
  assert.equal(code, 0, err);
  assert.deepEqual(
    rows.map(({ order }) => order),
    orders,
  );
  for (const row of rows) {
    const { order, rotations, generations, failed, 'watches cut': cut, 'requests sent': sent, 'leaves issued': leaves } = row;
    assert.deepEqual({ rotations, generations, failed, cut }, { rotations: '2', generations: '3', failed: '0', cut: '0' }, order);
    // Two agents: three answers each at the start and after each rotation; a leaf each for three generations, at the least.
    assert.ok(Number(sent) >= 2 * 3 * 3 && Number(leaves) >= 2 * 3, `${order}: ${sent} requests, ${leaves} leaves`);
  }
  const waited = rows.find(({ order }) => order === 'new-root-secret-first')?.['longest pending'] ?? '';
  assert.ok(Number.parseFloat(waited) >= 2, `in use ${waited} after it was live, trusted only 2 s after that`);
}

// Most of each is waiting: for the next beat, for the hub's trust.
describe('a rotation soak', { concurrency: true, timeout: TIMEOUT_MS }, () => {
  test('no rotation costs a request or a watch, and a candidate that the hub does not trust yet waits', async (context) => {
    const orders = ['trust-first', 'new-root-secret-first', 'dropped-at-once'];
    assertUnnoticed(await soak(context, ordersFrom('kubernetes', ...orders)), orders);
  });

  test('nor does one of files that are replaced as kubelet replaces them', async (context) => {
    const orders = ['secret-first', 'new-root-secret-first', 'dropped'];
    assertUnnoticed(await soak(context, ordersFrom('files', ...orders)), orders);
  });

  test('options that it does not know are refused, with those that there are', async (context) => {
    const { code, err } = await soak(context, ['--order', 'backwards']);
    assert.equal(code, 64);
    assert.match(err, /unknown order "backwards"; there are: trust-first, /);
  });
});
