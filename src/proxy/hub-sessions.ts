// The hub sessions that are open, each for one client certificate and one leaf. A request gets a session of its own certificate or none.

import type { Clock } from '../clock.ts';
import { Fault } from '../errors.ts';
import { endedFault, HubDialer } from './hub-dial.ts';
import type { HubAddress } from './hub-dial.ts';
import type { HubSession } from './hub-exchange.ts';
import { openHubSession } from './hub-open.ts';
import type { Credential } from './reissue.ts';

/** Sessions for one leaf: each carries as many streams as the hub allows (kube-apiserver: at least 100), more means a runaway client. */
const MOST_SESSIONS_PER_LEAF = 4;
/** How often idle and dead sessions are looked for. */
const SWEEP_MS = 5_000;

interface Held {
  readonly credential: Credential;
  readonly session: HubSession;
  /** Of its connections. */
  readonly dialer: HubDialer;
  idleSinceMs: number;
  /** It was over at the last sweep, and only waited for the hub to close its side. */
  spent: boolean;
}

interface Opening {
  readonly credential: Credential;
  readonly dialer: HubDialer;
  readonly done: Promise<void>;
}

export interface HubSessionsParts {
  /** Read at each new session, so that a changed hub.caFile holds for the next one. */
  readonly hub: () => HubAddress;
  readonly clock: Clock;
  readonly idleTimeoutMs: number;
}

export class HubSessions {
  readonly #parts: HubSessionsParts;
  /** By client certificate SHA-256. */
  readonly #held = new Map<string, Set<Held>>();
  /** By leaf SHA-256: the one being opened, which all who come meanwhile wait for. */
  readonly #opening = new Map<string, Opening>();
  readonly #stopSweeping: () => void;
  #closed = false;

  constructor(parts: HubSessionsParts) {
    this.#parts = parts;
    this.#stopSweeping = parts.clock.every(SWEEP_MS, () => this.#sweep());
  }

  get count(): number {
    let count = 0;
    for (const held of this.#held.values()) count += held.size;
    return count;
  }

  /**
   * Starts an exchange on a session with room for it that was opened with exactly this credential. `start` runs in the same breath in which
   * room was found: nobody else can take it in between.
   * @throws Fault where the hub cannot be reached or the certificate is at its bound
   */
  async use<T>(credential: Credential, start: (session: HubSession) => T): Promise<Awaited<T>> {
    // Each round but the last has opened a session that others have filled, or the hub has closed, before it was this one's turn.
    for (let round = 0; round <= MOST_SESSIONS_PER_LEAF; round += 1) {
      const session = this.#find(credential);
      if (session !== null) return await start(session);
      await (this.#opening.get(credential.leafSHA256) ?? this.#open(credential)).done;
    }
    throw new Fault('overloaded', `no room on ${MOST_SESSIONS_PER_LEAF} hub sessions of one client certificate`);
  }

  /** The client certificate is on no connection any more. */
  release(clientCertificateSHA256: string): void {
    for (const held of this.#held.get(clientCertificateSHA256) ?? []) held.session.retire();
    for (const { credential, dialer } of this.#opening.values()) {
      if (credential.clientCertificateSHA256 !== clientCertificateSHA256) continue;
      this.#opening.delete(credential.leafSHA256);
      dialer.end();
    }
  }

  /** No new exchange on any session of this leaf: the hub has refused it. */
  retireLeaf(credential: Credential): void {
    for (const held of this.#held.get(credential.clientCertificateSHA256) ?? []) {
      if (held.credential.leafSHA256 === credential.leafSHA256) held.session.retire();
    }
  }

  /** Ends all of them; no more are opened. Resolves when none is left. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#stopSweeping();
    for (const { dialer } of this.#opening.values()) dialer.end();
    const left = [...this.#held.values()].flatMap((sessions) => [...sessions]);
    await Promise.all(left.map(end));
  }

  #find(credential: Credential): HubSession | null {
    let found: Held | null = null;
    for (const held of this.#held.get(credential.clientCertificateSHA256) ?? []) {
      if (held.credential.leafSHA256 === credential.leafSHA256) found ??= held.session.hasRoom ? held : null;
      // A request that was on its way when the signer changed does not send the newer session away.
      else if (held.credential.generation <= credential.generation) held.session.retire();
    }
    if (found === null) return null;
    found.idleSinceMs = this.#parts.clock.elapsed();
    return found.session;
  }

  #open(credential: Credential): Opening {
    if (this.#closed) throw new Fault('draining', 'no new hub sessions');
    const own = [...(this.#held.get(credential.clientCertificateSHA256) ?? [])];
    const ofLeaf = own.filter((held) => held.credential.leafSHA256 === credential.leafSHA256 && held.session.usable);
    if (ofLeaf.length >= MOST_SESSIONS_PER_LEAF) {
      throw new Fault('overloaded', `${ofLeaf.length} hub sessions of one client certificate are full`);
    }
    const hub = this.#parts.hub();
    const dialer = new HubDialer(hub, credential, this.#parts.clock);
    const done = this.#dial(hub, dialer, credential).finally(() => {
      if (this.#opening.get(credential.leafSHA256) === opening) this.#opening.delete(credential.leafSHA256);
    });
    const opening: Opening = { credential, dialer, done };
    this.#opening.set(credential.leafSHA256, opening);
    return opening;
  }

  async #dial(hub: HubAddress, dialer: HubDialer, credential: Credential): Promise<void> {
    const session = await openHubSession(hub, dialer, this.#parts.clock);
    if (dialer.ended) {
      session.destroy();
      throw endedFault();
    }
    const key = credential.clientCertificateSHA256;
    const sessions = this.#held.get(key) ?? new Set<Held>();
    const held: Held = { credential, session, dialer, idleSinceMs: this.#parts.clock.elapsed(), spent: false };
    sessions.add(held);
    this.#held.set(key, sessions);
    session.onClosed(() => {
      dialer.end();
      sessions.delete(held);
      if (sessions.size === 0 && this.#held.get(key) === sessions) this.#held.delete(key);
    });
  }

  #sweep(): void {
    const now = this.#parts.clock.elapsed();
    for (const sessions of this.#held.values()) {
      for (const held of sessions) {
        if (held.session.open > 0) held.idleSinceMs = now;
        else if (!held.dialer.isConnected || now - held.idleSinceMs >= this.#parts.idleTimeoutMs) held.session.retire();
        // A hub that keeps its side open after we have closed ours would hold the connection for as long as it likes.
        if (held.spent) held.dialer.end();
        held.spent = !held.session.usable && held.session.open === 0;
      }
    }
  }
}

function end({ session, dialer }: Held): Promise<void> {
  return new Promise((resolve) => {
    session.onClosed(resolve);
    session.destroy();
    dialer.end();
  });
}
