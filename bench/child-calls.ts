// Questions to a child process and its answers, over Node's IPC channel. The same types on both sides; a child that ends fails what was asked of it.

import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';

/** What a child answers: each call takes one value and gives one, both as JSON. */
export type Calls = { readonly [name: string]: (argument: never) => Promise<unknown> };

interface Asked {
  readonly id: number;
  readonly name: string;
  readonly argument: unknown;
}

interface Answered {
  readonly id: number;
  readonly value?: unknown;
  readonly error?: string;
}

/** In the child: answers until the parent goes away, then ends the process. */
export function serveCalls(child: NodeJS.Process, calls: Calls): void {
  child.on('message', (asked: Asked) => {
    const call = calls[asked.name] as ((argument: unknown) => Promise<unknown>) | undefined;
    const answered = call === undefined ? Promise.reject(new Error(`no such call: ${asked.name}`)) : call(asked.argument);
    answered.then(
      (value) => child.send?.({ id: asked.id, value }),
      (error: unknown) => child.send?.({ id: asked.id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
    );
  });
  child.on('disconnect', () => child.exit(0));
  child.send?.({ id: 0 });
}

export class CallableChild<Table extends Calls> {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>();
  #asked = 0;

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.on('message', ({ id, value, error }: Answered) => {
      const waiting = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (error === undefined) waiting?.resolve(value);
      else waiting?.reject(new Error(error));
    });
    child.on('exit', (code, signal) => {
      for (const { reject } of this.#waiting.values()) reject(new Error(`the process ended by itself: ${code ?? signal}`));
    });
  }

  /** Resolves when the child serves calls. */
  static async start<Table extends Calls>(script: string, args: readonly string[] = []): Promise<CallableChild<Table>> {
    const child = fork(script, args, { execArgv: [], stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    await Promise.race([
      once(child, 'message'),
      once(child, 'exit').then(([code]) => Promise.reject(new Error(`${script} ended with ${String(code)}`))),
    ]);
    return new CallableChild<Table>(child);
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  call<Name extends keyof Table & string>(name: Name, argument: Parameters<Table[Name]>[0]): ReturnType<Table[Name]> {
    this.#asked += 1;
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    this.#waiting.set(this.#asked, { resolve, reject });
    this.#child.send({ id: this.#asked, name, argument });
    return promise as ReturnType<Table[Name]>;
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await exited;
  }
}
