// Countersign as a process of its own, as operators run it: started from a settings file, watched through its log, ended by a signal. Knows nothing
// of its inside.

import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { EventEmitter, once } from 'node:events';

/** How the program is started: `command ...args run --config FILE`. */
export interface ProgramCommand {
  readonly command: string;
  readonly args: readonly string[];
}

export interface LogLine {
  readonly event: string;
  readonly [field: string]: unknown;
}

/** Of output that is kept: a case's proxy says a few kilobytes. */
const MAX_OUTPUT_BYTES = 16 * 1024 * 1024;
/** Then it is killed. */
const STOPPING_MS = 15_000;

export class Program {
  readonly #child: ChildProcess;
  readonly #said = new EventEmitter();
  readonly #events: LogLine[] = [];
  #output = '';
  #rest = '';
  #exitCode: number | null = null;
  readonly ended: Promise<number>;

  constructor({ command, args }: ProgramCommand, settingsFile: string) {
    this.#child = spawn(command, [...args, 'run', '--config', settingsFile], { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => this.#keep(text));
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => this.#readLog(text));
    this.#said.setMaxListeners(0);
    this.ended = new Promise((resolve) => {
      const end = (code: number): void => {
        this.#exitCode ??= code;
        this.#said.emit('line');
        resolve(this.#exitCode);
      };
      this.#child.once('close', (code) => end(code ?? -1));
      this.#child.once('error', (error) => {
        this.#keep(String(error));
        end(-1);
      });
    });
  }

  get exitCode(): number | null {
    return this.#exitCode;
  }

  get events(): readonly LogLine[] {
    return this.#events;
  }

  /** Everything on standard output and standard error. */
  get output(): string {
    return this.#output;
  }

  /** From the first on. @throws Error where the process ends before, or `signal` aborts */
  async waitFor(isIt: (line: LogLine) => boolean, signal: AbortSignal): Promise<LogLine> {
    for (;;) {
      const found = this.#events.find(isIt);
      if (found !== undefined) return found;
      if (this.#exitCode !== null) throw new Error(`the process ended with ${this.#exitCode}: ${this.#output.slice(-1_000)}`);
      await once(this.#said, 'line', { signal });
    }
  }

  kill(signal: 'SIGTERM' | 'SIGHUP' | 'SIGKILL'): void {
    this.#child.kill(signal);
  }

  /** Resolves to the exit code: 0 after a clean drain. */
  async stop(): Promise<number> {
    if (this.#exitCode !== null) return this.#exitCode;
    this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), STOPPING_MS);
    const code = await this.ended;
    clearTimeout(timer);
    return code;
  }

  #keep(text: string): void {
    if (this.#output.length < MAX_OUTPUT_BYTES) this.#output += text;
  }

  #readLog(text: string): void {
    this.#keep(text);
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) {
      const event = readLine(line);
      if (event !== null) this.#events.push(event);
    }
    this.#said.emit('line');
  }
}

function readLine(line: string): LogLine | null {
  try {
    const read: unknown = JSON.parse(line);
    return typeof read === 'object' && read !== null && 'event' in read ? (read as LogLine) : null;
  } catch {
    return null;
  }
}
