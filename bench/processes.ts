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
import type { Question, Stall, Usage } from './process-edge.ts';
import type { StatusOrder, StatusReport } from './status-process.ts';

const DAY_MS = 86_400_000;

/** A child that says `{ port }` when it is ready and answers questions, one at a time. */
export class BenchProcess {
  readonly port: number;
  readonly #child: ChildProcess;

  constructor(child: ChildProcess, port: number) {
    this.#child = child;
    this.port = port;
  }

  async usage(collectGarbage: boolean = false): Promise<Usage> {
    return (await this.#ask({ ask: 'usage', collectGarbage })) as Usage;
  }

  /** Since the question before; the first one starts the watch. */
  async stall(): Promise<Stall> {
    return (await this.#ask({ ask: 'stall' })) as Stall;
  }

  /** To a `status-process.ts`. */
  async order(order: StatusOrder): Promise<StatusReport> {
    return (await this.#ask(order)) as StatusReport;
  }

  async #ask(question: Question | StatusOrder): Promise<unknown> {
    this.#child.send(question);
    const [answer] = (await once(this.#child, 'message')) as [unknown];
    return answer;
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
  /** The klusterlet of another cluster. */
  makeClient(cluster: string): TestClient;
  /** The work agent of `client`, before that proxy. */
  startStatusAgent(proxy: BenchProcess): Promise<BenchProcess>;
  startProxy(script: 'countersign-process.ts' | 'relay-process.ts'): Promise<BenchProcess>;
  close(): Promise<void>;
}

/** Writes keys, certificates and settings to a temporary folder and starts the hub. */
export async function openBed(): Promise<BenchBed> {
  const directory = await mkdtemp(join(tmpdir(), 'countersign-bench-'));
  const now = Date.now();
  const pki = makeOpenShiftSigner(now - DAY_MS, 'rsa');
  const clientOf = (cluster: string): TestClient =>
    makeClient(klusterletSubject(cluster), pki.signer, { notBeforeMs: now - DAY_MS / 2, notAfterMs: now + DAY_MS });
  const client = clientOf('cluster1');
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
  const hub = await start('hub-process.ts', [directory]);
  await writeFile(join(directory, 'countersign.yaml'), settingsFor(hub.port));
  await writeFile(join(directory, 'hub-port'), String(hub.port));
  const started: BenchProcess[] = [hub];
  const startAlso = async (script: string, given: readonly string[]): Promise<BenchProcess> => {
    const child = await start(script, given);
    started.push(child);
    return child;
  };
  return {
    ...{ directory, hub, client, caPem: servingCaPem, makeClient: clientOf },
    startProxy: (script) => startAlso(script, [directory]),
    startStatusAgent: (proxy) => startAlso('status-process.ts', [directory, String(proxy.port)]),
    close: async () => {
      for (const process of started) await process.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

const PLENTY = '{ sustained: 1000000/s, burst: 1000000 }';

function settingsFor(hubPort: number): string {
  return `listen: { address: 127.0.0.1, port: 0, certificateFile: serving.crt, keyFile: serving.key }
admin: { port: 0 }
hub: { url: "https://127.0.0.1:${hubPort}", caFile: serving-ca.crt }
# The hub of a bench knows nobody, so it is not asked whether it accepts the signer.
caSync: { source: files, probe: { enabled: false }, files: { certificateFile: signer.crt, keyFile: signer.key, trustBundleFile: trust.crt } }
audit: { file: audit.jsonl, requests: denied }
bootstrap: { enabled: false }
log: { level: warn }
# A few agents ask as much as a fleet would.
limits: { maxHeaderBytesPerSecond: 1GiB, rates: { klusterlet: ${PLENTY}, addon: ${PLENTY}, mutating: ${PLENTY}, list: ${PLENTY} } }
`;
}

/** With the flags that package.json starts Countersign with (docs/decisions/0002-young-generation.md). */
async function start(script: string, given: readonly string[]): Promise<BenchProcess> {
  const child = fork(join(import.meta.dirname, script), [...given], {
    execArgv: ['--expose-gc', '--max-semi-space-size=2'],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const failed = once(child, 'exit').then(() => Promise.reject(new Error(`${script} did not start`)));
  const [ready] = (await Promise.race([once(child, 'message'), failed])) as [{ port: number }];
  failed.catch(() => undefined);
  return new BenchProcess(child, ready.port);
}
