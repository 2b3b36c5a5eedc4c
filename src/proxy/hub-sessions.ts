// The hub sessions that are open, each for one holder and one credential of his. A request gets a session of its own credential or none.

import type { Clock } from '../clock.ts';
import { Fault } from '../errors.ts';
import type { HubCredential } from './hub-credential.ts';
import { endedFault, HubDialer } from './hub-dial.ts';
import type { HubAddress } from './hub-dial.ts';
import type { HubSession } from './hub-exchange.ts';
import { openHubSession } from './hub-open.ts';

/** Sessions for one credential: each carries as many streams as the hub allows (kube-apiserver: at least 100), more means a runaway client. */
const MOST_SESSIONS = 4;
/** How often idle and dead sessions are looked for. */
const SWEEP_MS = 5_000;

interface Held {
  readonly credential: HubCredential;
  readonly session: HubSession;
  /** Of its connections. */
  readonly dialer: HubDialer;
  idleSinceMs: number;
  /** It was over at the last sweep, and only waited for the hub to close its side. */
  spent: boolean;
}

interface Opening {
  readonly credential: HubCredential;
  readonly dialer: HubDialer;
  readonly done: Promise<void>;
}

export interface HubSessionsParts {
  /** Read at each new session, so that a changed hub.caFile holds for the next one. */
  readonly hub: () => HubAddress;
  readonly clock: Clock;
  readonly idleTimeoutMs: number;
  /** Whether a new request may still come with this credential: no session is kept for one that has been replaced. */
  readonly serves: (credential: HubCredential) => boolean;
}

export class HubSessions {
  readonly #parts: HubSessionsParts;
  /** By holder. */
  readonly #held = new Map<string, Set<Held>>();
  /** By credential: the one being opened, which all who come meanwhile wait for. */
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
   * room was found: nobody else can take it in between. `wasThere`: it was not opened for this exchange, and may be about to end.
   * @throws Fault where the hub cannot be reached or the certificate is at its bound
   */
  async use<T>(credential: HubCredential, start: (session: HubSession, wasThere: boolean) => T): Promise<Awaited<T>> {
    // Each round but the last has opened a session that others have filled, or the hub has closed, before it was this one's turn.
    for (let round = 0; round <= MOST_SESSIONS; round += 1) {
      const session = this.#find(credential);
      if (session !== null) return await start(session, round === 0);
      await (this.#opening.get(credential.id) ?? this.#open(credential)).done;
    }
    throw new Fault('overloaded', `no room on ${MOST_SESSIONS} hub sessions of one client`);
  }

  /**
   * Opens a session ahead of the first request under this credential; those of the holder's other credentials go on.
   * @throws Fault where the hub cannot be reached, or `release` called it off
   */
  async prepare(credential: HubCredential): Promise<void> {
    const held = [...(this.#held.get(credential.holder) ?? [])];
    if (held.some(({ credential: { id }, session }) => id === credential.id && session.usable)) return;
    await (this.#opening.get(credential.id) ?? this.#open(credential)).done;
  }

  /** Whether the holder has a session that takes new exchanges. */
  holds(holder: string): boolean {
    for (const { session } of this.#held.get(holder) ?? []) if (session.usable) return true;
    return false;
  }

  /** The holder is on no connection any more. */
  release(holder: string): void {
    for (const held of this.#held.get(holder) ?? []) held.session.retire();
    for (const { credential, dialer } of this.#opening.values()) {
      if (credential.holder !== holder) continue;
      this.#opening.delete(credential.id);
      dialer.end();
    }
  }

  /** No new exchange on any session of this credential: the hub has refused it, or another one has taken its place. */
  retire(credential: HubCredential): void {
    for (const held of this.#held.get(credential.holder) ?? []) {
      if (held.credential.id === credential.id) held.session.retire();
    }
  }

  /** As `retire`, for every credential of which `where` holds. */
  retireAll(where: (credential: HubCredential) => boolean): void {
    for (const sessions of this.#held.values()) {
      for (const { credential, session } of sessions) if (where(credential)) session.retire();
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

  #find(credential: HubCredential): HubSession | null {
    let found: Held | null = null;
    for (const held of this.#held.get(credential.holder) ?? []) {
      if (held.credential.id === credential.id) found ??= held.session.hasRoom ? held : null;
      // A request that was on its way when another credential took over does not send the newer session away. Not by generation: a renewed leaf has
      // that of the one before it.
      else if (held.credential.ordinal < credential.ordinal) held.session.retire();
    }
    if (found === null) return null;
    found.idleSinceMs = this.#parts.clock.elapsed();
    return found.session;
  }

  #open(credential: HubCredential): Opening {
    if (this.#closed) throw new Fault('draining', 'no new hub sessions');
    const own = [...(this.#held.get(credential.holder) ?? [])];
    const ofLeaf = own.filter((held) => held.credential.id === credential.id && held.session.usable);
    if (ofLeaf.length >= MOST_SESSIONS) {
      throw new Fault('overloaded', `${ofLeaf.length} hub sessions of one client are full`);
    }
    const hub = this.#parts.hub();
    const dialer = new HubDialer(hub, credential, this.#parts.clock);
    const done = this.#dial(hub, dialer, credential).finally(() => {
      if (this.#opening.get(credential.id) === opening) this.#opening.delete(credential.id);
    });
    const opening: Opening = { credential, dialer, done };
    this.#opening.set(credential.id, opening);
    return opening;
  }

  async #dial(hub: HubAddress, dialer: HubDialer, credential: HubCredential): Promise<void> {
    const session = await openHubSession(hub, dialer, this.#parts.clock);
    if (dialer.ended) {
      session.destroy();
      throw endedFault();
    }
    const key = credential.holder;
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
        const idleMs = now - held.idleSinceMs;
        if (held.session.open > 0) held.idleSinceMs = now;
        else if (!held.dialer.isConnected || idleMs >= this.#parts.idleTimeoutMs) held.session.retire();
        // Opened by a request that was on its way when another credential took over. One that is about to take over is younger than that.
        else if (idleMs >= SWEEP_MS && !this.#parts.serves(held.credential)) held.session.retire();
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
