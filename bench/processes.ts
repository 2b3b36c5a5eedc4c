// The processes of a bench: a hub stand-in, and Countersign or a bare relay before it, each on its own so that its CPU time and memory are its own.

import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { klusterletSubject, makeClient, makeOpenShiftSigner } from '../test/pki.ts';
import type { TestClient } from '../test/pki.ts';
import { makeServingPair, servingCaPem } from '../test/proxy/test-proxy.ts';

const DAY_MS = 86_400_000;

export interface Usage {
  /** Microseconds of user and system time so far. */
  readonly cpuMicroseconds: number;
  readonly rssBytes: number;
}

/** A child that says `{ port }` when it is ready and answers `usage`. */
export class BenchProcess {
  readonly port: number;
  readonly #child: ChildProcess;

  constructor(child: ChildProcess, port: number) {
    this.#child = child;
    this.port = port;
  }

  async usage(collectGarbage: boolean = false): Promise<Usage> {
    this.#child.send({ ask: 'usage', collectGarbage });
    const [usage] = (await once(this.#child, 'message')) as [Usage];
    return usage;
  }

  async stop(): Promise<void> {
    const exited = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await exited;
  }
}

export interface BenchBed {
  readonly directory: string;
  readonly caPem: string;
  readonly hub: BenchProcess;
  readonly client: TestClient;
  startProxy(script: 'countersign-process.ts' | 'relay-process.ts'): Promise<BenchProcess>;
  close(): Promise<void>;
}

/** Writes keys, certificates and settings to a temporary folder and starts the hub. */
export async function openBed(): Promise<BenchBed> {
  const directory = await mkdtemp(join(tmpdir(), 'countersign-bench-'));
  const now = Date.now();
  const pki = makeOpenShiftSigner(now - DAY_MS, 'rsa');
  const client = makeClient(klusterletSubject('cluster1'), pki.signer, { notBeforeMs: now - DAY_MS / 2, notAfterMs: now + DAY_MS });
  const serving = makeServingPair();
  const files = {
    'serving.crt': serving.certificatePem,
    'serving.key': serving.keyPem,
    'serving-ca.crt': servingCaPem,
    'signer.crt': pki.tlsCrt,
    'signer.key': pki.tlsKey,
    'trust.crt': pki.bundle,
    'client.crt': client.pem,
    'client.key': client.keyPem,
  };
  for (const [name, text] of Object.entries(files)) await writeFile(join(directory, name), text, { mode: 0o600 });
  const hub = await start('hub-process.ts', directory);
  await writeFile(join(directory, 'countersign.yaml'), settingsFor(hub.port));
  await writeFile(join(directory, 'hub-port'), String(hub.port));
  const started: BenchProcess[] = [hub];
  return {
    ...{ directory, hub, client, caPem: servingCaPem },
    startProxy: async (script) => {
      const proxy = await start(script, directory);
      started.push(proxy);
      return proxy;
    },
    close: async () => {
      for (const process of started) await process.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

const PLENTY = '{ sustained: 1000000/s, burst: 1000000 }';

function settingsFor(hubPort: number): string {
  return `listen: { address: 127.0.0.1, port: 0, certificateFile: serving.crt, keyFile: serving.key }
hub: { url: "https://127.0.0.1:${hubPort}", caFile: serving-ca.crt }
caSync: { source: files, files: { certificateFile: signer.crt, keyFile: signer.key, trustBundleFile: trust.crt } }
audit: { file: audit.jsonl, requests: denied }
bootstrap: { enabled: false }
log: { level: warn }
# A few agents ask as much as a fleet would.
limits: { maxHeaderBytesPerSecond: 1GiB, rates: { klusterlet: ${PLENTY}, addon: ${PLENTY}, mutating: ${PLENTY}, list: ${PLENTY} } }
`;
}

/** With the flags that package.json starts Countersign with (docs/decisions/0002-young-generation.md). */
async function start(script: string, directory: string): Promise<BenchProcess> {
  const child = fork(join(import.meta.dirname, script), [directory], {
    execArgv: ['--expose-gc', '--max-semi-space-size=2'],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const [ready] = (await once(child, 'message')) as [{ port: number }];
  return new BenchProcess(child, ready.port);
}
