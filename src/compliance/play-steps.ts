// Plays cases that are sequences: one step after the other on a stage that is theirs. What a step opens stays open until the case is over.

import type { AskStep, CaseStep, ComplianceCase, HubAct, HubDeed, IdentityRecipe, Wire } from './case.ts';
import type { Credentials } from './credentials.ts';
import { expectThat, expectEqual, Mismatch } from './mismatch.ts';
import { PlayFailed } from './play.ts';
import type { Exchange, Player } from './play.ts';
import { findSecrets } from './secrets.ts';
import type { Stage } from './stage.ts';
import { openConnection } from './wire/connection.ts';
import type { Connection, OpenWatch } from './wire/connection.ts';
import { openIdle } from './wire/idle-connections.ts';

/** Resolves to how many steps there were. @throws PlayFailed */
export async function playSteps(player: Player, of: ComplianceCase, steps: readonly CaseStep[]): Promise<number> {
  const sequence = new Sequence(player, of);
  try {
    for (const [at, step] of steps.entries()) await sequence.play(step, `step ${at + 1}, ${step.kind}`);
  } finally {
    sequence.close();
  }
  return steps.length;
}

interface HeldWatch {
  readonly watch: OpenWatch;
  /** Lines that a step has waited for. */
  taken: number;
}

class Sequence {
  readonly #player: Player;
  readonly #case: ComplianceCase;
  readonly #connections = new Map<string, Connection>();
  readonly #watches = new Map<string, HeldWatch>();
  readonly #closing: (() => void)[] = [];
  #releaseTrust: (() => void) | null = null;

  constructor(player: Player, of: ComplianceCase) {
    this.#player = player;
    this.#case = of;
  }

  close(): void {
    this.#releaseTrust?.();
    for (const connection of this.#connections.values()) connection.close();
    for (const close of this.#closing) close();
  }

  async play(step: CaseStep, name: string): Promise<void> {
    try {
      await this.#do(step, name);
    } catch (error) {
      throw error instanceof PlayFailed ? error : new PlayFailed(name, JSON.stringify(step), error);
    }
  }

  #do(step: CaseStep, name: string): Promise<unknown> | void {
    const { stage } = this.#player;
    switch (step.kind) {
      case 'ask':
        return this.#ask(step.ask, name);
      case 'watch':
        return this.#watch(step.watch);
      case 'event':
        return this.#event(step.event);
      case 'ends':
        return this.#ends(step.ends);
      case 'open':
        return expectEqual(this.#held(step.open).watch.ended(), null, `whether the watch ${step.open} has ended`);
      case 'connect':
        return this.#connect(step.connect);
      case 'rotate':
        return this.#rotate(step.rotate);
      case 'hub':
        return this.#actOnHub(step.hub);
      case 'settings':
        return stage.rewriteSettings(step.settings);
      case 'signal':
        return stage.program.kill(step.signal);
      case 'exits':
        return this.#exits(step.exits);
      case 'logs':
        return this.#logs(step.logs);
      case 'secrets':
        return this.#secrets();
      default:
        return step satisfies never;
    }
  }

  #identity(name: string | null): IdentityRecipe {
    const { identity, identities } = this.#case.given;
    const found = name === null ? identity : identities[name];
    if (found === undefined) throw new Error(`${name} is not one of given.identities`);
    return found;
  }

  async #ask(ask: AskStep, name: string): Promise<void> {
    const { request, expected, to, withinMs } = ask;
    const credentials = await this.#player.credentialsOf(this.#identity(ask.identity));
    const { stage } = this.#player;
    const port = to === 'proxy' ? null : to === 'hub' ? stage.hub.port : await stage.openingProxyPort();
    const wires: readonly Wire[] = request.over ?? (request.raw === undefined ? ['h2'] : ['http/1.1']);
    const endMs = performance.now() + withinMs;
    for (const wire of wires) {
      const exchange: Exchange = {
        ...{ request, expected, credentials, wire, port },
        on: this.#connection(ask.on, { credentials, wire, port }),
      };
      await this.#askUntil(exchange, name, endMs);
    }
  }

