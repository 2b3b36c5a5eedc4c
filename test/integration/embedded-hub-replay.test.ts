// Ground truth: every exchange that was recorded with a real kube-apiserver is replayed against the embedded hub, in the recorded state
// and at the recorded hour, and has to come out the same: status, headers, body, audit event, and what becomes of the connection.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { type Clock, systemClock } from '../../src/clock.ts';
import type { KubeObject } from '../../src/demo/hub/api/object.ts';
import { type AuditEvent, type ClientCertificate, type EmbeddedHub, startEmbeddedHub } from '../../src/demo/hub/embedded-hub.ts';
import { type Answer, connectTo, DEADLINE_MS, type HubClient, until } from './embedded-hub-client.ts';

interface Exchange {
  readonly name: string;
  readonly credential: 'none' | 'unknown CA' | 'klusterlet';
  readonly method: string;
  readonly target: string;
  readonly requestHeaders: Readonly<Record<string, string>>;
  readonly requestBody?: string;
  readonly status: number;
  readonly responseHeaders: Readonly<Record<string, string>>;
  readonly responseBody: string;
  readonly connectionClosedAfter: boolean;
  readonly goawayCode: number | null;
}

const recorded = new URL('../../fixtures/recorded/', import.meta.url);
const exchanges = readLines('hub-responses.jsonl') as readonly Exchange[];
const events = readLines('hub-audit.jsonl') as readonly AuditEvent[];

function readLines(name: string): readonly unknown[] {
  const lines = readFileSync(new URL(name, recorded), 'utf8').trim().split('\n');
  return lines.map((line) => JSON.parse(line) as unknown);
}

/**
 * What two hubs that agree on everything still say differently, in bodies, and nothing else:
 * - the credential-id, the hash of the certificate presented (a key of this run);
 * - the address that discovery names, the hub's own port;
 * - how far back a watch can go ("too old resource version: 1 (327)"): when the recorded hub had last compacted.
 * - the resourceVersion of a list from the watch cache (resourceVersion=0): how far the recorded hub's cache of that resource had come.
 */
