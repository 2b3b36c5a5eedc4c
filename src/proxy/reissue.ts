// The proxy's side of issuing: makes a key, asks the issuer, and keeps the result for as long as it serves. One credential serves a client
// certificate at a time; many requests at once that need one ask once. Bounded; the least recently used leaves first. When another one takes a
// credential's place is session-mover.ts's affair, except where a request would have to go without.

import { generateKeyPair } from 'node:crypto';
import { promisify } from 'node:util';
import type { Signer } from '../ca-sync/ca-sync.ts';
import { toPem } from '../certificate.ts';
import type { Clock } from '../clock.ts';
import type { FaultCause, Refusal } from '../errors.ts';
import type { ReadonlyLive } from '../live.ts';
import { chooseRenewal, mayServe } from './credential.ts';
import type { Credential, CredentialTimes } from './credential.ts';
import type { IssuedLeaf, Issuer } from './issuer.ts';
import type { Peer } from './peer.ts';

export type CredentialVerdict =
  | { readonly kind: 'ready'; readonly credential: Credential }
  | { readonly kind: 'refused'; readonly refusal: Refusal }
  | { readonly kind: 'fault'; readonly cause: FaultCause };

export interface ReissuerParts {
  readonly issuer: Issuer;
  readonly signer: ReadonlyLive<Signer | null>;
  readonly usable: ReadonlyLive<ReadonlySet<number>>;
  readonly clock: Clock;
  /** In [0, 1), for jitter. */
  readonly random: () => number;
  readonly mostCredentials: number;
}

export interface Kept {
  /** As on the connection that asked last. */
  readonly peer: Peer;
  readonly serving: Credential;
  /** Of an older signer: serves again should the hub refuse the newer one while it still takes the older. */
  readonly before: Credential | null;
}

const makeKeyPair = promisify(generateKeyPair);

export class Reissuer {
  readonly #parts: ReissuerParts;
  /** By holder, in order of use, the oldest first. */
  readonly #kept = new Map<string, Kept>();
  readonly #asked = new Map<string, Promise<CredentialVerdict>>();
  #made = 0;

  constructor(parts: ReissuerParts) {
    this.#parts = parts;
  }

  get size(): number {
    return this.#kept.size;
  }

  /** What decides over credentials at this moment. */
  get times(): CredentialTimes {
    const { clock, signer, usable } = this.#parts;
    return { nowMs: clock.now(), signer: signer.current, usable: usable.current };
  }

  kept(): Iterable<Kept> {
    return this.#kept.values();
  }

  keptFor(holder: string): Kept | null {
    return this.#kept.get(holder) ?? null;
  }

  /** One of an older signer serves for as long as the hub takes it: after a swap nobody waits for a new leaf. */
  async credentialFor(peer: Peer): Promise<CredentialVerdict> {
    const holder = peer.certificate.fingerprintSHA256;
    const kept = this.#kept.get(holder);
    if (kept !== undefined && this.mayServe(kept.serving)) {
      this.#set(holder, kept.peer === peer ? kept : { ...kept, peer });
      return { kind: 'ready', credential: kept.serving };
    }
    const signer = this.#parts.signer.current;
    if (signer === null) return { kind: 'fault', cause: 'no-signer' };
    const key = `${holder}/${signer.generation}`;
    const asked = this.#asked.get(key);
    if (asked !== undefined) return asked;
    const asking = this.#askAndKeep(peer).finally(() => this.#asked.delete(key));
    this.#asked.set(key, asking);
    return asking;
  }

  /** Whether a new request may go under this credential now. */
  mayServe(credential: Credential): boolean {
    return mayServe(credential, this.times);
  }

  /** Whether the next request of its client would go under it. */
  serves(credential: Credential): boolean {
    return this.#kept.get(credential.holder)?.serving === credential;
  }

  /** Makes a credential that does not serve until `replace`. */
  prepare(peer: Peer): Promise<CredentialVerdict> {
    return this.#ask(peer);
  }

  /** Puts one that was prepared in the place of the one that serves. False: another one has come in between, or it may not serve. */
  replace(from: Credential, to: Credential): boolean {
    const kept = this.#kept.get(from.holder);
    if (kept?.serving !== from || !this.mayServe(to)) return false;
    // Where it stands in the order of use does not change: nobody has used it.
    this.#kept.set(from.holder, { peer: kept.peer, serving: to, before: this.#olderOf(kept, to) });
    return true;
  }

  /** Some generations are withdrawn: who still has a credential from before them goes back to that, so that not all of them ask for a new one. */
  goBack(): void {
    for (const [holder, kept] of this.#kept) {
      const before = this.mayServe(kept.serving) ? null : this.#olderOf(kept, kept.serving);
      if (before !== null) this.#kept.set(holder, { peer: kept.peer, serving: before, before: null });
    }
  }

  /** Forgets a credential that the hub has refused: the next request gets the one before it, where that still serves, or a new one. */
  discard(credential: Credential): void {
    const { holder } = credential;
    const kept = this.#kept.get(holder);
    if (kept?.serving !== credential) return;
    const before = this.#olderOf(kept, credential);
    if (before === null) this.#kept.delete(holder);
    else this.#kept.set(holder, { peer: kept.peer, serving: before, before: null });
  }

  /** Forgets all of them. */
  clear(): void {
    this.#kept.clear();
  }

  async #askAndKeep(peer: Peer): Promise<CredentialVerdict> {
    const answer = await this.#ask(peer);
    if (answer.kind !== 'ready') return answer;
    const { credential } = answer;
    const kept = this.#kept.get(credential.holder);
    this.#set(credential.holder, { peer, serving: credential, before: kept === undefined ? null : this.#olderOf(kept, credential) });
    return answer;
  }

  async #ask(peer: Peer): Promise<CredentialVerdict> {
    const pair = await makeKeyPair('ec', {
      namedCurve: 'P-256',
      publicKeyEncoding: { type: 'spki', format: 'der' },
      privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    });
    const answer = await this.#parts.issuer.issue({ chain: peer.chain, publicKeySpki: pair.publicKey });
    if (answer.kind !== 'issued') return answer;
    return { kind: 'ready', credential: this.#toCredential(peer, answer, pair.privateKey) };
  }

  #toCredential(peer: Peer, issued: IssuedLeaf, keyPem: string): Credential {
    const { fingerprintSHA256: clientCertificateSHA256, notAfterMs: clientNotAfterMs } = peer.certificate;
    const { leafSHA256, generation, notAfterMs } = issued;
    this.#made += 1;
    return {
      ...{ holder: clientCertificateSHA256, id: leafSHA256, clientCertificateSHA256, leafSHA256, generation, ordinal: this.#made },
      tls: { certificateChainPem: toPem(issued.leaf) + toPem(issued.signerCertificate), keyPem },
      ...{ notAfterMs, clientNotAfterMs },
      ...chooseRenewal(issued, this.#parts.random),
    };
  }

  #olderOf({ serving, before }: Kept, than: Credential): Credential | null {
    return [serving, before].find((one) => one !== null && one.generation < than.generation && this.mayServe(one)) ?? null;
  }

  #set(holder: string, kept: Kept): void {
    this.#kept.delete(holder);
    this.#kept.set(holder, kept);
    while (this.#kept.size > this.#parts.mostCredentials) {
      const [oldest] = this.#kept.keys();
      if (oldest === undefined) return;
      this.#kept.delete(oldest);
    }
  }
}
