// The judgement over one exchange, by what others say: the client's socket about the answer, the hub's socket about what arrived, the hub's own
// authentication about who it was from. Asks nothing of the code under test.

import { createHash } from 'node:crypto';
import type { SeenRequest } from '../demo/demo.ts';
import { faults, refusals } from '../errors.ts';
import type { RefusalRule } from '../errors.ts';
import type { Expectation } from './case.ts';
import type { Credentials } from './credentials.ts';
import { judgeLeaf } from './leaf-judgement.ts';
import type { JudgedAgainst } from './leaf-judgement.ts';
import { expectEqual, expectThat } from './mismatch.ts';
import type { Answer, SentRequest } from './wire/sent-request.ts';

/** Whom the hub takes a credential for when it is asked directly, without any proxy. */
export interface WhoAmI {
  readonly user: string;
  readonly groups: readonly string[];
  /** All of the answer's `status.userInfo` but for the credential's own number. */
  readonly userInfo: unknown;
  readonly credentialId: string | null;
}

export function judgeAnswer(answer: Answer, then: Expectation): void {
  const { status, rule, rules, cause, ends, contains, reachesHub } = then;
  const ended = ends === 'connection' && (answer.ended === 'goaway' || answer.ended === 'closed') ? ends : answer.ended;
  if (ends !== undefined) expectEqual(ended, ends, 'how the exchange ends');
  // Of frames no status is read where the body has none.
  if (status !== undefined && !(answer.status === 0 && answer.ended === 'whole'))
    expectEqual(answer.status, status, `status, with the body ${answer.body.slice(0, 400)}`);
  if (rule !== undefined || rules !== undefined || cause !== undefined) judgeOwnAnswer(answer, then);
  else if (reachesHub) expectThat(!answer.body.includes('"message":"countersign: '), "the hub's own answer", answer.body);
  if (contains !== undefined) expectThat(answer.body.includes(contains), `an answer with ${JSON.stringify(contains)} in it`, answer.body);
  for (const [name, value] of Object.entries(then.answerHeaders))
    expectHeader(answer.headers[name.toLowerCase()], value, `answer header ${name}`);
}

/** docs/answers.md: a Status whose message ends in the name and the audit-id; nothing behind it is processed. */
function judgeOwnAnswer({ status, body, answers, headers }: Answer, { rule, rules, cause }: Expectation): void {
  expectEqual(answers, 1, 'number of answers');
  const read = readStatus(body);
  const said = /^countersign: .+ \((rule|cause) ([a-z0-9-]+), audit-id [-0-9a-f]{36}\)$/.exec(String(read.message));
  const expected = cause === undefined ? (rules ?? [rule]).map((one) => `rule ${one}`) : [`cause ${cause}`];
  const name = `${said?.[1]} ${said?.[2]}`;
  expectThat(expected.includes(name), `a message that ends in (${expected.join(' or ')}, audit-id …)`, body);
  const { status: code } = cause === undefined ? refusals[said?.[2] as RefusalRule] : faults[cause];
  expectEqual([read.kind, read.apiVersion, read.code], ['Status', 'v1', code], 'Status and its code');
  expectThat(status === 0 || status === code, `status ${code}`, status);
  // Frames are read without their header fields.
  if (cause !== undefined && Object.keys(headers).length > 0)
    expectThat(/^\d+$/.test(headers['retry-after'] ?? ''), 'a Retry-After header', headers);
}

function readStatus(body: string): { kind?: unknown; apiVersion?: unknown; code?: unknown; message?: unknown } {
  try {
    const read: unknown = JSON.parse(body);
    return typeof read === 'object' && read !== null ? read : {};
  } catch {
    return {};
  }
}

function expectHeader(seen: string | undefined, expected: string | null, what: string): void {
  expectEqual(seen ?? null, expected, what);
}

