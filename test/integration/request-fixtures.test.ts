// Every case of fixtures/requests on the real proxy before a real hub: refused by the rule that it names without a byte reaching the hub, and its
// neighbour let through with every byte, over HTTP/2 and HTTP/1.1.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readRequestInfo } from '../../src/demo/hub/api/request-info.ts';
import type { SeenRequest } from '../../src/demo/hub/embedded-hub.ts';
import { readFixture, readFixtures } from '../requests/request-fixture.ts';
import type { FixtureIdentity, FixtureRequest, RequestFixture } from '../requests/request-fixture.ts';
import { FixtureStage } from '../requests/fixture-stage.ts';
import { readRequest, send, sendRaw } from '../requests/sending.ts';
import type { Answer, SentRequest, Wire } from '../requests/sending.ts';

const fixtures = readFixtures();

/** Threats that no rule about requests can stop. */
const beyondRequests: Readonly<Record<string, string>> = { T23: 'a way around the proxy is closed by the network' };

test('there is a case for each threat that a rule about requests can stop', () => {
  const threats = new Set(fixtures.map(({ threat }) => threat));
  const expected = Array.from({ length: 23 }, (_, at) => `T${at + 1}`).filter((threat) => !(threat in beyondRequests));
  assert.deepEqual(
    expected.filter((threat) => !threats.has(threat)),
    [],
  );
});

test('a file that is not of the form is refused, and everything that is wrong in it named', () => {
  assert.throws(
    () => readFixture('a.yaml', 'id: a\nthreat: T24\nwhen: { request: GET, body: 1, text: x }\nextra: 1\n'),
    (error: Error) =>
      ['threat: ', 'when: at most one of body', 'when.request: METHOD target', 'given: ', '"extra"'].every((part) =>
        error.message.includes(part),
      ),
  );
  assert.throws(() => readFixture('b.yaml', JSON.stringify({ ...fixtures[0] })), /id: the name of the file/);
});

/** One hub and one proxy for all cases under the same packs and settings. */
for (const [, cases] of Map.groupBy(fixtures, ({ given: { packs, settings } }) => JSON.stringify([packs, settings]))) {
  const { packs, settings } = cases[0]?.given ?? { packs: [], settings: {} };
  const where = Object.keys(settings).length === 0 ? '' : ` and ${JSON.stringify(settings)}`;
  test(`under the packs ${packs.join(', ')}${where}`, async (t) => {
    const stage = await FixtureStage.open({ packs, settings });
    t.after(() => stage.close());
    for (const fixture of cases) {
      for (const wire of wiresOf(fixture.when)) {
        await t.test(`${fixture.threat} ${fixture.id} over ${wire}: ${fixture.shows}`, () => assertRefused(stage, fixture, wire));
      }
      for (const wire of wiresOf(fixture.neighbour.when)) {
        await t.test(`the neighbour of ${fixture.id} over ${wire} reaches the hub`, () => assertLetThrough(stage, fixture, wire));
      }
    }
  });
}

function wiresOf({ over, raw }: FixtureRequest): readonly Wire[] {
  return over ?? (raw === undefined ? ['h2', 'http/1.1'] : ['http/1.1']);
}

type Played = Answer & { readonly sent: SentRequest | null };

async function play(stage: FixtureStage, identity: FixtureIdentity, when: FixtureRequest, wire: Wire): Promise<Played> {
  for (let time = 1; time < when.times; time += 1) await playOnce(stage, identity, when, wire);
  return playOnce(stage, identity, when, wire);
}

async function playOnce(stage: FixtureStage, identity: FixtureIdentity, when: FixtureRequest, wire: Wire): Promise<Played> {
  await stage.settled();
  const sender = await stage.senderOf(identity);
  stage.stage.hub.clearRequests();
  if (when.raw !== undefined) return { ...(await sendRaw(sender, when.raw)), sent: null };
  const sent = readRequest(when);
  return { ...(await send(sender, sent, wire)), sent };
}

async function assertRefused(stage: FixtureStage, { given, when, then }: RequestFixture, wire: Wire): Promise<void> {
  const { status, body } = await play(stage, given.identity, when, wire);
  assert.equal(status, then.status, body);
  const refusal = JSON.parse(body) as { kind: string; code: number; message: string };
  assert.deepEqual([refusal.kind, refusal.code], ['Status', then.status]);
  assert.match(refusal.message, new RegExp(`^countersign: .+ \\(rule ${then.rule}, audit-id [-0-9a-f]{36}\\)$`));
  await stage.settled();
  assert.deepEqual(stage.seen(), [], 'the hub has seen something of it');
}

async function assertLetThrough(stage: FixtureStage, { given, neighbour }: RequestFixture, wire: Wire): Promise<void> {
  const { status, body, sent } = await play(stage, neighbour.identity ?? given.identity, neighbour.when, wire);
  assert.doesNotMatch(body, /"message":"countersign: /);
  if (neighbour.then.status !== undefined) assert.equal(status, neighbour.then.status, body);
  await stage.settled();
  const [seen, ...others] = stage.seen();
  assert.ok(seen !== undefined, `the hub has not seen it; the answer is ${status} ${body}`);
  assert.deepEqual(others, []);
  if (sent !== null) assertSame(seen, sent);
}

/** The same bytes of the body, and a target that means the same to the hub. */
function assertSame(seen: SeenRequest, sent: SentRequest): void {
  assert.equal(seen.method, sent.method);
  assert.deepEqual(readTarget(seen.method, seen.target), readTarget(sent.method, sent.target));
  assert.deepEqual(Buffer.from(seen.body), sent.body ?? Buffer.alloc(0));
}

function readTarget(method: string, target: string): unknown {
  const { pathname, searchParams } = new URL(target, 'https://hub');
  return { info: readRequestInfo(method, decodeURIComponent(pathname), searchParams), query: [...searchParams] };
}
