// A proxy under test, on real sockets: a two-tier signer, clients of it, and a hub whose every answer the test decides. Nothing is mocked: the
// proxy is the real one, only signer and trust bundle are handed in instead of being followed.

import type { Http2SecureServer, Http2ServerRequest, Http2ServerResponse, SecureServerOptions, ServerHttp2Session } from 'node:http2';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createSecureServer } from 'node:http2';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { AddressInfo, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { TLSSocket } from 'node:tls';
import type { AuditLine } from '../../src/audit.ts';
import type { Signer, TrustBundle } from '../../src/ca-sync/ca-sync.ts';
import { SigningKey } from '../../src/ca-sync/signing-key.ts';
import { readTrustBundle } from '../../src/ca-sync/trust-bundle.ts';
import { systemClock } from '../../src/clock.ts';
import type { Clock } from '../../src/clock.ts';
import type { CompiledPolicies } from '../../src/inspect/inspect.ts';
import { Live } from '../../src/live.ts';
import { startProxy } from '../../src/proxy/proxy.ts';
import type { BootstrapAccess, Proxy, Quarantine } from '../../src/proxy/proxy.ts';
import type { LimitSettings, Settings } from '../../src/settings.ts';
import { recordMeter } from './recorded-meter.ts';
import type { RecordedMeter } from './recorded-meter.ts';
import { allowAll, toSettings } from './test-settings.ts';
import { encodeName, extension, SERVER_AUTH, testKey } from '../pki-certificate.ts';
import { klusterletSubject, makeAuthority, makeClient, makeOpenShiftSigner } from '../pki.ts';
import type { ClientOptions, OpenShiftSigner, TestAuthority, TestClient } from '../pki.ts';

const DAY_MS = 86_400_000;

// Listeners that pile up on a long-lived connection are a leak; Node notices, and so does the test that made it.
process.on('warning', (warning) => {
  if (warning.name === 'MaxListenersExceededWarning') throw warning;
});

export const servingAuthority: TestAuthority = makeAuthority('test serving CA', {
  notBeforeMs: Date.now() - DAY_MS,
  notAfterMs: Date.now() + DAY_MS,
});

/** PEM of a certificate for 127.0.0.1 and localhost, and its key. */
export function makeServingPair(authority: TestAuthority = servingAuthority): { certificatePem: string; keyPem: string } {
  const key = testKey('p256', 'serving');
  // GeneralNames: iPAddress 127.0.0.1, dNSName localhost (RFC 5280 section 4.2.1.6).
  const san = Buffer.concat([Buffer.from([0x30, 17, 0x87, 4, 127, 0, 0, 1, 0x82, 9]), Buffer.from('localhost')]);
  const serving = makeClient(encodeName([[{ type: 'CN', value: 'serving' }]]), authority, {
    key,
    notBeforeMs: Date.now() - DAY_MS / 2,
    notAfterMs: Date.now() + DAY_MS / 2,
    extensions: [extension.extendedKeyUsage(SERVER_AUTH), { oid: '2.5.29.17', value: san }],
  });
  return { certificatePem: serving.pem, keyPem: serving.keyPem };
}

export const servingCaPem: string = servingAuthority.pem;

// ---- the hub

type HubRequest = IncomingMessage | Http2ServerRequest;
type HubResponse = ServerResponse | Http2ServerResponse;
export type HubHandler = (request: HubRequest, response: HubResponse) => void;

export interface TestHub {
  readonly url: URL;
  readonly port: number;
  readonly sockets: ReadonlySet<Socket>;
  readonly sessions: ReadonlySet<ServerHttp2Session>;
  /** SHA-256 of the leaf of each request, in order, and its subject. */
  readonly seen: { readonly leafSHA256: string; readonly subject: string; readonly target: string; readonly method: string }[];
  /** Every connection there ever was: DER of what the client presented, its own certificate first. */
  readonly handshakes: { readonly chain: readonly Buffer[]; readonly resumed: boolean; readonly alpn: string | false | null }[];
  handler: HubHandler;
  close(): Promise<void>;
}

export interface TestHubOptions {
  /** Left out: both. */
  readonly http2?: boolean;
  readonly serving?: { certificatePem: string; keyPem: string };
  readonly tls?: SecureServerOptions;
}

/** Answers 200 `{}` until the test sets a handler. Stops with the test. */
export async function startTestHub(t: TestContext, options: TestHubOptions = {}): Promise<TestHub> {
  const { certificatePem, keyPem } = options.serving ?? makeServingPair();
  const server: Http2SecureServer = createSecureServer({
    cert: certificatePem,
    key: keyPem,
    requestCert: true,
    rejectUnauthorized: false,
    allowHTTP1: true,
    maxSessionMemory: 1_000,
    // Not ALPNProtocols: createSecureServer overwrites it (lib/internal/http2/core.js initializeTLSOptions).
    ...(options.http2 === false ? { ALPNCallback: () => 'http/1.1' } : {}),
    ...options.tls,
  });
  const sockets = new Set<Socket>();
  const sessions = new Set<ServerHttp2Session>();
  // Those whose handshake is not over among them.
  const accepted = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    accepted.add(socket);
    socket.once('close', () => accepted.delete(socket));
  });
  server.on('secureConnection', (socket: TLSSocket) => {
    sockets.add(socket);
    hub.handshakes.push({ chain: presentedBy(socket), resumed: socket.isSessionReused(), alpn: socket.alpnProtocol });
    socket.on('error', () => undefined);
    socket.once('close', () => sockets.delete(socket));
  });
  server.on('session', (session) => {
    sessions.add(session);
    session.on('error', () => undefined);
    session.once('close', () => sessions.delete(session));
  });
  const hub: TestHub = {
    url: new URL('https://127.0.0.1'),
    port: 0,
    sockets,
    sessions,
    seen: [],
    handshakes: [],
    handler: (request, response) => {
      request.resume();
      request.once('end', () => (response as ServerResponse).writeHead(200, { 'content-type': 'application/json' }).end('{}'));
    },
    close: () => stop(server, accepted),
  };
  const receive = (request: HubRequest, response: HubResponse): void => {
    const socket = 'stream' in request ? (request.stream.session?.socket as TLSSocket | undefined) : (request.socket as TLSSocket);
    const leaf = socket?.getPeerX509Certificate();
    hub.seen.push({
      leafSHA256: leaf?.fingerprint256.replaceAll(':', '').toLowerCase() ?? '',
      subject: leaf?.subject ?? '',
      target: request.url ?? '',
      method: request.method ?? '',
    });
    request.on('error', () => undefined);
    response.on('error', () => undefined);
    hub.handler(request, response);
  };
  server.on('request', receive);
  server.on('checkContinue', receive);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  t.after(() => hub.close());
  return Object.assign(hub, { url: new URL(`https://127.0.0.1:${port}`), port });
}

