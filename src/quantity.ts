// How people write lengths of time, amounts of memory and rates: `1m30s`, `64KiB`, `60/s`. Owns the readings and the spellings; knows no setting.

const DURATION = /^(?:\d+(?:ms|s|m|h|d))+$/;
const DURATION_PART = /(\d+)(ms|s|m|h|d)/g;
const MS_PER_UNIT: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

const SIZE = /^(\d+)(B|KiB|MiB|GiB)$/;
const BYTES_PER_UNIT: Readonly<Record<string, number>> = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 };

/** `500ms`, `90s`, `1m30s`, `24h`, `30d` in milliseconds; null where it is none of these, a unit is repeated or out of order, or it is beyond exact numbers. */
export function parseDuration(text: string): number | null {
  if (!DURATION.test(text)) return null;
  let totalMs = 0;
  let previousUnitMs = Number.POSITIVE_INFINITY;
  for (const [, digits = '', unit = ''] of text.matchAll(DURATION_PART)) {
    const unitMs = MS_PER_UNIT[unit] ?? 0;
    if (unitMs >= previousUnitMs) return null;
    previousUnitMs = unitMs;
    totalMs += Number(digits) * unitMs;
  }
  return Number.isSafeInteger(totalMs) ? totalMs : null;
}

/** `512B`, `64KiB`, `3MiB` in bytes; null where it is none of these or beyond exact numbers. */
export function parseSize(text: string): number | null {
  const match = SIZE.exec(text);
  if (match === null) return null;
  const bytes = Number(match[1]) * (BYTES_PER_UNIT[match[2] ?? ''] ?? 0);
  return Number.isSafeInteger(bytes) ? bytes : null;
}

const RATE = /^(\d+)\/(s|m|h)$/;

/** `60/s`, `30/m`, `10/h` in events per second; null where it is none of these or beyond exact numbers. */
export function parseRate(text: string): number | null {
  const match = RATE.exec(text);
  const events = Number(match?.[1]);
  if (match === null || !Number.isSafeInteger(events)) return null;
  return (events * 1_000) / (MS_PER_UNIT[match[2] ?? ''] ?? Number.NaN);
}

/** The two largest units that say something: `27d14h`, `1m30s`, `250ms`. Cuts, never rounds up: nothing left must not read as something. */
export function formatDuration(durationMs: number): string {
  let restMs = Math.max(0, Math.trunc(durationMs));
  const parts: string[] = [];
  for (const [unit, unitMs] of Object.entries(MS_PER_UNIT).toReversed()) {
    const count = Math.floor(restMs / unitMs);
    if (count > 0) parts.push(`${count}${unit}`);
    restMs -= count * unitMs;
    if (parts.length === 2) break;
  }
  return parts.length === 0 ? '0s' : parts.join('');
}

/** In the largest unit that divides it: `64KiB`. */
export function formatSize(bytes: number): string {
  const [unit, unitBytes] = Object.entries(BYTES_PER_UNIT).findLast(([, size]) => bytes > 0 && bytes % size === 0) ?? ['B', 1];
  return `${bytes / unitBytes}${unit}`;
}
