// docs/runbook.md held to the program: a section for each alert with everything that is asked at night, commands that a shell can read, and no
// event, code, setting of the status or metric that does not exist.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { test } from 'node:test';
import { alertNames } from '../../src/admin/alert-table.ts';
import { faults, refusals } from '../../src/errors.ts';
import { readDocumentedMetrics, readProjectFile } from './documented-metrics.ts';

const page = readProjectFile('docs/runbook.md');
const sections = new Map(
  page
    .split(/^## /m)
    .slice(1)
    .map((section) => [section.slice(0, section.indexOf('\n')), section]),
);

/** In this order; two of them may share a paragraph. */
const LEADS = 'what it means what the fleet feels how to look how to mend when to escalate';

interface Block {
  readonly line: number;
  readonly text: string;
}

/** Also those in a list, which stand indented. */
const blocks: readonly Block[] = [...page.matchAll(/^( *)```sh\n([^]*?)^\1```$/gm)].map((match) => ({
  line: page.slice(0, match.index).split('\n').length + 1,
  text: match[2] ?? '',
}));

function readSources(folder: string): string {
  return readdirSync(fileURLToPath(new URL(`../../${folder}`, import.meta.url)), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => readProjectFile(`${folder}/${name}`))
    .join('\n');
}

test('every alert has a section, and every section but the first is about an alert', () => {
  assert.deepEqual([...sections.keys()], ['Before you start', ...alertNames]);
});

test('every section says what it means, what hurts, how to look, how to mend and when to escalate', () => {
  for (const name of alertNames) {
    const text = sections.get(name) ?? '';
    const leads = [...text.matchAll(/^\*\*(What|How|When)([^*]+)\*\*/gm)].map(([, first = '', rest = '']) => `${first}${rest}`);
    assert.equal(leads.join(' ').replaceAll(/[.,]/g, '').toLowerCase(), LEADS, name);
    assert.match(text, /```sh\n/, name);
  }
});

test('a shell can read every command', () => {
  assert.ok(blocks.length >= 20);
  for (const { line, text } of blocks) {
    const { status, stderr } = spawnSync('bash', ['-n'], { input: text, encoding: 'utf8' });
    assert.equal(status, 0, `docs/runbook.md:${line}: ${stderr}`);
  }
});

test('no command writes out a whole Secret', () => {
  for (const { line, text } of blocks) {
    const commands = text.replaceAll('\\\n', ' ').split('\n');
    const careless = commands.filter((command) => /get secrets? /.test(command) && !command.includes(String.raw`tls\.crt`));
    assert.deepEqual(careless, [], `docs/runbook.md:${line}`);
  }
});

test('every command looks for a Secret of the signers where the hub has it', () => {
  const operator = 'openshift-kube-controller-manager-operator';
  const homes: Readonly<Record<string, readonly string[]>> = {
    'csr-signer': [operator, 'openshift-kube-controller-manager'],
    'csr-signer-signer': [operator],
  };
  const commands = blocks.flatMap(({ text }) => text.replaceAll('\\\n', ' ').split('\n'));
  const about = commands.flatMap((command) => {
    const [, namespace = '', names = ''] = /-n (\S+) (?:get|annotate|delete) secret ((?:csr-signer\S*\s?)+)/.exec(command) ?? [];
    return names.split(/\s+/).flatMap((name) => (name === '' ? [] : [{ command, namespace, name }]));
  });
  assert.ok(about.length >= 6);
  assert.deepEqual(
    about.filter(({ namespace, name }) => homes[name]?.includes(namespace) !== true),
    [],
  );
});

test('every event, code, rule and reason that it names is one of the program', () => {
  const sources = readSources('src');
  const events = [...page.matchAll(/\.event == "([a-z-]+)"/g)].map(([, event = '']) => event).filter((event) => event !== 'request');
  assert.ok(events.length >= 5);
  const codes = [...page.matchAll(/^\| ((?:`[a-z-]+`(?:, )?)+) \|/gm)].flatMap(([, cell = '']) => cell.match(/[a-z-]+/g) ?? []);
  assert.ok(codes.length >= 20);
  const reasons = [...page.matchAll(/^\| "([^"]+)" \|/gm)].map(([, reason = '']) => reason);
  assert.ok(reasons.length >= 4);
  const missing = [
    ...events.filter((event) => !sources.includes(`'${event}'`)),
    ...codes.filter((code) => !sources.includes(`'${code}'`)),
    ...reasons.filter((reason) => !sources.includes(reason)),
  ];
  assert.deepEqual(missing, []);
  const known = new Set([...Object.keys(refusals), ...Object.keys(faults)]);
  const named = [...page.matchAll(/(?:401, |503, cause |503\s+\()`([a-z-]+)`/g)].map(([, name = '']) => name);
  assert.ok(named.length >= 5);
  assert.deepEqual(
    named.filter((name) => !known.has(name)),
    [],
  );
});

test('every metric that it names exists, and every link leads somewhere', () => {
  const known = new Set(readDocumentedMetrics().map(({ name }) => name));
  const metrics = [...page.matchAll(/\bcountersign_[a-z_]+/g)].map(([name]) => name);
  assert.ok(metrics.length >= 2);
  assert.deepEqual(
    metrics.filter((name) => !known.has(name)),
    [],
  );
  const anchors = new Set([...sections.keys()].map((name) => name.toLowerCase().replaceAll(' ', '-')));
  const links = [...page.matchAll(/\]\(#([^)]+)\)/g)].map(([, anchor = '']) => anchor);
  assert.ok(links.length >= 10);
  assert.deepEqual(
    links.filter((anchor) => !anchors.has(anchor)),
    [],
  );
});

test('every field of the status that it asks for is one', () => {
  const status = readProjectFile('src/admin/status.ts');
  const fields = blocks
    .flatMap(({ text }) => text.split('\n').filter((line) => line.includes('/status |')))
    .flatMap((line) => [...(line.split('| jq')[1] ?? '').matchAll(/\.([a-zA-Z]+)/g)].map(([, field = '']) => field));
  assert.ok(fields.length >= 20);
  assert.deepEqual(
    fields.filter((field) => !new RegExp(`readonly ${field}\\??:`).test(status)),
    [],
  );
});