/** Node gives the certificates behind the first away at the first reading only. */
function presentedBy(socket: TLSSocket): readonly Buffer[] {
  const chain: Buffer[] = [];
  for (let next = socket.getPeerX509Certificate(); next !== undefined; next = next.issuerCertificate) chain.push(next.raw);
  return chain;
}

async function stop(server: Http2SecureServer, sockets: ReadonlySet<Socket>): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  for (const socket of sockets) socket.destroy();
  await closed;
}

// ---- the proxy

export interface TestProxy {
  readonly proxy: Proxy;
  readonly url: URL;
  readonly port: number;
  readonly signer: Live<Signer | null>;
  readonly trust: Live<TrustBundle | null>;
  readonly quarantine: Live<Quarantine>;
  readonly pki: OpenShiftSigner;
  readonly log: { readonly name: string; readonly fields: Readonly<Record<string, unknown>> }[];
  readonly audit: AuditLine[];
  /** Generations of which the hub was said to refuse leaves, in order. */
  readonly hubRefused: number[];
  readonly usable: Live<ReadonlySet<number>>;
  readonly meter: RecordedMeter;
  readonly directory: string;
  /** A client certificate of this proxy's signer. Left out: the klusterlet of cluster1. */
  client(subject?: Uint8Array, options?: ClientOptions): TestClient;
  /** Makes the next generation of the signer and puts it in place; the trust bundle holds old and new. Leaves of the old ones stay usable. */
  rotate(): OpenShiftSigner;
  /** Puts a signer in place as the next generation; leaves of `withdrawn` ones are not to be used any more. */
  publish(pki: OpenShiftSigner, withdrawn?: readonly number[]): void;
}

