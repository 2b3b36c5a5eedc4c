// Prometheus' own checker, where it is installed (Debian: package prometheus). Tests that need it say so and are skipped where it is not.

import { spawn } from 'node:child_process';
import { access, constants } from 'node:fs/promises';
import { join } from 'node:path';
import { env } from 'node:process';
import { text } from 'node:stream/consumers';

const NAME = 'promtool';

export interface PromtoolAnswer {
  readonly exitCode: number | null;
  readonly output: string;
}

/** Runs in `folder`; never throws for what promtool says. */
export type Promtool = (args: readonly string[], folder: string) => Promise<PromtoolAnswer>;

export async function findPromtool(): Promise<Promtool | null> {
  const places = (env['PATH'] ?? '').split(':').filter((folder) => folder.startsWith('/'));
  const found = await Promise.all(
    places.map((folder) =>
      access(join(folder, NAME), constants.X_OK).then(
        () => join(folder, NAME),
        () => null,
      ),
    ),
  );
  const path = found.find((each) => each !== null);
  if (path === undefined) return null;
  return async (args, cwd) => {
    const child = spawn(path, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
    const exited = new Promise<number | null>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', resolve);
    });
    const [out, err, exitCode] = await Promise.all([text(child.stdout), text(child.stderr), exited]);
    return { exitCode, output: `${out}${err}` };
  };
}

export const NO_PROMTOOL = 'promtool is not installed (Debian: apt-get install prometheus)';
