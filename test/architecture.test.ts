// The rules that hold the sources together, read from the sources themselves: who may import whom, how files are made, and that every answer and
// event is documented and used.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { faults, refusals } from '../src/errors.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

interface Source {
  /** From the project's root: `src/proxy/peer.ts`. */
  readonly path: string;
  /** The folder under src that owns it; '' for a root noun. */
  readonly part: string;
  readonly text: string;
  readonly imports: readonly string[];
}

const IMPORT = /(?:^|\n)\s*(?:import|export)\s[^;'"]*?from\s+'([^']+)'|(?:^|\n)import '([^']+)'|import\('([^']+)'\)/g;

function readSources(folder: string): readonly Source[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join(folder, name))
    .toSorted()
    .map((path) => {
      const text = readFileSync(join(root, path), 'utf8');
      const imports = [...text.matchAll(IMPORT)].map(([, from, bare, dynamic]) => from ?? bare ?? dynamic ?? '');
      return { path, part: path.split('/').length > 2 ? (path.split('/')[1] ?? '') : '', text, imports };
    });
}

const sources = readSources('src');

/** design.md §1: which parts a part may import besides itself and the root nouns. */
const allowedParts: Readonly<Record<string, readonly string[]>> = {
  'ca-sync': [],
  inspect: [],
  admin: [],
  demo: [],
  proxy: ['ca-sync', 'inspect'],
  cli: ['ca-sync', 'inspect', 'proxy', 'demo', 'admin', 'compliance'],
  compliance: ['ca-sync', 'inspect', 'proxy', 'demo', 'cli', 'admin'],
};

/** Roots that are more than nouns: the edge of the process and the composition root. */
const wiring: Readonly<Record<string, { readonly parts: readonly string[]; readonly importedFrom: readonly string[] }>> = {
  'src/main.ts': { parts: ['cli'], importedFrom: [] },
  'src/countersign.ts': { parts: ['admin', 'ca-sync', 'inspect', 'proxy'], importedFrom: ['cli', 'demo'] },
};

function findWrongArrows(all: readonly Source[]): string[] {
  return all.flatMap((source) =>
    source.imports
      .filter((specifier) => specifier.startsWith('.'))
      .flatMap((specifier) => {
        const target = normalize(join(dirname(source.path), specifier));
        const problem = judgeArrow(source, target);
        return problem === null ? [] : [`${source.path} -> ${target}: ${problem}`];
      }),
  );
}

function judgeArrow(source: Source, target: string): string | null {
  if (!target.startsWith('src/')) return 'leaves src';
  const isRoot = target.split('/').length === 2;
  if (isRoot) {
    const wired = wiring[target];
    return wired === undefined || wired.importedFrom.includes(source.part) ? null : 'only an edge may import what wires';
  }
  const [, part = '', ...rest] = target.split('/');
  if (part === source.part) return null;
  const allowed = source.part === '' ? (wiring[source.path]?.parts ?? []) : (allowedParts[source.part] ?? []);
  if (!allowed.includes(part)) return `${source.part === '' ? 'this root' : source.part} may not import ${part}`;
  return rest.join('/') === `${part}.ts` ? null : `only the front door ${part}/${part}.ts may be imported from outside`;
}

test('the sources are there to be judged', () => {
  assert.ok(sources.length > 20);
  assert.ok(sources.some(({ imports }) => imports.includes('node:tls')));
});

test('every import follows an arrow of the design', () => {
  assert.deepEqual(findWrongArrows(sources), []);
});

test('a wrong arrow is found', () => {
  const wrong: readonly (readonly [string, string])[] = [
    ['src/ca-sync/ca-sync.ts', '../proxy/proxy.ts'],
    ['src/inspect/inspect.ts', '../ca-sync/ca-sync.ts'],
    ['src/proxy/proxy.ts', '../ca-sync/signer.ts'],
    ['src/proxy/proxy.ts', '../countersign.ts'],
    ['src/clock.ts', './cli/cli.ts'],
    ['src/cli/cli.ts', '../../test/pki.ts'],
    ['src/newpart/newpart.ts', '../proxy/proxy.ts'],
  ];
  for (const [path, specifier] of wrong) {
    const part = path.split('/').length > 2 ? (path.split('/')[1] ?? '') : '';
    assert.equal(findWrongArrows([{ path, part, text: '', imports: [specifier] }]).length, 1, `${path} -> ${specifier}`);
  }
});

test('imports of every form are read', () => {
  const text = `import a from './a.ts';\nimport type { B,\n  C } from './b.ts';\nexport { d } from './d.ts';\nimport './e.ts';\nconst f = await import('./f.ts');\n`;
  const found = [...text.matchAll(IMPORT)].map(([, from, bare, dynamic]) => from ?? bare ?? dynamic);
  assert.deepEqual(found, ['./a.ts', './b.ts', './d.ts', './e.ts', './f.ts']);
});

test('judgement is pure: no sockets, files, timers, clock or randomness', () => {
  const rotation = [
    'candidate',
    'hub-opinion',
    'review-answer',
    'rotation',
    'signer-window',
    'sync-state',
    'trust-following',
    'usable-generations',
  ];
  const decisions = ['src/chain.ts', 'src/identity.ts', 'src/leaf.ts', ...rotation.map((name) => `src/ca-sync/${name}.ts`)];
  const pureModules = [
    'node:buffer',
    'node:crypto',
    'node:util',
    '@bufbuild/cel',
    '@bufbuild/cel/ext',
    'protobufjs/light.js',
    'yaml',
    'zod',
  ];
  const pure = sources.filter(({ part, path }) => part === 'inspect' || decisions.includes(path));
  assert.ok(pure.length > decisions.length);
  for (const { path, imports, text } of pure) {
    const impure = imports.filter((specifier) => !specifier.startsWith('.') && !pureModules.includes(specifier));
    assert.deepEqual(impure, [], path);
    assert.doesNotMatch(
      text,
      /\b(?:setTimeout|setInterval|setImmediate|Date\.now|performance\.now|Math\.random|random(?:Bytes|UUID|Int)|fetch)\b|new Date\(\)/,
      path,
    );
  }
});

test('the environment is read at the edge only', () => {
  const readers = sources.filter(({ text }) => /\bprocess\.env\b/.test(text)).map(({ path }) => path);
  assert.deepEqual(
    readers.filter((path) => !(path in wiring)),
    [],
  );
});

test('reflect-metadata is imported in one file, before the library that needs it', () => {
  const importers = sources.filter(({ imports }) => imports.includes('@peculiar/x509') || imports.includes('reflect-metadata'));
  assert.ok(importers.length <= 1, importers.map(({ path }) => path).join(', '));
  for (const { imports, path } of importers) {
    assert.ok(imports.includes('reflect-metadata') && imports.indexOf('reflect-metadata') < imports.indexOf('@peculiar/x509'), path);
  }
});

test('every file opens with one to four lines that say what it owns, and is short', () => {
  for (const { path, text } of sources) {
    const lines = text.split('\n').filter((line) => !line.startsWith('#!'));
    const opening = lines.findIndex((line) => !line.startsWith('//'));
    assert.ok(opening >= 1 && opening <= 4, `${path} opens with ${opening} comment lines`);
    assert.ok(lines.length <= 301, `${path} has ${lines.length} lines`);
    assert.doesNotMatch(path, /\/(?:utils?|helpers?|managers?|types|index|common|misc)\.ts$/, path);
  }
});

test('main.ts is an edge only', () => {
  const main = sources.find(({ path }) => path === 'src/main.ts');
  assert.ok(main !== undefined && main.text.split('\n').length < 80);
});

test('every answer that Countersign makes is documented, and made somewhere', () => {
  const documented = readFileSync(join(root, 'docs/answers.md'), 'utf8');
  const rows = new Map([...documented.matchAll(/^\| `([a-z-]+)` \| (\d{3}) \|/gm)].map(([, name = '', code]) => [name, Number(code)]));
  const expected = Object.entries({ ...refusals, ...faults }).map(([name, { status }]) => [name, status]);
  assert.deepEqual(Object.fromEntries(rows), Object.fromEntries(expected));
  const elsewhere = sources.filter(({ path }) => path !== 'src/errors.ts').map(({ text }) => text);
  const orphans = [...Object.keys(refusals), ...Object.keys(faults)].filter(
    (name) => !elsewhere.some((text) => text.includes(`'${name}'`)),
  );
  assert.deepEqual(orphans, []);
});

test('every event of the log is written somewhere', () => {
  const table = readFileSync(join(root, 'src/events.ts'), 'utf8');
  const names = [...table.matchAll(/^ {2}'([a-z-]+)': \{\s*level:/gm)].map(([, name = '']) => name);
  assert.ok(names.length > 20);
  const elsewhere = sources.filter(({ path }) => path !== 'src/events.ts').map(({ text }) => text);
  assert.deepEqual(
    names.filter((name) => !elsewhere.some((text) => text.includes(`'${name}'`))),
    [],
  );
});

test('every limit of the settings is enforced by the data path', () => {
  const schema = readFileSync(join(root, 'src/settings.ts'), 'utf8');
  const declaration = /export interface LimitSettings \{([^}]*)\}/.exec(schema)?.[1] ?? '';
  const limits = [...declaration.matchAll(/readonly (\w+):/g)].map(([, name = '']) => name);
  assert.ok(limits.length >= 15);
  const dataPath = sources.filter(({ part }) => part === 'proxy' || part === 'inspect').map(({ text }) => text);
  assert.deepEqual(
    limits.filter((name) => !dataPath.some((text) => text.includes(`.${name}`))),
    [],
  );
});
