// What Countersign promises: the closed list that every case belongs to and that a report is read by. Each promise is one sentence that an auditor
// can hold the product to, and says where it was given.

interface PromiseRow {
  readonly sentence: string;
  /** Where it stands. */
  readonly source: string;
}

export const promiseIds = [
  'same-identity',
  'bounded-issuing',
  'no-mixing',
  'judged-is-sent',
  'fail-closed',
  'key-stays',
  'last-good',
  'bounded',
  'trusted-clients',
  'own-cluster',
  'own-name',
  'needs-only',
  'no-hub-credentials',
  'bootstrap',
  'quarantine',
  'rotation',
  'streams',
  'draining',
  'report-mode',
] as const;

export type PromiseId = (typeof promiseIds)[number];

export const promises: Readonly<Record<PromiseId, PromiseRow>> = {
  'same-identity': {
    sentence: 'the hub sees the same user and the same groups as without the proxy: the subject is reissued byte for byte, under a new key',
    source: 'ARCHITECTURE.md "same identity"',
  },
  'bounded-issuing': {
    sentence:
      'certificates are issued only for agents whose own certificate holds now, and never for more, longer or another use than theirs',
    source: `ARCHITECTURE.md "the issuer trusts nobody's word"; SECURITY.md`,
  },
  'no-mixing': {
    sentence: 'a request travels only on a connection to the hub that was opened for its own client certificate',
    source: 'ARCHITECTURE.md "no mixing"',
  },
  'judged-is-sent': {
    sentence: 'what was judged is what is sent; what can be read in two ways is refused',
    source: 'ARCHITECTURE.md "what was judged is what is sent"',
  },
  'fail-closed': {
    sentence: 'a request that cannot be sent with its identity is not sent at all, and our own faults look like nothing else',
    source: 'ARCHITECTURE.md "fail closed, and recognisably"; docs/answers.md',
  },
  'key-stays': {
    sentence: 'the key of the signer is in no log, audit line, answer or file',
    source: 'ARCHITECTURE.md "the key is in one class"; SECURITY.md',
  },
  'last-good': {
    sentence: 'a signer, bundle, policy or settings file that does not check out is refused, and the one before goes on',
    source: 'ARCHITECTURE.md "the last good one stays"',
  },
  bounded: {
    sentence: 'nothing that a client sends costs more than it may',
    source: 'ARCHITECTURE.md "everything is bounded"',
  },
  'trusted-clients': {
    sentence: 'a client certificate that the hub would not accept is not accepted here',
    source: 'docs/answers.md, rules certificate-*',
  },
  'own-cluster': {
    sentence: 'an agent reaches what belongs to its own cluster and nothing else',
    source: 'docs/policy.md "The built-in packs"',
  },
  'own-name': {
    sentence: 'an agent gets certificates in its own name only',
    source: 'docs/policy.md "The built-in packs"',
  },
  'needs-only': {
    sentence: 'an agent reaches only what agents of its kind need',
    source: 'docs/policy.md "The built-in packs"; packs/',
  },
  'no-hub-credentials': {
    sentence: 'a credential of the hub itself is worth nothing at the edge',
    source: 'docs/answers.md, rules subject-* and token-*',
  },
  bootstrap: {
    sentence:
      "without a certificate only the import of a cluster is served, for the hub's own bootstrap accounts, and no further than the join",
    source: 'packs/bootstrap.yaml; docs/answers.md, rules token-* and bootstrap-*',
  },
  quarantine: {
    sentence: 'a cluster that is cut off gets nothing more, whatever its certificates say, and its open connections end',
    source: 'countersign.example.yaml, quarantine; docs/answers.md, rule quarantined',
  },
  rotation: {
    sentence: "the hub's signer is followed as it rotates, and no request is lost over it",
    source: 'docs/rotation.md',
  },
  streams: {
    sentence: 'watches, bodies and answers pass through unchanged and unbuffered, and what breaks on one side breaks on the other',
    source: 'ARCHITECTURE.md "what was judged is what is sent"',
  },
  draining: {
    sentence: 'an instance that is told to stop takes nothing new, finishes what it has, and ends cleanly',
    source: 'countersign run --help; countersign.example.yaml, drainTimeout',
  },
  'report-mode': {
    sentence: 'in report mode policies only say what they would refuse; hygiene, identity and quarantine stay in force',
    source: 'countersign.example.yaml, inspect.mode; docs/policy.md',
  },
};
