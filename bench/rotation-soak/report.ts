// The soak's figures, for people. Pure.

import type { Soak } from './soak.ts';

const MOST_FAILURES = 5;
const MOST_WARNINGS = 3;

/** One line while it runs. */
export function sayProgress(soaks: readonly Soak[], elapsedMs: number): string {
  const counts = soaks.map((soak) => soak.counts);
  const total = (pick: (of: (typeof counts)[number]) => number): number => counts.reduce((sum, of) => sum + pick(of), 0);
  const planned = soaks.reduce((sum, { plan }) => sum + plan.rotations, 0);
  const seconds = `${Math.round(elapsedMs / 1_000)} s`.padStart(6);
  const done = `${total((of) => of.rotations)} of ${planned} rotations`;
  const waiting = soaks.filter(({ isAtWork }) => !isAtWork).length;
  const starting = waiting === 0 ? '' : `; ${waiting} of ${soaks.length} hubs are starting`;
  return `${seconds}  ${done}, ${total((of) => of.sent)} requests, ${total((of) => of.failed)} failed, ${total((of) => of.watchesCut)} watches cut${starting}`;
}

/** What a soak ended with; nothing where all was well. */
export function sayWrong(soak: Soak): readonly string[] {
  const { wrong, failures } = soak.counts;
  const warnings = wrong.length + failures.length > 0 ? soak.warnings.map((line) => `log: ${line}`) : [];
  return [...wrong, ...failures.slice(0, MOST_FAILURES), ...warnings.slice(0, MOST_WARNINGS)].map((what) => `${soak.name}: ${what}`);
}

export function isWell(soak: Soak): boolean {
  const { failed, watchesCut, wrong, rotations } = soak.counts;
  return failed === 0 && watchesCut === 0 && wrong.length === 0 && rotations === soak.plan.rotations;
}

export function sayTable(soaks: readonly Soak[]): string {
  const head = [
    'order',
    'source',
    'rotations',
    'generations',
    'requests sent',
    'failed',
    'watches cut',
    'leaves issued',
    'longest pending',
  ];
  const rows = soaks.map(({ plan, counts }) => [
    plan.order,
    plan.source,
    `${counts.rotations}`,
    `${counts.generations}`,
    `${counts.sent}`,
    `${counts.failed}`,
    `${counts.watchesCut}`,
    `${counts.leaves}`,
    `${(counts.longestPendingMs / 1_000).toFixed(1)} s`,
  ]);
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((row) => (row[column] ?? '').length)));
  return [head, ...rows]
    .map((row) =>
      row.map((cell, column) => (column < 2 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0))).join('  '),
    )
    .join('\n');
}
