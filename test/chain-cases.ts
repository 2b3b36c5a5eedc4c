// Chains that differ from a plain one in one thing, and what Go (x509.Certificate.Verify), OpenSSL 3 and Countersign make of each. Valid around the
// moment that is handed in, because Go's verifier is asked through a real connection. Data only.

import type { Certificate } from '../src/certificate.ts';
import { parseCertificate, toPem } from '../src/certificate.ts';
import type { RefusalRule } from '../src/errors.ts';
import { hex } from './certificate-case.ts';
import {
  type AuthorityOptions,
  type ClientOptions,
  klusterletSubject,
  makeAuthority,
  makeClient,
  type TestAuthority,
  type TestClient,
} from './pki.ts';
import {
  ANY_USAGE,
  CLIENT_AUTH,
  encodeCertificate,
  encodeName,
  extension,
  SERVER_AUTH,
  type TestExtension,
  testKey,
} from './pki-certificate.ts';

export interface ChainCase {
  readonly what: string;
  readonly go: 'accepts' | 'refuses' | 'varies';
  readonly openssl: 'accepts' | 'refuses';
  /** null: accepted. */
  readonly rule: RefusalRule | null;
  readonly client: TestClient;
  readonly intermediates: readonly Certificate[];
  readonly anchors: readonly Certificate[];
}

const CODE_SIGNING = '1.3.6.1.5.5.7.3.3';
const MINUTE_MS = 60_000;
const unknownCritical: TestExtension = { oid: '1.2.3.4', critical: true, value: hex('0500') };
/** Excludes 127.0.0.0/8. */
const nameConstraints: TestExtension = { oid: '2.5.29.30', critical: true, value: hex('300e a10c 300a 8708 7f000000 ff000000') };
const policyConstraints: TestExtension = { oid: '2.5.29.36', critical: true, value: hex('3003 8001 00') };

/** Also a server's, for Go is asked as a TLS client. */
const asServer = [
  extension.extendedKeyUsage(CLIENT_AUTH, SERVER_AUTH),
  { oid: '2.5.29.17', value: hex('3006 8704 7f000001') },
] as const satisfies readonly TestExtension[];

/** One world of authorities for one moment. */
class World {
  readonly #nowMs: number;

  constructor(nowMs: number) {
    this.#nowMs = Math.floor(nowMs / 1_000) * 1_000;
  }

  get #window(): { notBeforeMs: number; notAfterMs: number } {
    return { notBeforeMs: this.#nowMs - 60 * MINUTE_MS, notAfterMs: this.#nowMs + 60 * MINUTE_MS };
  }