export interface TestProxyOptions {
  /** Left out: everything is allowed. */
  readonly policies?: CompiledPolicies;
  readonly limits?: Partial<LimitSettings>;
  readonly hub?: Partial<Settings['hub']>;
  readonly reissue?: Settings['reissue'];
  /** Left out: off. */
  readonly bootstrap?: BootstrapAccess;
  readonly clock?: Clock;
  readonly random?: () => number;
  readonly signerKey?: 'rsa' | 'p256' | 'p384' | 'p521';
  /** Left out: the URL of the test hub. */
  readonly hubUrl: URL;
}

/** Starts the proxy before a hub. Drains with the test. */
export async function startTestProxy(t: TestContext, options: TestProxyOptions): Promise<TestProxy> {
  const directory = await mkdtemp(join(tmpdir(), 'countersign-test-'));
  const { certificatePem, keyPem } = makeServingPair();
  await writeFile(join(directory, 'tls.crt'), certificatePem);
  await writeFile(join(directory, 'tls.key'), keyPem);
  await writeFile(join(directory, 'hub-ca.crt'), servingCaPem);
  const pki = makeOpenShiftSigner(Date.now() - DAY_MS, options.signerKey ?? 'p256');
  const signer = new Live<Signer | null>(toSigner(pki, 1));
  const trust = new Live<TrustBundle | null>(toTrust(pki.bundle));
  const quarantine = new Live<Quarantine>({ clusters: new Map() });
  const log: TestProxy['log'] = [];
  const audit: AuditLine[] = [];
  const hubRefused: number[] = [];
  const usable = new Live<ReadonlySet<number>>(new Set([1]));
  const meter = recordMeter();
  const proxy = await startProxy({
    settings: toSettings(directory, options),
    ...{ signer, usable, trust, quarantine, meter },
    policies: new Live(options.policies ?? allowAll),
    bootstrap: options.bootstrap ?? null,
    hubRefused: (generation) => void hubRefused.push(generation),
    ...(options.random === undefined ? {} : { random: options.random }),
    clock: options.clock ?? systemClock,
    log: { event: (name, fields = {}) => void log.push({ name, fields }) },
    audit: { write: (line) => void audit.push(line), reopen: () => Promise.resolve(), close: () => Promise.resolve() },
  });
  t.after(async () => {
    await proxy.drain(0);
    await rm(directory, { recursive: true, force: true });
  });
  const { port } = proxy.address;
  const publish = (next: OpenShiftSigner, withdrawn: readonly number[] = []): void => {
    const generation = (signer.current?.generation ?? 0) + 1;
    usable.swap(new Set([...usable.current, generation].filter((one) => !withdrawn.includes(one))));
    signer.swap(toSigner(next, generation));
  };
  return {
    ...{ proxy, port, signer, usable, trust, quarantine, pki, log, audit, meter, hubRefused, publish, directory },
    url: new URL(`https://127.0.0.1:${port}`),
    client: (subject = klusterletSubject('cluster1'), clientOptions = {}) =>
      makeClient(subject, pki.signer, { notBeforeMs: Date.now() - 60_000, notAfterMs: Date.now() + DAY_MS, ...clientOptions }),
    rotate: () => {
      const generation = (signer.current?.generation ?? 0) + 1;
      const next = makeOpenShiftSigner(Date.now() - DAY_MS + generation * 60_000, options.signerKey ?? 'p256');
      trust.swap(toTrust(pki.bundle + next.bundle));
      publish(next);
      return next;
    },
  };
}

export function toSigner(pki: OpenShiftSigner, generation: number): Signer {
  const read = SigningKey.read(Buffer.from(pki.tlsKey));
  if (!read.ok) throw new Error(read.detail);
  return { generation, certificate: pki.signer.certificate, chain: [], key: read.key };
}

export function toTrust(bundlePem: string): TrustBundle {
  const read = readTrustBundle(Buffer.from(bundlePem));
  if (!read.ok) throw new Error(read.detail);
  return read.trust;
}

/** Waits until `condition` holds; fails loudly after `withinMs`, which is generous for slow machines. */
export async function eventually(what: string, condition: () => boolean, withinMs: number = 20_000): Promise<void> {
  const startedMs = performance.now();
  while (!condition()) {
    if (performance.now() - startedMs > withinMs) throw new Error(`not within ${withinMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
