// What did not come out as it should: the one way in which a play of a case fails. Says what was sent, expected and seen, for a report.

export interface Failure {
  /** Which play of the case: `over h2`, `the neighbour over http/1.1`, `step 3`. */
  readonly play: string;
  readonly sent: string;
  readonly expected: string;
  readonly seen: string;
}

/** Of anything that is shown: an answer's body may be megabytes. */
const MAX_SHOWN_CHARACTERS = 1_500;

export class Mismatch extends Error {
  readonly expected: string;
  readonly seen: string;

  constructor(expected: string, seen: unknown) {
    const shown = cut(typeof seen === 'string' ? seen : JSON.stringify(seen));
    super(`expected ${expected}; seen ${shown}`);
    this.name = 'Mismatch';
    this.expected = expected;
    this.seen = shown;
  }
}

export function expectThat(holds: boolean, expected: string, seen: unknown): void {
  if (!holds) throw new Mismatch(expected, seen);
}

export function expectEqual(seen: unknown, expected: unknown, what: string): void {
  const [one, other] = [JSON.stringify(seen), JSON.stringify(expected)];
  if (one !== other) throw new Mismatch(`${what}: ${cut(other ?? 'nothing')}`, one ?? 'nothing');
}

/** Printable, on as many lines as there are, of a bounded length. */
export function cut(text: string): string {
  const printable = text.replaceAll(/[^\x20-\x7e\n]/g, (character) =>
    character === '\r' ? '' : `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
  return printable.length > MAX_SHOWN_CHARACTERS ? `${printable.slice(0, MAX_SHOWN_CHARACTERS)}… (${text.length} characters)` : printable;
}
