// A fleet whose hub sessions move on a clock moved by hand: real leaves from a real issuer, and hub sessions that open as the test says.

import type { TestContext } from 'node:test';
import { Live } from '../../src/live.ts';
import type { Audit } from '../../src/audit.ts';
import type { Signer, TrustBundle } from '../../src/ca-sync/ca-sync.ts';
import { createLeafProfile } from '../../src/leaf.ts';
import { silentMeter } from '../../src/meter.ts';
import type { Credential } from '../../src/proxy/credential.ts';
import type { HubCredential } from '../../src/proxy/hub-credential.ts';
import { createIssuer } from '../../src/proxy/issuer.ts';
import type { IssueAnswer } from '../../src/proxy/issuer.ts';
import { judgePeer } from '../../src/proxy/peer.ts';
import type { Peer } from '../../src/proxy/peer.ts';
import { Reissuer } from '../../src/proxy/reissue.ts';
import { SessionMover } from '../../src/proxy/session-mover.ts';
import type { SessionMoverParts } from '../../src/proxy/session-mover.ts';
import { klusterletSubject, makeClient, makeOpenShiftSigner } from '../pki.ts';
import type { TestAuthority } from '../pki.ts';
import { HandClock } from './hand-clock.ts';
import { toSigner, toTrust } from './test-proxy.ts';

const DAY_MS = 86_400_000;
const START_MS = Date.parse('2026-11-23T12:00:00Z');

/** Hub sessions as far as moving knows them: one a credential, open as long as it is not retired. */
class HandSessions implements Pick<SessionMoverParts['sessions'], 'prepare' | 'holds' | 'retire' | 'retireAll'> {
  readonly open: Map<string, HubCredential> = new Map();
  /** Tries that have not ended. */
  opening = 0;
  /** Every opening that was tried. */
  readonly tried: { readonly holder: string; readonly generation: number; readonly atMs: number }[] = [];
  /** What a try ends with. */
  answer: (credential: HubCredential) => Promise<void> = () => Promise.resolve();
  readonly #clock: HandClock;

  constructor(clock: HandClock) {
    this.#clock = clock;
  }