export interface Arrival {
  readonly seen: readonly SeenRequest[];
  /** null: raw bytes or frames, of which only the arrival is judged. */
  readonly sent: SentRequest | null;
  readonly credentials: Credentials;
  /** null: the hub does not take the credential for anybody. */
  readonly whoAmI: WhoAmI | null;
  readonly against: JudgedAgainst;
}

export function judgeArrival(arrival: Arrival, then: Expectation): void {
  const { seen, sent } = arrival;
  const shown = seen.map(({ method, target, user }) => `${method} ${target} by ${user}`);
  if (!then.reachesHub) return expectEqual(shown, [], 'what the hub received');
  expectThat(seen.length === then.hubReceives, `${then.hubReceives} request(s) at the hub`, shown.join('; ') || 'none');
  for (const one of seen) {
    judgeIdentity(one, arrival, then);
    if (sent !== null) judgeMessage(one, sent, then);
    for (const [name, value] of Object.entries(then.hubHeaders)) expectHeader(fieldOf(one, name), value, `header ${name} at the hub`);
    if (then.hubTarget !== undefined) expectEqual(one.target, then.hubTarget, 'target at the hub');
  }
}

function fieldOf({ headers }: SeenRequest, name: string): string | undefined {
  const values = headers.filter(([each]) => each.toLowerCase() === name.toLowerCase()).map(([, value]) => value);
  return values.length === 0 ? undefined : values.join(', ');
}

function judgeIdentity(seen: SeenRequest, { credentials, whoAmI, against }: Arrival, then: Expectation): void {
  expectEqual(seen.user, then.hubUser ?? whoAmI?.user ?? null, 'user at the hub');
  expectEqual(seen.groups, then.hubGroups ?? whoAmI?.groups ?? [], 'groups at the hub');
  for (const name of ['impersonate-user', 'impersonate-group', 'x-remote-user', 'x-remote-group'])
    expectHeader(fieldOf(seen, name), null, `header ${name} at the hub`);
  const { certificate } = credentials;
  if (certificate === null) {
    // A bearer token goes on a connection that shows no certificate, and is the same at the hub.
    expectEqual(seen.certificates.length, 0, 'client certificates of a request with a token');
    return expectEqual(seen.credentialId, whoAmI?.credentialId ?? null, 'credential-id at the hub');
  }
  expectHeader(fieldOf(seen, 'authorization'), null, 'header authorization at the hub');
  const [leaf] = seen.certificates;
  const fingerprint = leaf === undefined ? null : createHash('sha256').update(leaf).digest('hex');
  expectEqual(seen.credentialId, `X509SHA256=${fingerprint}`, 'credential-id at the hub');
  expectThat(seen.credentialId !== whoAmI?.credentialId, 'another credential-id than without the proxy', seen.credentialId);
  judgeLeaf(seen.certificates, certificate.certificatePem, against);
}

/** The same method, the same bytes of the body, and a target that means the same. */
function judgeMessage(seen: SeenRequest, sent: SentRequest, then: Expectation): void {
  expectEqual(seen.method, sent.method, 'method at the hub');
  if (then.hubTarget === undefined) expectEqual(meaningOf(seen.target), meaningOf(sent.target), 'target at the hub');
  // Of a request without a body that it refuses, the hub reads no further than the head.
  if (sent.body === null && seen.body.length === 0) return;
  expectEqual(seen.isBodyComplete, then.hubBodyComplete, 'whether the hub got the whole body');
  if (!then.hubBodyComplete) return;
  const expected = sent.body ?? Buffer.alloc(0);
  expectThat(
    expected.equals(seen.body),
    `the body that was sent, ${expected.length} bytes`,
    `${seen.body.length} bytes: ${seen.body.toString('latin1').slice(0, 200)}`,
  );
}

function meaningOf(target: string): unknown {
  const [path = '', query = ''] = target.split(/\?(.*)/s, 2);
  return { path: path.split('/').map(decodeURIComponent), query: [...new URLSearchParams(query)] };
}
