// Label and field selectors in the grammar of Kubernetes (apimachinery pkg/labels/selector.go, pkg/fields/selector.go), as lists of requirements
// that must all hold. What does not parse there does not parse here; never evaluates a selector against an object.

export type SelectorOperator = '=' | '!=' | 'in' | 'notin' | 'exists' | '!' | '>' | '<';

export interface SelectorRequirement {
  readonly key: string;
  /** `==` is `=`. */
  readonly operator: SelectorOperator;
  readonly values: readonly string[];
}

/** RFC 1123 subdomain. */
const subdomain = /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*$/;
/** The part of a label key behind its prefix, and a label value that is not empty. */
const qualifiedName = /^(?=.{1,63}$)[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?$/;
/** Behind `<` and `>`: 64 bits without the sign, which no label value can have. */
const integer = /^[0-9]{1,18}$/;

/** One token: operators longest first, then words; or the end. A NUL, where Go's lexer would stop reading, belongs to none. */
const token = /[ \t\r\n]*(?:(?<mark>==|!=|[=!(),><]|[^ \t\r\n=!(),><\0]+)|$)/y;

interface Tokens {
  readonly list: readonly string[];
  at: number;
}

/** Null where kube-apiserver would answer 400. The empty selector is the empty list: everything. */
export function parseLabelSelector(text: string): readonly SelectorRequirement[] | null {
  const list = tokenize(text);
  if (list === null) return null;
  const tokens: Tokens = { list, at: 0 };
  const requirements: SelectorRequirement[] = [];
  while (tokens.at < list.length) {
    const requirement = parseRequirement(tokens);
    if (requirement === null) return null;
    requirements.push(requirement);
    if (tokens.at === list.length) break;
    // A comma, and something behind it.
    if (list[tokens.at] !== ',' || tokens.at + 1 === list.length) return null;
    tokens.at += 1;
  }
  return requirements;
}

function tokenize(text: string): string[] | null {
  const list: string[] = [];
  token.lastIndex = 0;
  for (;;) {
    const match = token.exec(text);
    if (match === null) return null;
    const mark = match.groups?.['mark'];
    if (mark === undefined) return list;
    list.push(mark);
  }
}

function isWord(mark: string | undefined): mark is string {
  return mark !== undefined && !/^[=!(),><]/.test(mark);
}

function parseRequirement(tokens: Tokens): SelectorRequirement | null {
  const negated = tokens.list[tokens.at] === '!';
  if (negated) tokens.at += 1;
  const key = tokens.list[tokens.at];
  if (!isWord(key) || !isLabelKey(key)) return null;
  tokens.at += 1;
  const next = tokens.list[tokens.at];
  const alone = next === undefined || next === ',';
  if (negated) return alone ? { key, operator: '!', values: [] } : null;
  if (alone) return { key, operator: 'exists', values: [] };
  tokens.at += 1;
  const operator = next === '==' ? '=' : next;
  switch (operator) {
    case 'in':
    case 'notin':
      return withValues(key, operator, parseSet(tokens));
    case '=':
    case '!=':
      return withValues(key, operator, parseExactValue(tokens));
    case '>':
    case '<': {
      const requirement = withValues(key, operator, parseExactValue(tokens));
      return requirement?.values.every((value) => integer.test(value)) === true ? requirement : null;
    }
    default:
      return null;
  }
}

function isLabelKey(key: string): boolean {
  const slash = key.indexOf('/');
  const prefix = key.slice(0, Math.max(slash, 0));
  return (slash === -1 || (prefix.length <= 253 && subdomain.test(prefix))) && qualifiedName.test(key.slice(slash + 1));
}

function isLabelValue(value: string): boolean {
  return value === '' || qualifiedName.test(value);
}

function withValues(key: string, operator: SelectorOperator, values: readonly string[] | null): SelectorRequirement | null {
  return values?.every(isLabelValue) === true ? { key, operator, values: [...new Set(values)].toSorted() } : null;
}

/** Behind `=`: a word, or nothing, which is the empty value. */
function parseExactValue(tokens: Tokens): readonly string[] | null {
  const mark = tokens.list[tokens.at];
  if (mark === undefined || mark === ',') return [''];
  if (!isWord(mark)) return null;
  tokens.at += 1;
  return [mark];
}

/** `(a,b)`; `()` and `(a,)` hold the empty value, as upstream reads them. */
function parseSet(tokens: Tokens): readonly string[] | null {
  if (tokens.list[tokens.at] !== '(') return null;
  tokens.at += 1;
  const values: string[] = [];
  for (;;) {
    const mark = tokens.list[tokens.at];
    if (isWord(mark)) {
      values.push(mark);
      tokens.at += 1;
    } else values.push('');
    const end = tokens.list[tokens.at];
    tokens.at += 1;
    if (end === ')') return values;
    if (end !== ',') return null;
  }
}

/** Null where kube-apiserver would answer 400. Keys are whatever the resource knows. Sorted as text, as upstream sorts the terms. */
export function parseFieldSelector(text: string): readonly SelectorRequirement[] | null {
  const requirements: SelectorRequirement[] = [];
  for (const term of splitFieldTerms(text).toSorted()) {
    const match = fieldTerm.exec(term)?.groups;
    const value = unescapeFieldValue(match?.['value'] ?? '');
    if (match === undefined || value === null) return null;
    requirements.push({ key: match['key'] ?? '', operator: match['operator'] === '!=' ? '!=' : '=', values: [value] });
  }
  return requirements;
}

/** The first operator in the term splits it. */
const fieldTerm = /^(?<key>[^=!]*(?:!(?!=)[^=!]*)*)(?<operator>!=|==?)(?<value>.*)$/s;

/** At commas that no backslash precedes; empty terms say nothing. */
function splitFieldTerms(text: string): readonly string[] {
  return text.match(/(?:\\.|[^\\,]|\\$)+/gs) ?? [];
}

/** Backslash, comma and equals sign are written with a backslash before them (fields.UnescapeValue). */
function unescapeFieldValue(value: string): string | null {
  if (!/^(?:[^\\,=]|\\[\\,=])*$/s.test(value)) return null;
  return value.replace(/\\([\\,=])/g, '$1');
}

/** The value that every selected object has in this field (fields.Selector RequiresExactMatch); null where the selector names none. */
export function exactFieldValue(requirements: readonly SelectorRequirement[], key: string): string | null {
  return requirements.find((one) => one.key === key && one.operator === '=')?.values[0] ?? null;
}

/** Whether the selector demands `key` to have exactly `value`, whatever else it demands: requirements only ever narrow. */
export function demands(requirements: readonly SelectorRequirement[], key: string, value: string): boolean {
  return requirements.some(
    (one) => one.key === key && (one.operator === '=' || one.operator === 'in') && one.values.length === 1 && one.values[0] === value,
  );
}
