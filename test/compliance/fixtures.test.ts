// The cases that come with Countersign: that they are read, that none is malformed, and that nothing which is promised or refused is without one.

import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { caseJsonSchema, loadCases, promises, tagsOf } from '../../src/compliance/compliance.ts';
import type { LoadVerdict } from '../../src/compliance/compliance.ts';
import { faults, refusals } from '../../src/errors.ts';

const everything: Parameters<typeof loadCases>[1] = { ids: [], tags: [], promises: [] };

async function loadAll(): Promise<Extract<LoadVerdict, { ok: true }>['loaded']> {
  const verdict = await loadCases([], everything);
  assert.ok(verdict.ok, verdict.ok ? '' : verdict.problems.join('\n'));
  return verdict.loaded;
}

const { cases } = await loadAll();
const applicable = cases.filter(({ notApplicable }) => notApplicable === null);

/** Of all expectations of a case: those of its neighbour show nothing refused. */
function expectationsOf({
  when,
}: (typeof cases)[number]): readonly { readonly rule?: string | undefined; readonly cause?: string | undefined }[] {
  if (when.kind === 'request') return [when.expected];
  return when.steps.flatMap((step) => (step.kind === 'ask' ? [step.ask.expected] : []));
}

const shown = new Set(applicable.flatMap(expectationsOf).flatMap(({ rule, cause }) => [rule, cause]));

/** What no case can show, and why. */
const beyondCases: Readonly<Record<string, string>> = {
  draining: 'who would be told is cut off by then: the cases of draining show how',
  internal: 'a mistake in Countersign; a run fails over any that its log names',
  'body-incomplete': 'the HTTP parsers end such a message first: cases h1-body-cut-short and h2-length-that-is-wrong',
};

test('there are at least 250 cases, and each has a name of its own', () => {
  assert.ok(applicable.length >= 250, `${applicable.length}`);
  assert.equal(new Set(cases.map(({ id }) => id)).size, cases.length);
});

test('every promise has a case', () => {
  const kept = new Set(applicable.map(({ promise }) => promise));
  assert.deepEqual(
    Object.keys(promises).filter((id) => !kept.has(id as keyof typeof promises)),
    [],
  );
});

test('every rule by which a request is refused has a case', () => {
  const without = Object.keys(refusals).filter((rule) => !shown.has(rule) && !(rule in beyondCases));
  assert.deepEqual(without, []);
});

test('every fault that is answered has a case', () => {
  const without = Object.keys(faults).filter((cause) => !shown.has(cause) && !(cause in beyondCases));
  assert.deepEqual(without, []);
});

test('what is said to be beyond cases is not shown by one after all', () => {
  assert.deepEqual(
    Object.keys(beyondCases).filter((name) => shown.has(name)),
    [],
  );
});

test('every threat that a rule about requests can stop has a case', () => {
  const threats = new Set(applicable.map(({ threat }) => threat));
  // T23 is a way around the proxy, which the network closes.
  const expected = Array.from({ length: 22 }, (_, at) => `T${at + 1}`);
  assert.deepEqual(
    expected.filter((threat) => !threats.has(threat)),
    [],
  );
});

test('the tests of every pack are cases', () => {
  const packs = new Set(cases.filter(({ id }) => id.startsWith('pack/')).map(({ id }) => id.split('/')[1]));
  assert.equal(packs.size, 14);
  assert.ok(tagsOf(cases.find(({ id }) => id.startsWith('pack/klusterlet/')) ?? assert.fail()).includes('packs'));
});

test('fixtures/case.schema.json is what countersign compliance --schema prints', async () => {
  const file = fileURLToPath(new URL('../../fixtures/case.schema.json', import.meta.url));
  assert.deepEqual(JSON.parse(await readFile(file, 'utf8')), caseJsonSchema());
});

test('what is wrong in case files is named with file and line, all of it at once', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-cases-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const given = 'given: { identity: { kind: klusterlet, cluster: cluster1 } }';
  const files: Readonly<Record<string, string>> = {
    'a.yaml': `id: a\npromise: world-peace\nshows: a sentence that is long enough\n${given}\nwhen: { request: GET }\nthen: { reachesHub: true }\nextra: 1\n`,
    'b.yaml': `id: other\npromise: bounded\nshows: a sentence that is long enough\n${given}\nwhen: { request: GET / }\nthen: { reachesHub: true }\n`,
    'c.yaml': 'id: c\n  promise: &x bounded\n',
    'd.yaml': `id: d\npromise: bounded\nshows: a refusal without a neighbour\n${given}\nwhen: { request: GET / }\nthen: { status: 403, rule: policy-denied, reachesHub: false }\n`,
    'e.yaml': `id: e\npromise: bounded\nshows: a recipe that is not there\ngiven: { identity: { kind: recipe, recipe: nowhere } }\nwhen: { request: GET / }\nthen: { reachesHub: true }\n`,
    'f.yaml': `id: f\npromise: bounded\nshows: a status that is not documented\n${given}\nwhen: { request: GET / }\nthen: { status: 400, rule: policy-denied, reachesHub: false }\nneighbour: { when: { request: GET /, raw: x }, then: { reachesHub: true } }\n`,
  };
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
  const verdict = await loadCases([folder], everything);
  assert.ok(!verdict.ok);
  const all = verdict.problems.join('\n');
  for (const expected of [
    /a\.yaml:2: promise: found "world-peace"; expected one of same-identity,/,
    /a\.yaml:5: when\.request: found "GET"; expected METHOD target/,
    /a\.yaml:7: extra: found a key that is not known/,
    /b\.yaml:1: id: found other; expected the name of the file/,
    /c\.yaml:\d: /,
    /d\.yaml:1: .*a neighbour/,
    /e\.yaml: there is no certificate recipe nowhere/,
    /f\.yaml:6: then: .*status: 403/,
    /f\.yaml:7: neighbour\.when: .*exactly one of request/,
  ])
    assert.match(all, expected);
});

test('cases are chosen by id, by threat, by promise and by folder, and a name that is not known is an error', async () => {
  const chosen = async (selection: Partial<typeof everything>): Promise<readonly string[]> => {
    const verdict = await loadCases([], { ...everything, ...selection });
    return verdict.ok ? verdict.loaded.cases.map(({ id }) => id) : verdict.problems;
  };
  assert.deepEqual(await chosen({ ids: ['seed-scenario'] }), ['seed-scenario']);
  assert.ok((await chosen({ tags: ['T22'] })).includes('let-back-in'));
  assert.ok((await chosen({ promises: ['draining'] })).every((id) => !id.startsWith('pack/')));
  assert.ok((await chosen({ tags: ['protocol'], promises: ['bounded'] })).length > 3);
  assert.deepEqual(await chosen({ ids: ['nowhere'] }), ['there is no case nowhere']);
  assert.deepEqual(await chosen({ tags: ['nothing'] }), ['no case is of that kind']);
});
