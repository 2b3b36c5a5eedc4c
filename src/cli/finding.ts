// One thing that `check` has looked at: how it stands, and what to do where it does not stand well. Owns how findings are printed and what
// they add up to.

import { exitCodes } from './command.ts';

export interface Finding {
  readonly level: 'ok' | 'warn' | 'fail' | 'skip';
  /** What was looked at, in a few words: `serving certificate`. */
  readonly item: string;
  readonly text: string;
  /** What to do; none where all is well. */
  readonly advice?: string;
}

export function ok(item: string, text: string): Finding {
  return { level: 'ok', item, text };
}

export function skip(item: string, text: string): Finding {
  return { level: 'skip', item, text };
}

export function warn(item: string, text: string, advice: string): Finding {
  return { level: 'warn', item, text, advice };
}

export function fail(item: string, text: string, advice: string): Finding {
  return { level: 'fail', item, text, advice };
}

export function sayFinding({ level, item, text, advice }: Finding): string {
  const line = `${level.padEnd(4)}  ${item}: ${oneLine(text)}\n`;
  return advice === undefined ? line : `${line}      -> ${oneLine(advice)}\n`;
}

export function sayTotal(findings: readonly Finding[]): string {
  const count = (level: Finding['level']): number => findings.filter((finding) => finding.level === level).length;
  const skipped = count('skip') === 0 ? '' : `, ${count('skip')} not looked at`;
  return `${count('ok')} ok, ${count('warn')} to look at, ${count('fail')} failed${skipped}\n`;
}

export function exitCodeOf(findings: readonly Finding[]): number {
  return findings.some(({ level }) => level === 'fail') ? exitCodes.failure : exitCodes.ok;
}

/** Error texts of libraries and remote answers must not fake a line of ours or steer a terminal. */
function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ').trim();
}

export function sayError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return 'code' in error && typeof error.code === 'string' && !error.message.includes(error.code)
    ? `${error.code}: ${error.message}`
    : error.message;
}
