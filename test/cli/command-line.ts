// Runs the program as a process, as its users do, and keeps what it said.

import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

export interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

export interface Running {
  readonly process: ChildProcess;
  /** Resolves when standard error has a line that matches; rejects when the process ends before. */
  waitFor(line: RegExp): Promise<string>;
  readonly ended: Promise<Ended>;
}

/** A command that takes longer has hung. */
const DEADLINE_MS = 60_000;

export function start(...args: readonly string[]): Running {
  const child = spawn(process.execPath, [main, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  const timer = setTimeout(() => child.kill('SIGKILL'), DEADLINE_MS);
  let [out, err] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    err += text;
    child.emit('said');
  });
  const ended = once(child, 'close').then(([code]: (number | null)[]): Ended => {
    clearTimeout(timer);
    child.emit('said');
    return { code: code ?? null, out, err };
  });
  const waitFor = async (line: RegExp): Promise<string> => {
    for (;;) {
      const found = err.split('\n').find((each) => line.test(each));
      if (found !== undefined) return found;
      if (child.exitCode !== null || child.signalCode !== null) throw new Error(`the process ended without ${line}:\n${err}`);
      await once(child, 'said');
    }
  };
  return { process: child, waitFor, ended };
}

export function runToEnd(...args: readonly string[]): Promise<Ended> {
  return start(...args).ended;
}
