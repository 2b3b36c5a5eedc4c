// What Countersign would do with one client certificate at one moment, and which stage decides. Runs the data path's own judgement and issuing,
// with nobody's key: pure but for the throwaway key pair that a leaf needs.

import { generateKeyPairSync, randomBytes } from 'node:crypto';
import type { Certificate } from '../certificate.ts';
import type { TrustBundle } from '../ca-sync/ca-sync.ts';
import { refusals } from '../errors.ts';
import type { Refusal, RefusalRule } from '../errors.ts';
import type { Identity } from '../identity.ts';
import { createLeafProfile, judgePeer, refuseQuarantined, reissueLeaf } from '../proxy/proxy.ts';
import type { Peer } from '../proxy/proxy.ts';
import type { ReissueSettings } from '../settings.ts';
import { sayFacts } from './facts.ts';

export type Stage = 'parse' | 'chain' | 'usage' | 'time' | 'subject' | 'quarantine';

/** Printed by `--json`: a public interface. Times are RFC 3339, fingerprints lower-case hex. */
export type Explanation = Refused | Accepted;

interface Refused {
  readonly verdict: 'refused';
  readonly at: string;
  readonly stage: Stage;
  readonly rule: RefusalRule;
  /** What the client is told. */
  readonly message: string;
  /** What the audit says. */
  readonly detail: string;
}

interface Accepted extends Identity {
  /** `accepted`: the signer's certificate is not at hand; `not-issued`: the signer cannot issue at that time, `reason` says why. */
  readonly verdict: 'issued' | 'not-issued' | 'accepted';
  readonly at: string;
  readonly clientCertificateSHA256: string;
  readonly subject: string;
  readonly clientNotAfter: string;
  readonly leaf: ExplainedLeaf | null;
  readonly reason: string | null;
}

interface ExplainedLeaf {
  readonly issuer: string;
  readonly notBefore: string;
  readonly notAfter: string;
}

export interface Question {
  /** DER, the client's own certificate first. */
  readonly chain: readonly Buffer[];
  readonly trust: TrustBundle;
  readonly signerCertificate: Certificate | null;
  readonly reissue: ReissueSettings;
  readonly atMs: number;
  /** By the settings; lists that are kept on the hub are not asked for. */
  readonly quarantined: readonly string[];
}

/** Exhaustive over the rules that judge a certificate; the others judge a request and cannot come up here. */
const stages: Readonly<Partial<Record<RefusalRule, Stage>>> = {
  'no-client-certificate': 'parse',
  'certificate-malformed': 'parse',
  'certificate-unknown-authority': 'chain',
  'certificate-constraints': 'chain',
  'certificate-is-authority': 'usage',
  'certificate-usage': 'usage',
  'certificate-expired': 'time',
  'certificate-not-yet-valid': 'time',
  'subject-ambiguous': 'subject',
  'subject-grammar': 'subject',
  quarantined: 'quarantine',
};

export function explainCertificate(question: Question): Explanation {
  const { chain, trust, atMs } = question;
  const at = new Date(atMs).toISOString();
  const verdict = judgePeer(chain, trust, atMs);
  if (verdict.kind === 'fault') throw new TypeError(`no judgement without a trust bundle (${verdict.cause})`);
  if (verdict.kind === 'refused') return explainRefusal(verdict.refusal, at);
  const quarantine = { clusters: new Map(question.quarantined.map((name) => [name, ['settings'] as const])) };
  const cutOff = refuseQuarantined(quarantine, verdict.peer.identity);
  if (cutOff !== null) return explainRefusal(cutOff, at);
  const { certificate, identity } = verdict.peer;
  return {
    ...explainLeaf(verdict.peer, question),
    at,
    clientCertificateSHA256: certificate.fingerprintSHA256,
    subject: certificate.subject,
    ...identity,
    clientNotAfter: new Date(certificate.notAfterMs).toISOString(),
  };
}

function explainRefusal({ rule, detail }: Refusal, at: string): Refused {
  return { verdict: 'refused', at, stage: stages[rule] ?? 'parse', rule, message: refusals[rule].sentence, detail };
}

/** Makes the leaf as the issuer would and keeps only what it says of itself: its signature is empty, for the signer's key is not here. */
function explainLeaf(peer: Peer, { signerCertificate, reissue, atMs }: Question): Pick<Accepted, 'verdict' | 'leaf' | 'reason'> {
  if (signerCertificate === null) return { verdict: 'accepted', leaf: null, reason: null };
  const publicKey = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ type: 'spki', format: 'der' });
  const key = { signatureAlgorithmDer: ECDSA_WITH_SHA256, sign: () => Buffer.alloc(0) };
  const request = { client: peer.certificate, publicKeySpki: publicKey, serial: randomBytes(16), nowMs: atMs };
  const made = reissueLeaf(request, { certificate: signerCertificate, key }, createLeafProfile(reissue));
  if (!made.ok) return { verdict: 'not-issued', leaf: null, reason: made.detail };
  const notBefore = new Date(made.leaf.notBeforeMs).toISOString();
  const notAfter = new Date(made.leaf.notAfterMs).toISOString();
  return { verdict: 'issued', leaf: { issuer: signerCertificate.subject, notBefore, notAfter }, reason: null };
}

/** AlgorithmIdentifier of RFC 5758 §3.2. */
const ECDSA_WITH_SHA256 = Buffer.from('300a06082a8648ce3d040302', 'hex');

/** For people: one fact a line. */
export function sayExplanation(explanation: Explanation): string {
  if (explanation.verdict === 'refused') {
    const { at, stage, rule, message, detail } = explanation;
    return sayFacts({ verdict: 'refused: nothing is issued', at, stage, rule, 'the client is told': message, 'the audit says': detail });
  }
  const { at, groups, uid, addon, cluster } = explanation;
  return sayFacts({
    verdict: sayVerdict(explanation),
    at,
    subject: `${explanation.subject} (copied byte for byte)`,
    user: explanation.user,
    groups: groups.join(', '),
    ...(uid === null ? {} : { uid }),
    kind: explanation.kind,
    cluster: cluster ?? '(the certificate names none)',
    ...(addon === null ? {} : { 'add-on': addon }),
    'client SHA-256': explanation.clientCertificateSHA256,
    'client not after': explanation.clientNotAfter,
    ...sayLeaf(explanation.leaf),
  });
}

function sayVerdict({ verdict, reason }: Accepted): string {
  switch (verdict) {
    case 'issued':
      return 'a leaf is issued';
    case 'not-issued':
      return `the client is accepted, but no leaf can be issued: ${reason}`;
    case 'accepted':
      return 'the client is accepted; issuer and times of its leaf need --signer-certificate FILE';
  }
}

function sayLeaf(leaf: ExplainedLeaf | null): Record<string, string> {
  return leaf === null ? {} : { 'leaf issuer': leaf.issuer, 'leaf not before': leaf.notBefore, 'leaf not after': leaf.notAfter };
}
