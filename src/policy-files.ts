// The texts of the policies in force: the built-in packs that the settings name, and the operator's own files; read again when they change. What
// they mean is the compiler's, which is handed in. A set that does not compile leaves the one before in force.

import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readBounded } from './bounded-file.ts';
import type { Cancel, Clock } from './clock.ts';
import type { Log } from './events.ts';
import { Live } from './live.ts';
import type { ReadonlyLive } from './live.ts';
import type { InspectSettings } from './settings.ts';

type PolicyFileNames = Pick<InspectSettings, 'packs' | 'policyFiles'>;

/** One policy as it stands in its file. */
export interface PolicySource {
  /** The file's own name, for people. */
  readonly name: string;
  readonly text: string;
}

export interface PolicyFileProblem {
  readonly file: string;
  /** 1-based; null where no line can be named. */
  readonly line: number | null;
  /** Where in the document; empty for the file as a whole. */
  readonly path: string;
  readonly found: string;
  readonly expected: string;
}

export type PolicyReading =
  | { readonly ok: true; readonly sources: readonly PolicySource[] }
  | { readonly ok: false; readonly problems: readonly PolicyFileProblem[] };

export type PolicyCompilation<Policies> =
  | { readonly ok: true; readonly policies: Policies }
  | { readonly ok: false; readonly problems: readonly PolicyFileProblem[] };

type Compile<Policies> = (sources: readonly PolicySource[]) => PolicyCompilation<Policies>;

export interface PolicyFiles<Policies> {
  readonly live: ReadonlyLive<Policies>;
  /** Reads the files now; what is wrong with them goes to the log. */
  reread(): Promise<void>;
  close(): void;
}

/** Five times the largest of the packs; a policy is read by people. */
const MAX_POLICY_BYTES = 256 * 1024;
/** How often the files are read again: changes are seen by content, so that mounted ConfigMaps and editors' swaps are too. */
const REREAD_MS = 10_000;
/** A half-written file may be a wider policy than the whole one: two reads this far apart have to agree. As ca-sync's source-files.ts. */
const SETTLE_MS = 150;
/** Of one refusal in the log: more than a person mends at once. */
const MAX_LOGGED_PROBLEMS = 20;

/** `packs` of the built sources as of the others: the folder lies beside `src` and beside `dist`. */
const PACKS_FOLDER = fileURLToPath(new URL('../packs/', import.meta.url));

/** In the order of the settings, packs first. Every file that cannot be read is a problem of its own; never throws for what a file is. */
export async function readPolicySources(settings: PolicyFileNames): Promise<PolicyReading> {
  const read = await Promise.all(filesOf(settings).map(readSource));
  const problems = read.filter((one) => 'found' in one);
  if (problems.length > 0) return { ok: false, problems };
  return { ok: true, sources: read.filter((one) => 'text' in one) };
}

/**
 * Reads and compiles, and goes on doing so.
 * @throws Error naming every problem, when there is no policy to begin with
 */
export async function openPolicyFiles<Policies>(
  settings: PolicyFileNames,
  around: { readonly compile: Compile<Policies>; readonly clock: Clock; readonly log: Log },
): Promise<PolicyFiles<Policies>> {
  const { compile, clock, log } = around;
  const first = await readPolicySources(settings);
  const compiled = first.ok ? compile(first.sources) : first;
  if (!compiled.ok) throw new Error(`inspect: ${compiled.problems.map(sayPolicyProblem).join('; ')}`);
  const live = new Live(compiled.policies);
  const follower = new PolicyFollower({ settings, clock, compile, log, live, first });
  follower.announce();
  const stop = clock.every(REREAD_MS, () => {
    follower.reread().catch((error: unknown) => log.event('internal-error', { error: String(error) }));
  });
  return { live, reread: () => follower.reread(), close: () => follower.close(stop) };
}

/** `policy.yaml:12: spec.rules.0.verbs: found …; expected …`. */
export function sayPolicyProblem({ file, line, path, found, expected }: PolicyFileProblem): string {
  return `${file}${line === null ? '' : `:${line}`}: ${path === '' ? '' : `${path}: `}found ${found}; expected ${expected}`;
}

interface FollowerParts<Policies> {
  readonly settings: PolicyFileNames;
  readonly compile: Compile<Policies>;
  readonly clock: Clock;
  readonly log: Log;
  readonly live: Live<Policies>;
  readonly first: PolicyReading;
}

class PolicyFollower<Policies> {
  readonly #parts: FollowerParts<Policies>;
  /** What was judged last, whether it was taken or refused: the same again is no news. */
  #judged: string;
  #reading: Promise<void> | null = null;
  #isClosed = false;

  constructor(parts: FollowerParts<Policies>) {
    this.#parts = parts;
    this.#judged = JSON.stringify(parts.first);
  }

  /** One at a time; whoever asks meanwhile gets one that began after the asking. */
  async reread(): Promise<void> {
    await this.#reading;
    this.#reading ??= this.#read().finally(() => {
      this.#reading = null;
    });
    await this.#reading;
  }

  announce(): void {
    this.#parts.log.event('policy-published', { files: filesOf(this.#parts.settings) });
  }

  close(stop: Cancel): void {
    this.#isClosed = true;
    stop();
  }

  async #read(): Promise<void> {
    const { settings, clock } = this.#parts;
    const found = JSON.stringify(await readPolicySources(settings));
    if (found === this.#judged || this.#isClosed) return;
    await new Promise<void>((resolve) => void clock.after(SETTLE_MS, resolve));
    const settled = await readPolicySources(settings);
    // Still being written: the next reading finds it.
    if (JSON.stringify(settled) !== found || this.#isClosed) return;
    this.#judged = found;
    this.#judge(settled);
  }

  #judge(reading: PolicyReading): void {
    const { compile, log, live } = this.#parts;
    const compiled = reading.ok ? compile(reading.sources) : reading;
    if (!compiled.ok) {
      log.event('policy-refused', { problems: compiled.problems.slice(0, MAX_LOGGED_PROBLEMS).map(sayPolicyProblem) });
      return;
    }
    live.swap(compiled.policies);
    this.announce();
  }
}

function filesOf({ packs, policyFiles }: PolicyFileNames): readonly string[] {
  return [...packs.map((pack) => join(PACKS_FOLDER, `${pack}.yaml`)), ...policyFiles];
}

async function readSource(name: string): Promise<PolicySource | PolicyFileProblem> {
  const problem = (found: string): PolicyFileProblem => ({ file: name, line: null, path: '', found, expected: 'a readable policy file' });
  try {
    // Reading a pipe would wait for its writer, and a second reading would find nothing.
    if (!(await stat(name)).isFile()) return problem('something that is no file');
    const bytes = await readBounded(name, MAX_POLICY_BYTES);
    return { name, text: new TextDecoder('utf-8', { fatal: true }).decode(bytes) };
  } catch (error) {
    if (error instanceof TypeError) return problem('bytes that are not UTF-8');
    return problem(error instanceof Error ? error.message : 'no readable file');
  }
}