function comparableBody(text: string): string {
  return text
    .replaceAll(/X509SHA256=[0-9a-f]{64}/g, 'X509SHA256=…')
    .replaceAll(/127\.0\.0\.1:\d+/g, '127.0.0.1:…')
    .replaceAll(/("metadata":\{"continue":"","resourceVersion":)"\d+"/g, '$1"…"')
    .replaceAll(/(too old resource version: \d+) \(\d+\)/g, '$1 (…)');
}

/** Of headers: identifiers that are random, and the entity tag of a discovery document whose other groups this hub does not serve. */
const RANDOM_HEADERS = ['audit-id', 'x-kubernetes-pf-flowschema-uid', 'x-kubernetes-pf-prioritylevel-uid', 'etag'];

let nowMs = 0;
const clock: Clock = { ...systemClock, now: () => nowMs };
let hub: EmbeddedHub;
let klusterlet: ClientCertificate;
let stranger: ClientCertificate;

before(async () => {
  nowMs = Date.parse(exchanges[0]?.responseHeaders['date'] ?? '');
  hub = await startEmbeddedHub({ clock });
  await hub.addCluster('cluster1');
  klusterlet = await hub.issueClientCertificate({ subject: { kind: 'klusterlet', cluster: 'cluster1', agent: 'khnxf' } });
  const foreign = await startEmbeddedHub({ clock, signerKeyType: 'ec-p256' });
  stranger = await foreign.issueClientCertificate({ subject: { kind: 'klusterlet', cluster: 'cluster1', agent: 'khnxf' } });
  await foreign.close();
  restoreRecordedState();
});

after(() => hub.close());

/** The objects as the recorded answers show them. */
function restoreRecordedState(): void {
  const bodyOf = (name: string): string =>
    Buffer.from(exchanges.find((exchange) => exchange.name === name)?.responseBody ?? '', 'base64').toString();
  const lease = JSON.parse(bodyOf('own lease, JSON')) as KubeObject;
  const cluster = JSON.parse(bodyOf('own managed cluster')) as KubeObject;
  const [added = ''] = bodyOf('watch with initial events').split('\n');
  const work = (JSON.parse(added) as { object: KubeObject }).object;
  const requests = JSON.parse(bodyOf('own CSRs by label')) as { items: readonly KubeObject[] };
  hub.store.restore('leases.coordination.k8s.io', lease);
  hub.store.restore('managedclusters.cluster.open-cluster-management.io', cluster);
  hub.store.restore('manifestworks.work.open-cluster-management.io', work);
  const type = { apiVersion: 'certificates.k8s.io/v1', kind: 'CertificateSigningRequest' };
  for (const item of requests.items) hub.store.restore('certificatesigningrequests.certificates.k8s.io', { ...type, ...item });
}

/** Writes of others moved the recorded hub's counter between two exchanges; an answer that carries the counter tells to where. */
function catchUp(exchange: Exchange): void {
  nowMs = Date.parse(exchange.responseHeaders['date'] ?? '');
  hub.store.advanceTo(exchange.name.includes('CSRs') ? 424 : 423);
}

function client(exchange: Exchange): HubClient {
  const presented = { klusterlet, 'unknown CA': stranger, none: null }[exchange.credential];
  const ca = hub.servingCaPem;
  return connectTo(hub.url, presented === null ? { ca } : { ca, cert: presented.certificatePem, key: presented.keyPem });
}

async function replay(exchange: Exchange, from: HubClient): Promise<Answer> {
  const isWatch = exchange.target.includes('watch=true');
  const length = Buffer.from(exchange.responseBody, 'base64').length;
  const body = exchange.requestBody === undefined ? undefined : Buffer.from(exchange.requestBody, 'base64');
  const head = { ':method': exchange.method, ':path': exchange.target, ...exchange.requestHeaders };
  return from.request(head, body, isWatch ? length : undefined);
}

function assertSameHead(answer: Answer, exchange: Exchange): void {
  assert.equal(answer.status, exchange.status);
  const { ':status': _status, ...headers } = answer.headers;
  assert.deepEqual(Object.keys(headers), Object.keys(exchange.responseHeaders), 'the same headers in the same order');
  for (const [name, value] of Object.entries(exchange.responseHeaders)) {
    if (name === 'content-length' && exchange.name.startsWith('discovery')) continue;
    if (!RANDOM_HEADERS.includes(name)) assert.equal(headers[name], value, name);
    else assert.match(String(headers[name]), /^[-0-9a-f]{36}$|^"[0-9A-F]{128}"$/, name);
  }
}

interface Discovered {
  readonly kind: string;
  readonly apiVersion: string;
  readonly items: readonly {
    metadata: { name: string };
    versions: readonly { version: string; resources: readonly { resource: string }[] }[];
  }[];
}

function assertSameBody(answer: Answer, exchange: Exchange): void {
  const real = Buffer.from(exchange.responseBody, 'base64');
  if (exchange.name !== 'discovery, aggregated') {
    assert.equal(comparableBody(answer.body.toString('latin1')), comparableBody(real.toString('latin1')));
    return;
  }
  // The recorded hub serves more; what both serve is described alike.
  const [ours, theirs] = [answer.body, real].map((body) => JSON.parse(body.toString()) as Discovered);
  const entries = (list: Discovered | undefined): ReadonlyMap<string, unknown> =>
    new Map(
      list?.items.flatMap((group) =>
        group.versions.flatMap(({ version, resources }) =>
          resources.map((entry) => [`${group.metadata.name}/${version}/${entry.resource}`, entry] as const),
        ),
      ),
    );
  const [served, known] = [entries(ours), entries(theirs)];
  assert.deepEqual([ours?.kind, ours?.apiVersion], [theirs?.kind, theirs?.apiVersion]);
  assert.ok([...served.keys()].filter((name) => known.has(name)).length >= 5, [...served.keys()].join(', '));
  for (const [name, entry] of served) if (known.has(name)) assert.deepEqual(withoutVerbs(entry), withoutVerbs(known.get(name)), name);
}

/** The stand-in serves fewer verbs and subresources of some resources. */
function withoutVerbs(entry: unknown): unknown {
  const { verbs: _verbs, subresources: _subresources, ...rest } = entry as { verbs: unknown; subresources: unknown };
  return rest;
}

/** Of an audit event: the two times, the id, and the hash of the certificate. */
function comparableEvent(event: AuditEvent | undefined): unknown {
  if (event === undefined) return null;
  const { auditID: _id, requestReceivedTimestamp: received, stageTimestamp: stage, ...rest } = event;
  for (const time of [received, stage]) assert.match(time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
  return { keys: Object.keys(event), ...(JSON.parse(comparableBody(JSON.stringify(rest))) as object) };
}

for (const exchange of exchanges) {
  test(`answers as the real hub did: ${exchange.name}`, { timeout: 2 * DEADLINE_MS }, async () => {
    catchUp(exchange);
    const from = client(exchange);
    try {
      const eventsBefore = hub.auditEvents().length;
      const answer = await replay(exchange, from);
      assertSameHead(answer, exchange);
      assertSameBody(answer, exchange);
      if (exchange.connectionClosedAfter) await until(() => from.session.destroyed, 'the hub closes the connection');
      else assert.equal(await from.isStillOpen(), true, 'the hub keeps the connection');
      assert.deepEqual(from.goAways, exchange.goawayCode === null ? [] : [exchange.goawayCode]);
      const real = events.filter(({ auditID }) => auditID === exchange.responseHeaders['audit-id']);
      const stages = (): readonly AuditEvent[] => hub.auditEvents().slice(eventsBefore);
      for (const event of real) {
        await until(() => stages().some(({ stage }) => stage === event.stage), `audit event ${event.stage}`);
        assert.deepEqual(comparableEvent(stages().find(({ stage }) => stage === event.stage)), comparableEvent(event));
      }
      for (const { auditID } of stages()) assert.equal(auditID, answer.headers['audit-id']);
    } finally {
      from.close();
    }
  });
}
