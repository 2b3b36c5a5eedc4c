// Words for what stands in the settings file where something else should. Never repeats a value that may be a secret put in the wrong place.

/** Longer ones are keys, tokens or pasted files, and no message needs them. */
const MAX_SHOWN_CHARACTERS = 80;

/** Values under such keys are not shown: people put the secret itself where its name belongs. */
const SECRET_KEY = /(?:key|secret|token|password)$/i;
const SECRET_TEXT = /-----BEGIN|^eyJ|:\/\/[^/]*@|PRIVATE KEY|Bearer /;

export function describeFound(root: unknown, path: readonly PropertyKey[]): string {
  const value = path.reduce<unknown>((at, key) => (isIndexable(at) && Object.hasOwn(at, key) ? at[key] : undefined), root);
  if (value === undefined) return 'nothing';
  if (value === null) return 'an empty value';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a mapping';
  if (typeof value !== 'string') return JSON.stringify(value);
  return mayShow(value, String(path.at(-1) ?? '')) ? JSON.stringify(value) : `a text of ${value.length} characters`;
}

const PLAIN_KEY = /^[\w-]{1,40}$/;

/** `caSync.files.keyFile`. An unknown key may be anything that was pasted there. */
export function describePath(path: readonly PropertyKey[]): string {
  return path.map((key) => (PLAIN_KEY.test(String(key)) ? String(key) : `(a key of ${String(key).length} characters)`)).join('.');
}

function mayShow(value: string, key: string): boolean {
  return value.length <= MAX_SHOWN_CHARACTERS && !SECRET_KEY.test(key) && !SECRET_TEXT.test(value) && /^[\P{C}]*$/u.test(value);
}

function isIndexable(value: unknown): value is Record<PropertyKey, unknown> {
  return typeof value === 'object' && value !== null;
}
