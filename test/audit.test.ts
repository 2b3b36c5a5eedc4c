// The audit trail meets real files, a full disk (/dev/full) and pipes that nobody reads.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rename, rm, stat, symlink, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { openAudit } from '../src/audit.ts';
import type { AuditLine, RequestLine } from '../src/audit.ts';
import { systemClock } from '../src/clock.ts';
import type { EventName, Log } from '../src/events.ts';

let folder = '';
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'countersign-audit-'));
});
after(() => rm(folder, { recursive: true, force: true }));

function recordingLog(): Log & { readonly names: EventName[] } {
  const names: EventName[] = [];
  return { names, event: (name) => void names.push(name) };
}

const refused = (detail: string): AuditLine => ({ event: 'issue-refused', clientCertificateSHA256: 'ab', rule: 'subject-grammar', detail });

const request = (verdict: RequestLine['verdict']): AuditLine => ({
  event: 'request',
  auditID: 'f3a1',
  user: 'system:open-cluster-management:cluster1:agent',
  cluster: 'cluster1',
  method: 'GET',
  path: '/apis/coordination.k8s.io/v1/namespaces/cluster1/leases/managed-cluster-lease',
  verb: 'get',
  apiGroup: 'coordination.k8s.io',
  resource: 'leases',
  subresource: null,
  namespace: 'cluster1',
  name: 'managed-cluster-lease',
  contentType: null,
  verdict,
  rule: verdict === 'deny' ? 'identity-header' : null,
  code: verdict === 'deny' ? 400 : 200,
  durationMs: 3,
  detail: null,
});

interface ReadLine {
  readonly time: string;
  readonly event: string;
  readonly detail?: string;
  readonly verdict?: string;
  readonly lines?: number;
}

async function readLines(file: string): Promise<ReadLine[]> {
  const text = await readFile(file, 'utf8');
  assert.ok(text === '' || text.endsWith('\n'), 'the last line is whole');
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as ReadLine);
}

test('appends whole lines to a file that only its owner can read', async () => {
  const file = join(folder, 'plain.jsonl');
  for (const detail of ['first', 'second']) {
    const audit = await openAudit({ file, requests: 'denied' }, { clock: systemClock, log: recordingLog() });
    audit.write(refused(detail));
    await audit.close();
  }
  assert.deepEqual(
    (await readLines(file)).map(({ event, detail }) => [event, detail]),
    [
      ['issue-refused', 'first'],
      ['issue-refused', 'second'],
    ],
  );
  assert.equal((await stat(file)).mode & 0o777, 0o600);
  for (const { time } of await readLines(file)) assert.match(time, /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
});

test('leaves allowed requests out unless all are asked for', async () => {
  for (const [requests, verdicts] of [
    ['denied', ['would-deny', 'deny']],
    ['all', ['allow', 'would-deny', 'deny']],
  ] as const) {
    const file = join(folder, `requests-${requests}.jsonl`);
    const audit = await openAudit({ file, requests }, { clock: systemClock, log: recordingLog() });
    for (const verdict of ['allow', 'would-deny', 'deny'] as const) audit.write(request(verdict));
    await audit.close();
    assert.deepEqual(
      (await readLines(file)).map(({ verdict }) => verdict),
      verdicts,
    );
  }
});

test('keeps one line one line, whatever a certificate or a request puts into it', async () => {
  const file = join(folder, 'hostile.jsonl');
  const audit = await openAudit({ file, requests: 'denied' }, { clock: systemClock, log: recordingLog() });
  const hostile = 'a\nb\r\u0000\u001b[2J\u007f\u0085\u009b\u2028\u2029"\ud800';
  audit.write(refused(hostile));
  audit.write(refused('x'.repeat(1_000_000)));
  await audit.close();
  const text = await readFile(file, 'utf8');
  // oxlint-disable-next-line no-control-regex -- looking for exactly these
  assert.doesNotMatch(text, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028\u2029]/);
  const [first, second] = await readLines(file);
  assert.equal(first?.detail, hostile);
  assert.ok((second?.detail?.length ?? 0) < 10_000, 'a text is cut to its bound');
});

test('goes on in a new file after logrotate has moved the old one, with every line whole and none lost', async () => {
  const file = join(folder, 'rotated.jsonl');
  const log = recordingLog();
  const audit = await openAudit({ file, requests: 'denied' }, { clock: systemClock, log });
  for (let index = 0; index < 2_000; index += 1) audit.write(refused(`${index}`));
  await rename(file, `${file}.1`);
  const reopened = audit.reopen();
  for (let index = 2_000; index < 4_000; index += 1) audit.write(refused(`${index}`));
  await reopened;
  audit.write(refused('4000'));
  await audit.close();
  const [old, current] = [await readLines(`${file}.1`), await readLines(file)];
  assert.ok(current.length > 0);
  assert.deepEqual(
    [...old, ...current].map(({ detail }) => detail),
    Array.from({ length: 4_001 }, (_, index) => `${index}`),
  );
  assert.deepEqual(log.names, ['audit-reopened']);
});

