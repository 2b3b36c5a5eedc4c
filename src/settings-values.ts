// The kinds of values that settings are made of, each with the sentence that says what it may be. Knows no key.

import { CronTime } from 'cron';
import { z } from 'zod';
import { parseDuration, parseRate, parseSize } from './quantity.ts';

/** A mapping with exactly these keys; any other is an error that names them. */
export function section<Shape extends z.ZodRawShape>(shape: Shape): z.ZodObject<Shape, z.core.$strict> {
  const keys = Object.keys(shape).join(', ');
  return z.strictObject(shape, { error: (issue) => (issue.code === 'unrecognized_keys' ? `one of ${keys}` : `a mapping of ${keys}`) });
}

export function text(expected: string, isValid: (value: string) => boolean): z.ZodType<string, string> {
  return z.string({ error: expected }).refine(isValid, { error: expected });
}

export function oneOf<const Name extends string>(names: readonly Name[]): z.ZodEnum<{ [K in Name]: K }> {
  return z.enum(names, { error: names.length === 1 ? `${names[0]}` : `one of ${names.join(', ')}` });
}

export function count(least: number, most: number): z.ZodType<number, number> {
  const error = `a whole number from ${least} to ${most}`;
  return z.int({ error }).min(least, { error }).max(most, { error });
}

/** In milliseconds. */
export function duration(least: string, most: string): z.ZodType<number, string> {
  return quantity(
    parseDuration,
    [milliseconds(least), milliseconds(most)],
    `a duration such as 90s, 5m or 1m30s, from ${least} to ${most}`,
  );
}

/** In bytes. */
export function size(least: string, most: string): z.ZodType<number, string> {
  return quantity(parseSize, [bytes(least), bytes(most)], `a size such as 64KiB or 3MiB, from ${least} to ${most}`);
}

/** In events per second. */
export function rate(least: string, most: string): z.ZodType<number, string> {
  return quantity(parseRate, [perSecond(least), perSecond(most)], `a rate such as 60/s, 30/m or 10/h, from ${least} to ${most}`);
}

function quantity(
  parse: (value: string) => number | null,
  [least, most]: readonly [number, number],
  expected: string,
): z.ZodType<number, string> {
  return z.string({ error: expected }).transform((value, context) => {
    const amount = parse(value);
    if (amount !== null && amount >= least && amount <= most) return amount;
    context.addIssue({ code: 'custom', message: expected });
    return z.NEVER;
  });
}

/** For literals in this program: a duration that does not parse is a mistake in the code. */
export function milliseconds(literal: string): number {
  return known(parseDuration(literal), literal);
}

export function bytes(literal: string): number {
  return known(parseSize(literal), literal);
}

export function perSecond(literal: string): number {
  return known(parseRate(literal), literal);
}

function known(amount: number | null, literal: string): number {
  if (amount === null) throw new TypeError(`not a quantity: ${literal}`);
  return amount;
}

/** Names as Kubernetes has them: RFC 1123 label and subdomain. */
const LABEL = /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/;
const SUBDOMAIN = /^(?=.{1,253}$)[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*$/;

export const namespaceName: z.ZodType<string, string> = text('a namespace name', (name) => LABEL.test(name));
export const objectName: z.ZodType<string, string> = text('the name of a Kubernetes object', (name) => SUBDOMAIN.test(name));

/** A path that Node can open; `~` would be taken literally, which nobody who writes it means. */
export function isFilePath(name: string): boolean {
  return name !== '' && name !== '-' && !name.startsWith('~') && !name.includes('\0');
}

const LONGEST_SCHEDULE_CHARACTERS = 256;

/** Parses, and comes round: `0 0 31 2 *` parses, but there is no such day, and `cron` throws when asked for the next one. */
export function isSchedule(expression: string): boolean {
  if (expression.length > LONGEST_SCHEDULE_CHARACTERS) return false;
  try {
    new CronTime(expression).getNextDateFrom(new Date(0));
    return true;
  } catch {
    return false;
  }
}