  async #askUntil(exchange: Exchange, name: string, endMs: number): Promise<void> {
    for (;;) {
      try {
        await this.#player.play(name, exchange);
        return;
      } catch (error) {
        if (performance.now() >= endMs) throw error;
        this.#player.stage.takeUnaccounted();
        await this.#player.pause();
      }
    }
  }

  #connection(
    name: string | null,
    { credentials, wire, port }: { credentials: Credentials; wire: Wire; port: number | null },
  ): Connection | null {
    if (name === null) return null;
    const opened = this.#connections.get(name) ?? openConnection(this.#player.senderOf(credentials, port), wire);
    this.#connections.set(name, opened);
    return opened;
  }

  async #watch({ name, identity, over, target }: Extract<CaseStep, { kind: 'watch' }>['watch']): Promise<void> {
    const credentials = await this.#player.credentialsOf(this.#identity(identity));
    const connection = openConnection(this.#player.senderOf(credentials, null), over);
    this.#closing.push(() => connection.close());
    const headers = credentials.token === null ? [] : [['authorization', `Bearer ${credentials.token}`] as const];
    const watch = await connection.watch(target, headers);
    expectEqual(watch.status, 200, 'status of the watch');
    this.#watches.set(name, { watch, taken: 0 });
    await this.#until(() => this.#player.stage.seen().length > 0, 'the watch at the hub', WATCH_ARRIVAL_MS);
    this.#player.stage.account(this.#player.stage.seen());
  }

  #held(name: string): HeldWatch {
    const held = this.#watches.get(name);
    if (held === undefined) throw new Error(`there is no watch ${name}`);
    return held;
  }

  async #event({ watch: name, withinMs }: { readonly watch: string; readonly withinMs: number }): Promise<void> {
    const held = this.#held(name);
    await this.#until(() => held.watch.lines() > held.taken, `one more event on the watch ${name}`, withinMs);
    held.taken = held.watch.lines();
  }

  async #ends({ watch: name, how, withinMs }: Extract<CaseStep, { kind: 'ends' }>['ends']): Promise<void> {
    const { watch } = this.#held(name);
    await this.#until(() => watch.ended() !== null, `the end of the watch ${name}`, withinMs);
    expectEqual(watch.ended(), how, `how the watch ${name} ended`);
  }

  async #connect({ identity, count }: { readonly identity: string | null; readonly count: number }): Promise<void> {
    const credentials = await this.#player.credentialsOf(this.#identity(identity));
    this.#closing.push(await openIdle(this.#player.senderOf(credentials, null), count));
  }

  async #rotate(plan: Extract<CaseStep, { kind: 'rotate' }>['rotate']): Promise<void> {
    const { stage } = this.#player;
    await stage.hub.rotate(plan);
    stage.noteAuthorities();
  }

  async #actOnHub(act: HubAct): Promise<void> {
    const { stage } = this.#player;
    if (act.kind === 'misbehaves') return stage.misbehave(act.misbehaves);
    if (act.kind === 'does') return this.#deed(act.does, stage);
    const { method, target, body } = act.request;
    const { status, object } = await stage.hub.request(method, target, body);
    expectThat(status < 400, `the hub itself does ${method} ${target}`, `${status} ${JSON.stringify(object)}`);
  }

  #deed(deed: HubDeed, { hub }: Stage): Promise<void> | void {
    switch (deed) {
      case 'go-away':
        return hub.goAwayAll();
      case 'cut':
        return hub.destroyAllConnections();
      case 'hold-trust':
        this.#releaseTrust = hub.holdTrust();
        return;
      case 'release-trust':
        this.#releaseTrust?.();
        this.#releaseTrust = null;
        return;
      case 'republish-bundle':
        return hub.republishBundle();
      case 'forget-old-signers':
        return hub.forgetSignersBefore(hub.signer().number);
      case 'rotate-token-key':
        return hub.rotateTokenKey(false);
      case 'forget-token-keys':
        return hub.rotateTokenKey(true);
      default:
        return deed satisfies never;
    }
  }

  async #exits({ code, withinMs }: { readonly code: number; readonly withinMs: number }): Promise<void> {
    const { program } = this.#player.stage;
    await this.#until(() => program.exitCode !== null, 'the end of the process', withinMs);
    expectEqual(program.exitCode, code, 'exit code');
  }

  #logs({ event, withinMs }: { readonly event: string; readonly withinMs: number }): Promise<void> {
    const { program } = this.#player.stage;
    return this.#until(() => program.events.some((line) => line.event === event), `the event ${event} in the log`, withinMs);
  }

  async #secrets(): Promise<void> {
    const found = await findSecrets(this.#player.stage);
    expectThat(found.length === 0, 'no secret in output, audit and files', found);
  }

  async #until(holds: () => boolean, expected: string, withinMs: number): Promise<void> {
    const endMs = performance.now() + withinMs;
    while (!holds()) {
      if (performance.now() >= endMs) throw new Mismatch(expected, `nothing of it within ${withinMs} ms`);
      await this.#player.pause();
    }
  }
}

/** For a watch that was answered to show in the hub's journal. */
const WATCH_ARRIVAL_MS = 5_000;