  get past(): { notBeforeMs: number; notAfterMs: number } {
    return { notBeforeMs: this.#nowMs - 60 * MINUTE_MS, notAfterMs: this.#nowMs - MINUTE_MS };
  }

  get future(): { notBeforeMs: number; notAfterMs: number } {
    return { notBeforeMs: this.#nowMs + 30 * MINUTE_MS, notAfterMs: this.#nowMs + 60 * MINUTE_MS };
  }

  authority(name: string, options: AuthorityOptions = {}): TestAuthority {
    return makeAuthority(name, { ...this.#window, ...options });
  }

  client(authority: TestAuthority, options: ClientOptions = {}): TestClient {
    return makeClient(klusterletSubject('cluster1'), authority, {
      ...this.#window,
      ...options,
      extensions: options.extensions ?? asServer,
    });
  }

  /** The same name in another string type: equal to OpenSSL (X509_NAME_cmp), not to Go. */
  inPrintableString(twin: TestAuthority, name: string): Certificate {
    const subject = encodeName([[{ type: 'CN', value: name, as: 'printable' }]]);
    const extensions = [
      extension.keyUsage('keyCertSign'),
      extension.basicConstraints(true),
      extension.subjectKeyId(twin.certificate.subjectKeyId ?? hex('00')),
    ];
    return parseCertificate(
      encodeCertificate({ subject, issuer: subject, publicKey: twin.key, signedBy: twin.key, ...this.#window, extensions }),
    );
  }
}

type Plan = readonly [client: TestClient, intermediates: readonly TestAuthority[], anchors: readonly TestAuthority[]];

export function makeChainCases(nowMs: number): readonly ChainCase[] {
  const world = new World(nowMs);
  return [...structureCases(world), ...timeCases(world), ...constraintCases(world), ...leafCases(world)];
}

/** `by`: who of Go and OpenSSL refuses. */
function row(
  what: string,
  by: 'none' | 'both' | 'go' | 'openssl',
  rule: RefusalRule | null,
  [client, intermediates, anchors]: Plan,
): ChainCase {
  const certificates = (authorities: readonly TestAuthority[]): readonly Certificate[] => authorities.map(({ certificate }) => certificate);
  return {
    what,
    go: by === 'both' || by === 'go' ? 'refuses' : 'accepts',
    openssl: by === 'both' || by === 'openssl' ? 'refuses' : 'accepts',
    rule,
    client,
    intermediates: certificates(intermediates),
    anchors: certificates(anchors),
  };
}

function structureCases(world: World): readonly ChainCase[] {
  const root = world.authority('root');
  const signer = world.authority('signer', { issuer: root });
  const client = world.client(signer);
  const other = world.authority('other root');
  const third = world.authority('third', { issuer: signer });
  const aki = world.authority('aki', { subjectKeyId: hex('aa') });
  const akiTwin = world.authority('aki', { subjectKeyId: hex('bb') });
  const renamed = world.authority('renamed');
  const renamedTwin = { ...renamed, certificate: world.inPrintableString(renamed, 'renamed') };
  return [
    row('its signer in the bundle', 'none', null, [client, [], [signer]]),
    row('its signer sent, the root in the bundle', 'none', null, [client, [signer], [root]]),
    row('three authorities, the middle one in the bundle', 'none', null, [world.client(third), [third], [other, signer]]),
    row('intermediates that do not belong to it', 'none', null, [client, [other, third, signer], [root]]),
    row('another root in the bundle', 'both', 'certificate-unknown-authority', [client, [signer], [other]]),
    row('its signer neither sent nor in the bundle', 'both', 'certificate-unknown-authority', [client, [], [root]]),
    row('an empty bundle but for a stranger', 'both', 'certificate-unknown-authority', [client, [signer, root], [other]]),
    row('a thief with a key of his own under the name of the signer', 'both', 'certificate-unknown-authority', [
      world.client({ ...signer, key: testKey('p256', 'thief') }),
      [],
      [signer],
    ]),
    row('the name of its issuer in another string type', 'go', 'certificate-unknown-authority', [world.client(renamed), [], [renamedTwin]]),
    row('an authority key id that names another key', 'openssl', null, [world.client(aki), [], [akiTwin]]),
    row('a signature of no octets', 'both', 'certificate-unknown-authority', [
      world.client(signer, { raw: { signature: hex('030100') } }),
      [],
      [signer],
    ]),
  ];
}

function timeCases(world: World): readonly ChainCase[] {
  const root = world.authority('root');
  const signer = world.authority('signer', { issuer: root });
  const endedRoot = world.authority('ended root', world.past);
  const underEnded = world.authority('under the ended root', { issuer: endedRoot });
  const ended = world.authority('ended signer', { issuer: root, ...world.past });
  return [
    row('a client certificate that has ended', 'both', 'certificate-expired', [world.client(signer, world.past), [], [signer]]),
    row('a client certificate that has not begun', 'both', 'certificate-not-yet-valid', [world.client(signer, world.future), [], [signer]]),
    row('a signer in the bundle that has ended', 'both', 'certificate-expired', [world.client(ended), [], [ended]]),
    row('a signer sent that has ended', 'both', 'certificate-expired', [world.client(ended), [ended], [root]]),
    row('a root that has ended', 'both', 'certificate-expired', [world.client(underEnded), [underEnded], [endedRoot]]),
    row('a root that has ended above a signer in the bundle', 'none', null, [
      world.client(underEnded),
      [underEnded],
      [endedRoot, underEnded],
    ]),
  ];
}

function constraintCases(world: World): readonly ChainCase[] {
  const root = world.authority('root');
  const under = (name: string, options: AuthorityOptions): TestAuthority => world.authority(name, { issuer: root, ...options });
  const having = (name: string, own: TestExtension): TestAuthority => under(name, { extensions: [own] });
  const short = under('no authority below', { pathLength: 0 });
  const below = world.authority('below', { issuer: short });
  const coded = having('for code', extension.extendedKeyUsage(CODE_SIGNING));
  const any = having('for anything', extension.extendedKeyUsage(ANY_USAGE));
  const critical = having('critical', unknownCritical);
  const named = having('constrained by name', nameConstraints);
  const policed = having('constrained by policy', policyConstraints);
  const mute = having('may not sign', extension.keyUsage('digitalSignature'));
  const layman = having('no authority', extension.basicConstraints(false));
  const constraints = 'certificate-constraints';
  const unknown = 'certificate-unknown-authority';
  return [
    row('more authorities than a path length allows', 'both', constraints, [world.client(below), [below, short], [root]]),
    row('a path length above the one in the bundle', 'none', null, [world.client(below), [below, short], [below]]),
    row('a signer sent that is for code signing', 'both', constraints, [world.client(coded), [coded], [root]]),
    row('a signer in the bundle that is for code signing', 'both', constraints, [world.client(coded), [], [coded]]),
    row('a signer for any usage', 'openssl', null, [world.client(any), [], [any]]),
    row('an unknown critical extension of a signer sent', 'both', constraints, [world.client(critical), [critical], [root]]),
    row('an unknown critical extension of a signer in the bundle', 'both', constraints, [world.client(critical), [], [critical]]),
    row('name constraints that exclude it', 'both', constraints, [world.client(named), [], [named]]),
    { ...row('policy constraints', 'none', constraints, [world.client(policed), [], [policed]]), go: 'varies' },
    row('a signer that may not sign certificates', 'both', unknown, [world.client(mute), [], [mute]]),
    row('a signer that is no authority', 'both', unknown, [world.client(layman), [], [layman]]),
  ];
}

function leafCases(world: World): readonly ChainCase[] {
  const signer = world.authority('signer');
  const client = (...extensions: readonly TestExtension[]): Plan => [
    world.client(signer, { extensions: [...asServer, ...extensions] }),
    [],
    [signer],
  ];
  const forUsage = (...oids: readonly string[]): Plan => [
    world.client(signer, { extensions: [asServer[1], extension.extendedKeyUsage(...oids)] }),
    [],
    [signer],
  ];
  const withoutUsage: Plan = [world.client(signer, { extensions: [asServer[1]], without: ['2.5.29.37'] }), [], [signer]];
  return [
    row('an unknown critical extension of its own', 'both', 'certificate-constraints', client(unknownCritical)),
    row('name constraints of its own', 'none', 'certificate-constraints', client({ ...nameConstraints, critical: false })),
    row('an unknown extension that is not critical', 'none', null, client({ ...unknownCritical, critical: false })),
    row('CA:TRUE', 'none', 'certificate-is-authority', client(extension.basicConstraints(true))),
    row('code signing for its usage', 'both', 'certificate-usage', forUsage(CODE_SIGNING)),
    row('any usage for its usage', 'openssl', 'certificate-usage', forUsage(ANY_USAGE)),
    row('no stated usage', 'none', 'certificate-usage', withoutUsage),
  ];
}

/** For messages. */
export function describeChain({ client, intermediates, anchors }: ChainCase): string {
  return [client.pem, ...intermediates.map(({ der }) => toPem(der)), '-- bundle', ...anchors.map(({ der }) => toPem(der))].join('\n');
}
