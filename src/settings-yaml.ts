// The settings file as text: one plain YAML document and where in it each value stands. Refuses what makes a file mean something else than it
// shows (duplicate keys, anchors, tags, several documents); knows no key.

import { isAlias, isMap, isNode, isScalar, LineCounter, parseAllDocuments, visit } from 'yaml';
import type { Document, Node } from 'yaml';
import type { Problem } from './settings.ts';

export interface SettingsSource {
  readonly value: unknown;
  /** 1-based line of the value at this path; where there is none, of the key of its nearest ancestor. */
  readonly lineOf: (path: readonly PropertyKey[]) => number;
  /** 1-based line of the key itself. */
  readonly lineOfKey: (path: readonly PropertyKey[]) => number;
}

export type YamlVerdict =
  | { readonly ok: true; readonly source: SettingsSource }
  | { readonly ok: false; readonly problems: readonly Problem[] };

const MAX_YAML_PROBLEMS = 20;
const PLAIN_YAML = 'plain YAML: one document without anchors, aliases, tags or repeated keys';

export function readSettingsYaml(text: string): YamlVerdict {
  const lines = new LineCounter();
  const documents = parse(text, lines);
  if (!Array.isArray(documents)) return { ok: false, problems: [documents] };
  const lineAt = (offset: number): number => Math.max(1, lines.linePos(offset).line);
  const problems = documents.flatMap((document, index) => [
    ...[...document.errors, ...document.warnings].map((error) => problem(lineAt(error.pos[0]), sayError(error.code))),
    ...findIndirections(document, lineAt),
    ...(document.directives.yaml.explicit === true ? [problem(1, 'a directive (%)')] : []),
    ...(index === 1 ? [problem(lineAt(document.range[0]), 'a second document')] : []),
  ]);
  const document = documents[0];
  if (problems.length > 0) return { ok: false, problems: firstOfEachKind(problems) };
  if (document === undefined || document.contents === null) {
    return {
      ok: false,
      problems: [{ path: '', line: null, found: 'an empty file', expected: 'settings, as in countersign.example.yaml' }],
    };
  }
  return { ok: true, source: { value: document.toJS(), ...locate(document, lineAt) } };
}

function parse(text: string, lineCounter: LineCounter): Document.Parsed[] | Problem {
  try {
    const documents = parseAllDocuments(text, { lineCounter, prettyErrors: false, stringKeys: true, uniqueKeys: true, version: '1.2' });
    return 'empty' in documents ? [] : documents;
  } catch (error) {
    // Only nesting beyond the stack throws here; the rest is in `errors`.
    return {
      path: '',
      line: null,
      found: error instanceof RangeError ? 'nesting too deep to read' : 'text that is not YAML',
      expected: PLAIN_YAML,
    };
  }
}

/** Anchors, aliases and explicit tags: each can make the file mean something else than it shows. */
function findIndirections(document: Document.Parsed, lineAt: (offset: number) => number): Problem[] {
  const problems: Problem[] = [];
  visit(document, {
    Node: (_key, node: Node) => {
      const line = lineAt(node.range?.[0] ?? 0);
      if (isAlias(node)) problems.push(problem(line, 'an alias (*)'));
      else if (node.anchor !== undefined) problems.push(problem(line, 'an anchor (&)'));
      else if (node.tag !== undefined) problems.push(problem(line, 'a tag (!)'));
    },
  });
  return problems;
}

/** One mistake can make the parser stumble on each line that follows: one problem a kind and line, and no more than a person reads. */
function firstOfEachKind(problems: readonly Problem[]): Problem[] {
  return [...new Map(problems.map((one) => [`${one.line} ${one.found}`, one])).values()].slice(0, MAX_YAML_PROBLEMS);
}

function locate(document: Document.Parsed, lineAt: (offset: number) => number): Pick<SettingsSource, 'lineOf' | 'lineOfKey'> {
  const nodeAt = (path: readonly PropertyKey[]): unknown => (path.length === 0 ? document.contents : document.getIn(path, true));
  const lineOfKey = (path: readonly PropertyKey[]): number => {
    if (path.length === 0) return 1;
    const parent = nodeAt(path.slice(0, -1));
    const key = isMap(parent) ? parent.items.find((pair) => isScalar(pair.key) && pair.key.value === path.at(-1))?.key : undefined;
    return isNode(key) && key.range ? lineAt(key.range[0]) : lineOfKey(path.slice(0, -1));
  };
  const lineOf = (path: readonly PropertyKey[]): number => {
    const node = nodeAt(path);
    return isNode(node) && node.range ? lineAt(node.range[0]) : lineOfKey(path);
  };
  return { lineOf, lineOfKey };
}

/** Our own words for the parser's codes: its messages quote the text, which may be a secret. */
function sayError(code: string): string {
  if (code === 'DUPLICATE_KEY') return 'a key that is repeated';
  if (code === 'MULTIPLE_DOCS') return 'a second document';
  if (code === 'TAG_RESOLVE_FAILED') return 'a tag (!)';
  if (code === 'BAD_ALIAS') return 'an alias (*)';
  if (code === 'NON_STRING_KEY') return 'a key that is not a string';
  if (code === 'TAB_AS_INDENT') return 'a tab as indentation';
  return `text that is not YAML (${code.toLowerCase().replaceAll('_', ' ')})`;
}

function problem(line: number, found: string): Problem {
  return { path: '', line, found, expected: PLAIN_YAML };
}
