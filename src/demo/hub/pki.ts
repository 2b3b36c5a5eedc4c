// The hub's authorities: OpenShift's two-tier CSR signer in as many generations as are asked for, the CA of kubeconfig administrators and
// the CA of the served certificate. Makes and merges certificates; who trusts what, and when, is not decided here.

import { randomBytes, type KeyObject, type X509Certificate } from 'node:crypto';
import type { Clock } from '../../clock.ts';
import { OID, writeName } from './distinguished-name.ts';
import { authorityKeyId, basicConstraints, extendedKeyUsage, generatePrivateKey, issueCertificate, keyIdOf, type KeyType } from './x509.ts';
import { keyUsage, publicKeyDer, subjectAltName, subjectKeyId, USAGE } from './x509.ts';

export interface Authority {
  readonly commonName: string;
  readonly certificate: X509Certificate;
  /** DER of the Name. */
  readonly subject: Buffer;
  readonly key: KeyObject;
  readonly keyId: Buffer;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

/** `signer` is what kube-controller-manager signs with; `root` has signed it. */
export interface SignerGeneration {
  readonly number: number;
  readonly root: Authority;
  readonly signer: Authority;
}

export interface SignerLifetimes {
  readonly signerMs: number;
  readonly rootMs: number;
}

const DAY_MS = 86_400_000;
/** cluster-kube-controller-manager-operator certrotationcontroller.go: Validity of csr-signer and of csr-signer-signer. */
export const OPENSHIFT_LIFETIMES: SignerLifetimes = { signerMs: 30 * DAY_MS, rootMs: 60 * DAY_MS };

/** library-go pkg/crypto newSigningCertificateTemplate: "NotBefore: currentTime().Add(-1 * time.Second)". */
const BACKDATE_MS = 1000;

/** The hub's own serving certificate and its administrators must hold on any clock, injected or real: what is on trial are agents. */
const ALWAYS = { notBeforeMs: Date.UTC(2020, 0, 1), notAfterMs: Date.UTC(2049, 11, 31) };

const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2';
const SERVER_AUTH = '1.3.6.1.5.5.7.3.1';

interface AuthorityPlan {
  readonly commonName: string;
  readonly keyType: KeyType;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** Left out: self-signed. */
  readonly issuer?: Authority;
}

async function makeAuthority(plan: AuthorityPlan): Promise<Authority> {
  const { commonName, notBeforeMs, notAfterMs } = plan;
  const key = await generatePrivateKey(plan.keyType);
  const keyId = keyIdOf(key);
  const subject = writeName([[{ oid: OID.commonName, value: commonName }]]);
  const isRsa = plan.keyType.startsWith('rsa');
  const flags = USAGE.digitalSignature | USAGE.keyCertSign | (isRsa ? USAGE.keyEncipherment : 0);
  // Order as Go's x509.CreateCertificate writes them; a root's authority key id is its own (library-go: "should match for a self-signed CA").
  const extensions = [keyUsage(flags), basicConstraints(true), subjectKeyId(keyId), authorityKeyId(plan.issuer?.keyId ?? keyId)];
  const issuer = plan.issuer?.subject ?? subject;
  const certificate = await issueCertificate(
    { subject, issuer, publicKey: publicKeyDer(key), serial: int63(), notBeforeMs, notAfterMs, extensions },
    plan.issuer?.key ?? key,
  );
  return { commonName, certificate, subject, key, keyId, notBeforeMs, notAfterMs };
}

/** library-go: serials of signers are rand.Int63. */
function int63(): Buffer {
  const serial = randomBytes(8);
  serial[0] = (serial[0] ?? 0) & 0x7f;
  return serial;
}

/** Makes the generations of csr-signer and csr-signer-signer, one after the other. */
export class CsrSigners {
  readonly #clock: Clock;
  readonly #keyType: KeyType;
  readonly #lifetimes: SignerLifetimes;
  #latest: SignerGeneration | null = null;
  #latestUnix = 0;

  constructor(clock: Clock, keyType: KeyType, lifetimes: SignerLifetimes) {
    this.#clock = clock;
    this.#keyType = keyType;
    this.#lifetimes = lifetimes;
  }

