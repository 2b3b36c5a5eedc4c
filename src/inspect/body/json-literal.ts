// Single numbers and strings of JSON, from their text to their value. Knows nothing of documents.

const LEAST_INT64 = -(2n ** 63n);
const MOST_INT64 = 2n ** 63n - 1n;

/** `literal` is a number by the grammar of JSON; what comes of it is said at JsonValue in json.ts. */
export function readNumber(literal: string): number | bigint {
  const rounded = Number(literal);
  if (Number.isSafeInteger(rounded) || !/^-?[0-9]+$/.test(literal)) return rounded;
  const exact = BigInt(literal);
  return exact >= LEAST_INT64 && exact <= MOST_INT64 ? exact : rounded;
}

/** A JSON string, or null where it is none. */
export function readStringLiteral(literal: string): string | null {
  try {
    return JSON.parse(literal) as string;
  } catch {
    return null;
  }
}