  async prepare(credential: HubCredential): Promise<void> {
    this.tried.push({ holder: credential.holder, generation: credential.generation, atMs: this.#clock.elapsed() });
    this.opening += 1;
    await this.answer(credential).finally(() => {
      this.opening -= 1;
    });
    this.open.set(credential.id, credential);
  }

  holds(holder: string): boolean {
    return [...this.open.values()].some((one) => one.holder === holder);
  }

  retire({ id }: HubCredential): void {
    this.open.delete(id);
  }

  retireAll(where: (credential: HubCredential) => boolean): void {
    for (const one of this.open.values()) if (where(one)) this.open.delete(one.id);
  }
}

export interface MoverScene {
  readonly clock: HandClock;
  readonly peers: readonly Peer[];
  readonly reissuer: Reissuer;
  readonly sessions: HandSessions;
  readonly mover: SessionMover;
  readonly usable: Live<ReadonlySet<number>>;
  /** Every leaf since the fleet was there: when, for whom, of which generation. */
  readonly issued: { readonly atMs: number; readonly holder: string; readonly generation: number }[];
  readonly disconnected: Set<string>;
  readonly log: string[];
  /** Null: the issuer answers as it would. */
  issuerFault: IssueAnswer | null;
  /** Publishes the next generation. */
  rotate(withdrawn?: readonly number[]): void;
  /** Time passes; what it sets going gets as far as it can. */
  pass(ms: number): Promise<void>;
  /** As a request would. */
  serving(peer: Peer | undefined): Promise<Credential>;
  generations(): readonly number[];
}

export interface ScenePlan {
  readonly agents: number;
  readonly movesPerSecond: number;
  readonly random?: () => number;
  /** Days from now until the client certificate ends, and its leaf with it. */
  readonly daysLeft?: (agent: number) => number;
}

function auditInto(issued: MoverScene['issued'], clock: HandClock): Audit {
  return {
    write: (line) => {
      if (line.event !== 'issue') return;
      issued.push({ atMs: clock.elapsed(), holder: line.clientCertificateSHA256, generation: line.generation });
    },
    reopen: () => Promise.resolve(),
    close: () => Promise.resolve(),
  };
}

function makePeer(agent: number, plan: ScenePlan, authority: TestAuthority, trust: TrustBundle): Peer {
  const ends = { notBeforeMs: START_MS - DAY_MS / 2, notAfterMs: START_MS + (plan.daysLeft?.(agent) ?? 20) * DAY_MS };
  const verdict = judgePeer([makeClient(klusterletSubject(`cluster${agent}`), authority, ends).der], trust, START_MS);
  if (verdict.kind !== 'accepted') throw new Error(verdict.kind);
  return verdict.peer;
}

/** Every agent has a leaf of generation 1 and a hub session under it. */
export async function openMoverScene(t: TestContext, plan: ScenePlan): Promise<MoverScene> {
  const clock = new HandClock(START_MS);
  const pki = makeOpenShiftSigner(START_MS - DAY_MS, 'p256');
  const signer = new Live<Signer | null>(toSigner(pki, 1));
  const usable = new Live<ReadonlySet<number>>(new Set([1]));
  const trust = new Live(toTrust(pki.bundle));
  const issued: MoverScene['issued'] = [];
  const log: string[] = [];
  const disconnected = new Set<string>();
  const issuer = createIssuer({
    ...{ signer, trust, clock, meter: silentMeter, profile: createLeafProfile({ lifetimeMs: 'match' }) },
    quarantine: new Live({ clusters: new Map() }),
    audit: auditInto(issued, clock),
  });
  const random = plan.random ?? Math.random;
  const reissuer = new Reissuer({
    issuer: { issue: (request) => (scene.issuerFault === null ? issuer.issue(request) : Promise.resolve(scene.issuerFault)) },
    ...{ signer, usable, clock, random, mostCredentials: 10_000 },
  });
  const sessions = new HandSessions(clock);
  const mover = new SessionMover({
    ...{ reissuer, sessions, signer, usable, clock, random, movesPerSecond: plan.movesPerSecond },
    isConnected: (holder) => !disconnected.has(holder),
    onLeafRefused: (credential) => mover.doubt(credential),
    log: { event: (name) => void log.push(name) },
  });
  t.after(() => void mover.close());
  const serving: MoverScene['serving'] = async (peer) => {
    if (peer === undefined) throw new Error('no such agent');
    const verdict = await reissuer.credentialFor(peer);
    if (verdict.kind !== 'ready') throw new Error(verdict.kind);
    return verdict.credential;
  };
  const peers = Array.from({ length: plan.agents }, (_, agent) => makePeer(agent, plan, pki.signer, trust.current));
  const scene: MoverScene = {
    ...{ clock, peers, reissuer, sessions, mover, usable, issued, disconnected, log, serving, issuerFault: null },
    rotate: (withdrawn = []) => {
      const generation = (signer.current?.generation ?? 0) + 1;
      const next = makeOpenShiftSigner(START_MS - DAY_MS + generation * 60_000, 'p256');
      usable.swap(new Set([...usable.current, generation].filter((one) => !withdrawn.includes(one))));
      signer.swap(toSigner(next, generation));
    },
    pass: (ms) =>
      clock.pass(ms, async () => {
        do await new Promise((resolve) => setImmediate(resolve));
        while (mover.underWay > sessions.opening);
      }),
    generations: () => [...reissuer.kept()].map((kept) => kept.serving.generation),
  };
  for (const peer of peers) {
    const credential = await serving(peer);
    sessions.open.set(credential.id, credential);
  }
  issued.splice(0);
  return scene;
}
