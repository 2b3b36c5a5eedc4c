// What a command is: its words for people, its options, and the code it ends with. Owns reading the command line; runs nothing.

import { parseArgs } from 'node:util';
import type { ParseArgsConfig } from 'node:util';
import type { Clock } from '../clock.ts';

/** Exit codes (design.md §4); 64 is EX_USAGE of sysexits.h. */
export const exitCodes = { ok: 0, failure: 1, denied: 2, usage: 64 } as const;

/** What a command may touch of the process it runs in. */
export interface Surroundings {
  readonly clock: Clock;
  /** Standard output: results. */
  readonly out: (text: string) => void;
  /** Standard error: everything that went wrong and what to do. */
  readonly err: (text: string) => void;
  /** Ends the process without waiting for anything. */
  readonly exitNow: (exitCode: number) => never;
  /** Calls `listener` for each of these signals until the returned function is called. */
  readonly onSignal: (listener: (signal: 'SIGTERM' | 'SIGINT' | 'SIGHUP') => void) => () => void;
}

export interface OptionSpec {
  readonly type: 'string' | 'boolean';
  /** The word for the value in the help: FILE. */
  readonly value?: string;
  readonly help: string;
  readonly required?: boolean;
  /** May stand there more than once. */
  readonly repeated?: boolean;
}

export type OptionValues = Readonly<Record<string, string | boolean | readonly string[] | undefined>>;

export interface Command {
  /** A few lines: what it does, what its exit codes mean. */
  readonly description: string;
  readonly options: Readonly<Record<string, OptionSpec>>;
  readonly example: string;
  readonly run: (values: OptionValues, around: Surroundings) => Promise<number>;
}

export type ParsedOptions = { readonly ok: true; readonly values: OptionValues } | { readonly ok: false; readonly problem: string };

const HELP: OptionSpec = { type: 'boolean', help: 'this text' };

export function parseOptions(command: Command, args: readonly string[]): ParsedOptions {
  const specs = Object.entries({ ...command.options, help: HELP });
  const options: ParseArgsConfig['options'] = Object.fromEntries(
    specs.map(([name, { type, repeated }]) => [name, { type, multiple: repeated === true }]),
  );
  let values: Record<string, unknown>;
  let positionals: string[];
  try {
    ({ values, positionals } = parseArgs({ args: [...args], options, strict: true, allowPositionals: true }));
  } catch (error) {
    return { ok: false, problem: error instanceof Error ? (error.message.split('. ')[0] ?? '') : 'the options cannot be read' };
  }
  const [surplus] = positionals;
  if (surplus !== undefined) return { ok: false, problem: `Unexpected argument '${surplus}'` };
  const missing = specs.find(([name, { required }]) => required === true && values[name] === undefined);
  if (missing !== undefined && values['help'] !== true)
    return { ok: false, problem: `Missing option --${missing[0]} ${missing[1].value ?? ''}` };
  return { ok: true, values: values as OptionValues };
}

/** An option that `parseOptions` has found to be there. */
export function requiredText(values: OptionValues, name: string): string {
  const value = values[name];
  if (typeof value !== 'string') throw new TypeError(`option --${name} is not declared as required`);
  return value;
}

export function optionalText(values: OptionValues, name: string): string | null {
  const value = values[name];
  return typeof value === 'string' ? value : null;
}

export function repeatedTexts(values: OptionValues, name: string): readonly string[] {
  const value = values[name];
  return Array.isArray(value) ? (value as readonly string[]) : [];
}

export function describeCommand(command: Command): string {
  const rows = Object.entries({ ...command.options, help: HELP }).map(([option, spec]) => [
    `--${option}${spec.value === undefined ? '' : ` ${spec.value}`}`,
    `${spec.help}${spec.required === true ? ' (required)' : ''}`,
  ]);
  const width = Math.max(...rows.map(([left = '']) => left.length));
  const options = rows.map(([left = '', right = '']) => `  ${left.padEnd(width)}  ${right}`).join('\n');
  return `${command.description}\n\nOptions:\n${options}\n\nExample:\n  ${command.example}\n`;
}