test('goes on with the open file when the new one cannot be opened', async () => {
  const file = join(folder, 'kept.jsonl');
  const log = recordingLog();
  const audit = await openAudit({ file, requests: 'denied' }, { clock: systemClock, log });
  await rename(file, `${file}.1`);
  await mkdir(file);
  await audit.reopen();
  audit.write(refused('kept'));
  await audit.close();
  assert.deepEqual(log.names, ['audit-reopen-failed']);
  assert.deepEqual(
    (await readLines(`${file}.1`)).map(({ detail }) => detail),
    ['kept'],
  );
});

test('does not start without the file it is asked to write', async () => {
  const file = join(folder, 'no-such-folder', 'audit.jsonl');
  await assert.rejects(openAudit({ file, requests: 'denied' }, { clock: systemClock, log: recordingLog() }), /ENOENT/);
});

test('keeps a bounded number of lines while the disk is full, and writes down how many were lost', async () => {
  const [file, real] = [join(folder, 'full.jsonl'), join(folder, 'real.jsonl')];
  await symlink('/dev/full', file);
  const log = recordingLog();
  const audit = await openAudit({ file, requests: 'denied' }, { clock: systemClock, log });
  const written = 12_000;
  for (let index = 0; index < written; index += 1) audit.write(refused(`${index} ${'x'.repeat(1_000)}`));
  await until(() => log.names.includes('audit-failed'));
  assert.ok(log.names.includes('audit-lost'));
  await unlink(file);
  await writeFile(real, '');
  await symlink(real, file);
  await audit.reopen();
  await until(() => log.names.includes('audit-recovered'));
  await audit.close();
  const lines = await readLines(real);
  const lost = lines.filter(({ event }) => event === 'lost').reduce((sum, line) => sum + (line.lines ?? 0), 0);
  assert.ok(lost > 0);
  const kept = lines.filter(({ event }) => event === 'issue-refused');
  assert.equal(kept.length + lost, written);
  assert.equal(kept[0]?.detail?.split(' ')[0], '0');
});

test('a reader of standard output that stops neither blocks the event loop nor keeps the process from ending', async () => {
  const child = spawn(process.execPath, ['--input-type=module-typescript', '--eval', stuckReaderProgram], {
    cwd: new URL('..', import.meta.url),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const startedAt = performance.now();
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  const [code] = (await once(child, 'exit')) as [number | null];
  child.stdout.destroy();
  assert.equal(code, 0, said);
  assert.match(said, /the loop runs/);
  assert.match(said, /audit-lost/);
  assert.ok(performance.now() - startedAt < 60_000);
});

const stuckReaderProgram = `
import { openAudit } from './src/audit.ts';
import { systemClock } from './src/clock.ts';
const log = { event: (name) => process.stderr.write(name + '\\n') };
const audit = await openAudit({ file: '-', requests: 'all' }, { clock: systemClock, log });
for (let index = 0; index < 20000; index += 1) {
  audit.write({ event: 'issue-refused', clientCertificateSHA256: 'ab', rule: 'subject-grammar', detail: 'x'.repeat(1000) });
}
await new Promise((resolve) => setTimeout(resolve, 10));
process.stderr.write('the loop runs\\n');
await audit.close();
`;

test('writes every line to a standard output that is read', async () => {
  const program = stuckReaderProgram.replace('index < 20000', 'index < 5000').replace("'x'.repeat(1000)", 'String(index)');
  const child = spawn(process.execPath, ['--input-type=module-typescript', '--eval', program], {
    cwd: new URL('..', import.meta.url),
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  const [code] = (await once(child, 'close')) as [number | null];
  assert.equal(code, 0);
  const details = text
    .trimEnd()
    .split('\n')
    .map((line) => (JSON.parse(line) as ReadLine).detail);
  assert.deepEqual(
    details,
    Array.from({ length: 5_000 }, (_, index) => `${index}`),
  );
});

async function until(holds: () => boolean): Promise<void> {
  const deadline = performance.now() + 30_000;
  while (!holds()) {
    assert.ok(performance.now() < deadline, 'the condition did not come to hold in time');
    await new Promise((resolve) => setImmediate(resolve));
  }
}
