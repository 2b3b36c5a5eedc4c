// A thousand rotations in one process, from reading the signer to an agent's leaf: nothing of the ones before stays.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Reading } from '../../../src/ca-sync/source.ts';
import { createLeafProfile } from '../../../src/leaf.ts';
import { Live } from '../../../src/live.ts';
import { silentMeter } from '../../../src/meter.ts';
import { createIssuer } from '../../../src/proxy/issuer.ts';
import { judgePeer } from '../../../src/proxy/proxy.ts';
import { Reissuer } from '../../../src/proxy/reissue.ts';
import { MemoryHub, start } from '../../ca-sync/runner-stage.ts';
import type { Parts } from '../../ca-sync/runner-stage.ts';
import { keyPem } from '../../ca-sync/mounted-files.ts';
import { klusterletSubject, makeAuthority, makeClient } from '../../pki.ts';
import { TEST_NOW_MS, testKey } from '../../pki-certificate.ts';

const ROTATIONS = 1_000;
/** Each signer is replaced after half of its life, as OpenShift's are. */
const APART_MS = 10 * 60_000;
/** Compiled code and caches fill up in the beginning. */
const SETTLED_AFTER = 200;
/** A signer, its key and a leaf take some 10 KiB: 800 that stay would be 8 MiB. */
const MOST_GROWTH_BYTES = 2 * 1024 * 1024;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const window = { notBeforeMs: TEST_NOW_MS - 3_600_000, notAfterMs: TEST_NOW_MS + 2 * ROTATIONS * APART_MS };
const root = makeAuthority('csr-signer-signer', { ...window, key: testKey('p256', 'root') });
const key = testKey('p256', 'csr-signer');

function signerOf(n: number): () => Promise<Reading> {
  const notBeforeMs = TEST_NOW_MS + n * APART_MS - 1_000;
  const signer = makeAuthority(`kube-csr-signer_@${n}`, { issuer: root, key, notBeforeMs, notAfterMs: notBeforeMs + 2 * APART_MS });
  const pem = Buffer.from(signer.pem);
  return async () => ({
    signer: { kind: 'found', value: { certificate: Buffer.from(pem), key: Buffer.from(keyPem(signer)) } },
    trust: { kind: 'found', value: Buffer.concat([Buffer.from(root.pem), pem]) },
  });
}

/** One agent, whose certificate outlives them all. */
function openReissuer({ runner, clock }: Parts): { readonly reissuer: Reissuer; readonly ask: () => Promise<number | null> } {
  const audit = { write: () => undefined, reopen: () => Promise.resolve(), close: () => Promise.resolve() };
  const around = { signer: runner.signer, trust: runner.trust, clock };
  const profile = createLeafProfile({ lifetimeMs: 'match' });
  const issuer = createIssuer({ ...around, quarantine: new Live({ clusters: new Map() }), profile, audit, meter: silentMeter });
  const reissuer = new Reissuer({ issuer, signer: runner.signer, usable: runner.usable, clock, random: () => 0.5, mostCredentials: 100 });
  const client = makeClient(klusterletSubject('cluster1'), root, window);
  return {
    reissuer,
    ask: async () => {
      const verdict = judgePeer([client.der], runner.trust.current, clock.now());
      assert.equal(verdict.kind, 'accepted');
      if (verdict.kind !== 'accepted') return null;
      const made = await reissuer.credentialFor(verdict.peer);
      return made.kind === 'ready' ? made.credential.generation : null;
    },
  };
}

test('1,000 rotations in a row: each is one generation, generations are cleaned up, and memory stays flat', async () => {
  const parts = await start(signerOf(0), new MemoryHub(() => Promise.resolve('accepted')));
  const { reissuer, ask } = openReissuer(parts);
  const { clock, source, runner, log } = parts;
  let settledBytes = 0;
  for (let n = 1; n <= ROTATIONS; n += 1) {
    await clock.pass(APART_MS);
    source.next = signerOf(n);
    await runner.reread();
    await clock.pass(1_000);
    assert.equal(runner.signer.current?.generation, n + 1);
    const served = await ask();
    assert.ok(served !== null && served >= n, `generation ${served} serves after rotation ${n}`);
    log.events.length = 0;
    if (n === SETTLED_AFTER) settledBytes = measure();
  }
  const growth = measure() - settledBytes;
  assert.ok(runner.state.current.signer.retiring.length <= 2, `${runner.state.current.signer.retiring.length} generations retire`);
  assert.ok(runner.usable.current.size <= 3, [...runner.usable.current].join());
  assert.equal(reissuer.size, 1);
  assert.ok(growth < MOST_GROWTH_BYTES, `the heap grew by ${Math.round(growth / 1024)} KiB`);
  await runner.close();
});

function measure(): number {
  collectGarbage();
  collectGarbage();
  return process.memoryUsage().heapUsed;
}
