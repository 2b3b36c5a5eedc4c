// How times, spans, amounts and foreign names are said to people, on the page and in a terminal. All times are UTC.

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
export const DAY_MS: number = 24 * HOUR_MS;

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'] as const;

/** Two units at most: `14 d 3 h`, `3 h 12 min`, `48 s`. The sign is left out. */
export function sayDuration(ms: number): string {
  const span = Math.abs(ms);
  if (span >= 100 * DAY_MS) return `${count(Math.floor(span / DAY_MS))} d`;
  if (span >= DAY_MS) return pair(span, [DAY_MS, 'd'], [HOUR_MS, 'h']);
  if (span >= HOUR_MS) return pair(span, [HOUR_MS, 'h'], [MINUTE_MS, 'min']);
  if (span >= MINUTE_MS) return `${Math.floor(span / MINUTE_MS)} min`;
  return `${Math.floor(span / SECOND_MS)} s`;
}

function pair(span: number, [great, greatUnit]: readonly [number, string], [small, smallUnit]: readonly [number, string]): string {
  const rest = Math.floor((span % great) / small);
  return `${Math.floor(span / great)} ${greatUnit}${rest === 0 ? '' : ` ${rest} ${smallUnit}`}`;
}

/** For sentences: `14 days`, `31 hours`, `1 minute`. */
export function sayLongDuration(ms: number): string {
  const span = Math.abs(ms);
  if (span >= 2 * DAY_MS) return plural(Math.floor(span / DAY_MS), 'day');
  if (span >= 2 * HOUR_MS) return plural(Math.floor(span / HOUR_MS), 'hour');
  if (span >= MINUTE_MS) return plural(Math.floor(span / MINUTE_MS), 'minute');
  return 'less than a minute';
}

export function sayAgo(ms: number): string {
  return ms < SECOND_MS ? 'just now' : `${sayDuration(ms)} ago`;
}

/** `14 d 3 h left`, or since when it is over. */
export function sayLeft(endMs: number, nowMs: number): string {
  return endMs > nowMs ? `${sayDuration(endMs - nowMs)} left` : `ended ${sayAgo(nowMs - endMs)}`;
}

/** `8 Dec 2026`. */
export function sayDay(ms: number): string {
  const date = new Date(ms);
  return `${sayShortDay(ms)} ${date.getUTCFullYear()}`;
}

/** `8 Dec`. */
export function sayShortDay(ms: number): string {
  const date = new Date(ms);
  return `${date.getUTCDate()} ${MONTHS[date.getUTCMonth()] ?? ''}`;
}

/** `8 Dec 2026, 14:03`. */
export function sayMoment(ms: number): string {
  return `${sayDay(ms)}, ${new Date(ms).toISOString().slice(11, 16)}`;
}

/** `14:03:22`. */
export function sayTimeOfDay(ms: number): string {
  return new Date(ms).toISOString().slice(11, 19);
}

/** `1,204`. */
export function count(value: number): string {
  return value.toLocaleString('en-US', { maximumFractionDigits: 0 });
}

/** `1 day`, `2 days`. */
export function plural(value: number, noun: string): string {
  return `${count(value)} ${noun}${value === 1 ? '' : 's'}`;
}

/** Names come from certificates: one that turns the direction of writing around, or hides itself, would read as another name. */
export function plainText(text: string): string {
  return text
    .replaceAll(/[\t\n\r]+/g, ' ')
    .replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`);
}
