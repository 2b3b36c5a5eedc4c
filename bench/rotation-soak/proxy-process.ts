// Countersign as an operator starts it: `countersign run` on a settings file, in a process of its own. Reads its log; stops it with SIGTERM.

import { spawn } from 'node:child_process';
import type { ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
/** Warnings and errors of its log, for people; the first ones tell the cause. */
const MOST_LINES_KEPT = 20;
/** For it to drain what is left; then it is killed. */
const STOP_MS = 20_000;
/** USER_HZ of every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

export class ProxyProcess {
  readonly url: string;
  readonly #child: ChildProcessByStdio<null, null, Readable>;
  readonly #lines: readonly string[];

  private constructor(child: ChildProcessByStdio<null, null, Readable>, port: number, lines: readonly string[]) {
    this.#child = child;
    this.#lines = lines;
    this.url = `https://127.0.0.1:${port}`;
  }

  /** Resolves when it accepts connections. */
  static async start(settingsFile: string): Promise<ProxyProcess> {
    const args = ['--max-semi-space-size=2', MAIN, 'run', '--config', settingsFile];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    const lines: string[] = [];
    const { promise: port, resolve, reject } = Promise.withResolvers<number>();
    createInterface({ input: child.stderr }).on('line', (line) => {
      const event = readLine(line);
      if (event.event === 'listener-ready') resolve(event.port ?? 0);
      if (event.level !== 'info' && event.level !== 'debug' && lines.length < MOST_LINES_KEPT) lines.push(line);
    });
    child.once('exit', (code) => reject(new Error(`countersign run ended with ${code}: ${lines.join('\n')}`)));
    return new ProxyProcess(child, await port, lines);
  }

  /** The first warnings and errors of its log. */
  get warnings(): readonly string[] {
    return this.#lines;
  }

  /** User and system time so far, of this process and all its children that are over; null where the system does not say. */
  cpuSeconds(): number | null {
    try {
      const stat = readFileSync(`/proc/${this.#child.pid}/stat`, 'utf8');
      // The name in parentheses may hold spaces; after it: state is field 3, utime 14, stime 15 (proc_pid_stat(5)).
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
    } catch {
      return null;
    }
  }

  /** Returns the exit code; null where it had to be killed. */
  async stop(): Promise<number | null> {
    if (this.#child.exitCode !== null) return this.#child.exitCode;
    const exited = once(this.#child, 'exit') as Promise<[number | null]>;
    this.#child.kill('SIGTERM');
    const killing = setTimeout(() => this.#child.kill('SIGKILL'), STOP_MS);
    const [code] = await exited;
    clearTimeout(killing);
    return code;
  }
}

function readLine(line: string): { level?: string; event?: string; port?: number } {
  try {
    return JSON.parse(line) as { level?: string; event?: string; port?: number };
  } catch {
    return {};
  }
}
