// Invariant 3, at real sockets: whatever is interleaved with whatever, no request arrives at the hub under another identity than its client's.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import type { ClientHttp2Session } from 'node:http2';
import type { Agent } from 'node:https';
import type { ServerResponse } from 'node:http';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import fc from 'fast-check';
import { parseCertificate } from '../../src/certificate.ts';
import { addonSubject, klusterletSubject } from '../pki.ts';
import type { TestClient } from '../pki.ts';
import { openH1, openH2, requestH1, requestH2 } from '../proxy/test-client.ts';
import { startTestHub, startTestProxy } from '../proxy/test-proxy.ts';
import type { TestHub, TestProxy } from '../proxy/test-proxy.ts';

const IDENTITIES = 50;
const RUNS = 16;
const STEPS = 250;
/** Few enough that leaves are thrown out and made again all the time. */
const LEAVES_KEPT = 30;

interface Person {
  readonly subject: Buffer;
  readonly client: TestClient;
  session: ClientHttp2Session;
  agent: Agent;
  /** Requests on their way. */
  readonly open: Set<Promise<void>>;
}

interface RequestStep {
  readonly kind: 'request';
  readonly who: number;
  readonly http2: boolean;
  readonly post: boolean;
}

type Step =
  | RequestStep
  | { readonly kind: 'reconnect'; readonly who: number }
  | { readonly kind: 'abandon'; readonly who: number }
  | { readonly kind: 'rotate' }
  /** Only the newest generation is to be used any more. */
  | { readonly kind: 'drop-old' }
  /** The newest is not, and the first signer is published again. */
  | { readonly kind: 'roll-back' }
  | { readonly kind: 'settle' };

const who = fc.oneof(fc.nat(IDENTITIES - 1), fc.nat(2));
const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.oneof(
    { weight: 40, arbitrary: fc.record({ kind: fc.constant('request' as const), who, http2: fc.boolean(), post: fc.boolean() }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('reconnect' as const), who }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('abandon' as const), who }) },
    {
      weight: 1,
      arbitrary: fc.constantFrom<Step>(
        { kind: 'rotate' },
        { kind: 'rotate' },
        { kind: 'settle' },
        { kind: 'drop-old' },
        { kind: 'roll-back' },
      ),
    },
  ),
  { minLength: STEPS, maxLength: STEPS },
);

/** Half klusterlets, half add-ons of the same clusters; one key for all of them, so that only the name tells them apart. */
function meet(t: TestContext, proxy: TestProxy): readonly Person[] {
  return Array.from({ length: IDENTITIES }, (_, n) => {
    const cluster = `cluster${n % 10}`;
    const subject = n % 2 === 0 ? klusterletSubject(cluster, `agent${n}`) : addonSubject(cluster, 'work-manager', `agent${n}`);
    const client = proxy.client(subject);
    return { subject, client, session: openH2(t, proxy.port, client), agent: openH1(t, client), open: new Set() };
  });
}

/** What the hub saw of each request: who its target says sent it, and the subject of the certificate of the connection it came on. */
function watchForMixing(hub: TestHub, people: readonly Person[]): () => void {
  const subjects = new Map<string, Buffer>();
  let checked = 0;
  return () => {
    for (const { chain } of hub.handshakes.slice(subjects.size)) {
      const [leaf = Buffer.alloc(0)] = chain;
      subjects.set(createHash('sha256').update(leaf).digest('hex'), parseCertificate(leaf).subjectDer);
    }
    for (; checked < hub.seen.length; checked += 1) {
      const { target = '', leafSHA256 = '' } = hub.seen[checked] ?? {};
      const person = people[Number(target.split('/')[2])];
      assert.ok(person !== undefined && subjects.get(leafSHA256)?.equals(person.subject) === true, target);
    }
  };
}

interface Scene {
  readonly t: TestContext;
  readonly proxy: TestProxy;
  readonly people: readonly Person[];
}

async function take(step: Step, n: number, { t, proxy, people }: Scene): Promise<void> {
  if (step.kind === 'rotate') return void proxy.rotate();
  if (step.kind === 'settle') return;
  if (step.kind === 'drop-old' || step.kind === 'roll-back') return withdraw(step.kind, proxy);
  const person = people[step.who];
  assert.ok(person !== undefined);
  const path = `/api/${step.who}/${n}`;
  if (step.kind === 'request') return askFor(path, step, { person, proxy });
  if (step.kind === 'reconnect') return reconnect(person, { t, proxy });
  const session = openH2(t, proxy.port, person.client);
  const abandoned = assert.rejects(requestH2(session, { path }));
  setImmediate(() => session.destroy());
  return abandoned;
}

function withdraw(how: 'drop-old' | 'roll-back', proxy: TestProxy): void {
  const generation = proxy.signer.current?.generation ?? 0;
  if (how === 'drop-old') proxy.usable.swap(new Set([generation]));
  else proxy.publish(proxy.pki, [generation]);
}

function askFor(path: string, { http2, post }: RequestStep, { person, proxy }: { person: Person; proxy: TestProxy }): Promise<void> {
  const plan = post ? { path, method: 'POST', body: path } : { path };
  const answered = http2 ? requestH2(person.session, plan) : requestH1(person.agent, proxy.port, plan);
  const checked = answered
    .then(({ status, body }) => assert.deepEqual([status, body], [200, path]))
    .finally(() => person.open.delete(checked));
  person.open.add(checked);
  return checked;
}

/** The old connections end as soon as their requests are answered: often while others of the same person begin on the new ones. */
async function reconnect(person: Person, { t, proxy }: { t: TestContext; proxy: TestProxy }): Promise<void> {
  const { session, agent } = person;
  person.session = openH2(t, proxy.port, person.client);
  person.agent = openH1(t, person.client);
  await Promise.allSettled(person.open);
  session.close();
  agent.destroy();
}

test('no interleaving of fifty identities, connections, rotations and rollbacks makes a request arrive under another identity', async (t) => {
  const hub = await startTestHub(t);
  // Slow enough that some still move when the next rotation comes.
  const reissue = { lifetimeMs: 'match', movesPerSecond: 60 } as const;
  const proxy = await startTestProxy(t, { hubUrl: hub.url, reissue, limits: { leafCacheEntries: LEAVES_KEPT } });
  hub.handler = (request, response) => {
    request.resume();
    request.once('end', () => (response as ServerResponse).writeHead(200).end(request.url));
  };
  const people = meet(t, proxy);
  const assertNoMixing = watchForMixing(hub, people);
  let sent = 0;
  const property = fc.asyncProperty(steps, async (all) => {
    const running: Promise<void>[] = [];
    for (const [n, step] of all.entries()) {
      running.push(take(step, n, { t, proxy, people }));
      if (step.kind === 'request') sent += 1;
      if (step.kind === 'settle' || running.length >= 40)
        await Promise.all(running.splice(0, running.length - (step.kind === 'settle' ? 0 : 20)));
    }
    await Promise.all(running);
    assertNoMixing();
  });
  await fc.assert(property, { numRuns: RUNS, endOnFailure: true });
  assert.ok(sent > 3_000 && hub.seen.length >= sent, `${sent} sent, ${hub.seen.length} seen`);
  assert.ok(proxy.signer.current !== null && proxy.signer.current.generation > 5);
  assert.ok(proxy.log.some(({ name }) => name === 'sessions-moving'));
  assert.equal(proxy.log.filter(({ name }) => name === 'internal-error' || name === 'hub-fault').length, 0);
});