  /** `newRoot`: a new csr-signer-signer as well. The first generation always has its own. */
  async next(newRoot: boolean): Promise<SignerGeneration> {
    const nowMs = this.#clock.now();
    const unix = this.#uniqueUnix(nowMs);
    const notBeforeMs = nowMs - BACKDATE_MS;
    const keyType = this.#keyType;
    const kept = newRoot ? undefined : this.#latest?.root;
    const rootName = `openshift-kube-controller-manager-operator_csr-signer-signer@${unix}`;
    const root = kept ?? (await makeAuthority({ commonName: rootName, keyType, notBeforeMs, notAfterMs: nowMs + this.#lifetimes.rootMs }));
    // library-go certrotation target.go: validity is clamped to what is left of the signer above.
    const notAfterMs = Math.min(nowMs + this.#lifetimes.signerMs, root.notAfterMs);
    const signer = await makeAuthority({ commonName: `kube-csr-signer_@${unix}`, keyType, notBeforeMs, notAfterMs, issuer: root });
    this.#latest = { number: (this.#latest?.number ?? 0) + 1, root, signer };
    return this.#latest;
  }

  /** The operator looks once a minute, so its names never collide; tests rotate twice within a second. */
  #uniqueUnix(nowMs: number): number {
    this.#latestUnix = Math.max(Math.floor(nowMs / 1000), this.#latestUnix + 1);
    return this.#latestUnix;
  }
}

/**
 * csr-controller-ca: the csr-signers (ConfigMap csr-signer-ca), then the csr-signer-signers (csr-controller-signer-ca), oldest first, each
 * once, without the expired ones (cluster-kube-controller-manager-operator ManageCSRCABundle; library-go FilterExpiredCerts).
 */
export function mergeBundle(generations: readonly SignerGeneration[], nowMs: number): string {
  const all = [...generations.map(({ signer }) => signer), ...generations.map(({ root }) => root)];
  const unexpired = all.filter((authority) => nowMs <= authority.notAfterMs);
  return [...new Set(unexpired.map((authority) => authority.certificate.toString()))].join('');
}

export interface Issued {
  readonly certificatePem: string;
  readonly key: KeyObject;
}

export interface AdministratorPki {
  readonly caPem: string;
  /** CN=system:admin, O=system:masters. */
  readonly administrator: Issued;
}

/** OpenShift's admin-kubeconfig-signer and the certificate of the installer's kubeconfig. */
export async function makeAdministratorPki(): Promise<AdministratorPki> {
  const authority = await makeAuthority({ commonName: 'admin-kubeconfig-signer', keyType: 'ec-p256', ...ALWAYS });
  const organization = [{ oid: OID.organization, value: 'system:masters' }];
  const subject = writeName([organization, [{ oid: OID.commonName, value: 'system:admin' }]]);
  const administrator = await issueLeaf(authority, subject, [extendedKeyUsage(CLIENT_AUTH)]);
  return { caPem: authority.certificate.toString(), administrator };
}

export interface ServingPki {
  readonly caPem: string;
  /** Issues a serving certificate for this machine: for the hub, and for a proxy that is tried beside it. */
  issue(commonName: string): Promise<Issued>;
}

export async function makeServingPki(): Promise<ServingPki> {
  const authority = await makeAuthority({
    commonName: 'openshift-kube-apiserver-operator_localhost-serving-signer',
    keyType: 'ec-p256',
    ...ALWAYS,
  });
  const names = subjectAltName([
    { type: 'dns', value: 'localhost' },
    { type: 'ip', value: '127.0.0.1' },
  ]);
  return {
    caPem: authority.certificate.toString(),
    issue: (commonName) => {
      const subject = writeName([[{ oid: OID.commonName, value: commonName }]]);
      return issueLeaf(authority, subject, [extendedKeyUsage(SERVER_AUTH), names]);
    },
  };
}

async function issueLeaf(authority: Authority, subject: Buffer, further: readonly ReturnType<typeof keyUsage>[]): Promise<Issued> {
  const key = await generatePrivateKey('ec-p256');
  const extensions = [keyUsage(USAGE.digitalSignature), ...further, basicConstraints(false), authorityKeyId(authority.keyId)];
  const plan = { subject, issuer: authority.subject, publicKey: publicKeyDer(key), serial: randomBytes(16), ...ALWAYS, extensions };
  return { certificatePem: (await issueCertificate(plan, authority.key)).toString(), key };
}
