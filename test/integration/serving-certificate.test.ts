// The certificate that agents see: replaced without a restart, by every way in which files change, and never by one that does not check out.

import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { mkdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { connect } from 'node:tls';
import { silentLog } from '../../src/events.ts';
import { silentMeter } from '../../src/meter.ts';
import { startProxy } from '../../src/proxy/proxy.ts';
import { makeServingFor } from '../proxy/fault-hub.ts';
import { SteppedClock } from '../proxy/stepped-clock.ts';
import { openH2, requestH2 } from '../proxy/test-client.ts';
import { Live } from '../../src/live.ts';
import { eventually, startTestHub, startTestProxy } from '../proxy/test-proxy.ts';
import { allowAll, toSettings } from '../proxy/test-settings.ts';
import type { TestProxy } from '../proxy/test-proxy.ts';

/** Ten seconds between two looks at the files become a tenth of one. */
const HASTE = 100;

interface Pair {
  readonly cert: string;
  readonly key: string;
}

async function start(t: TestContext, haste: number = HASTE): Promise<TestProxy> {
  const hub = await startTestHub(t);
  return startTestProxy(t, { hubUrl: hub.url, clock: new SteppedClock(haste) });
}

/** SHA-256 of the certificate that a new connection is shown. */
async function served(proxy: TestProxy): Promise<string> {
  const socket = connect({ host: '127.0.0.1', port: proxy.port, rejectUnauthorized: false });
  await new Promise<void>((resolve, reject) => {
    socket.once('secureConnect', resolve);
    socket.once('error', reject);
  });
  const shown = socket.getPeerX509Certificate()?.fingerprint256 ?? '';
  socket.destroy();
  return shown;
}

/** A second proxy from the same files, which has no business to start. */
function startAnother({ directory, signer, trust, quarantine }: TestProxy): Promise<unknown> {
  const settings = toSettings(directory, { hubUrl: new URL('https://127.0.0.1:1') });
  const audit = { write: () => undefined, reopen: () => Promise.resolve(), close: () => Promise.resolve() };
  return startProxy({
    settings,
    bootstrap: null,
    signer,
    trust,
    quarantine,
    policies: new Live(allowAll),
    usable: new Live<ReadonlySet<number>>(new Set()),
    hubRefused: () => undefined,
    meter: silentMeter,
    clock: new SteppedClock(),
    log: silentLog,
    audit,
  });
}

const fingerprint = ({ cert }: Pair): string => new X509Certificate(cert).fingerprint256;
const refusals = (proxy: TestProxy): string[] =>
  proxy.log.filter(({ name }) => name === 'serving-certificate-refused').map(({ fields }) => String(fields['reason']));
const publications = (proxy: TestProxy): number => proxy.log.filter(({ name }) => name === 'serving-certificate-published').length;

async function put(proxy: TestProxy, pair: Partial<Pair>): Promise<void> {
  if (pair.cert !== undefined) await writeFile(join(proxy.directory, 'tls.crt'), pair.cert);
  if (pair.key !== undefined) await writeFile(join(proxy.directory, 'tls.key'), pair.key);
}

test('changed files are served to new connections without a word from anyone, and open connections go on', async (t) => {
  const proxy = await start(t);
  const session = openH2(t, proxy.port, proxy.client());
  assert.equal((await requestH2(session)).status, 200);
  const next = makeServingFor('next.example.com');
  await put(proxy, next);
  await eventually('the new certificate is in use', () => publications(proxy) === 2);
  assert.equal(await served(proxy), fingerprint(next));
  assert.equal((await requestH2(session)).status, 200);
});

test('a re-read finds changed files at once', async (t) => {
  const proxy = await start(t, 1);
  const next = makeServingFor('next.example.com');
  await put(proxy, next);
  await proxy.proxy.reread();
  assert.equal(await served(proxy), fingerprint(next));
  await proxy.proxy.reread();
  assert.equal(publications(proxy), 2);
});

test('the symlink swap of a mounted Secret is found', async (t) => {
  const proxy = await start(t);
  const mount = async (name: string, pair: Pair): Promise<void> => {
    const folder = join(proxy.directory, name);
    await mkdir(folder);
    await writeFile(join(folder, 'tls.crt'), pair.cert);
    await writeFile(join(folder, 'tls.key'), pair.key);
    // kubelet's atomic writer: a new link, renamed over the old one.
    await symlink(name, join(proxy.directory, '..data_tmp'));
    await rename(join(proxy.directory, '..data_tmp'), join(proxy.directory, '..data'));
  };
  const [first, second] = [makeServingFor('first.example.com'), makeServingFor('second.example.com')];
  await mount('..1', first);
  for (const file of ['tls.crt', 'tls.key']) {
    await symlink(join('..data', file), join(proxy.directory, `${file}.tmp`));
    await rename(join(proxy.directory, `${file}.tmp`), join(proxy.directory, file));
  }
  await proxy.proxy.reread();
  assert.equal(await served(proxy), fingerprint(first));
  await mount('..2', second);
  const before = publications(proxy);
  await eventually('the second certificate is in use', () => publications(proxy) > before);
  assert.equal(await served(proxy), fingerprint(second));
});

test('a torn pair leaves the one before in use, says why once, and is used as soon as it is whole', async (t) => {
  const proxy = await start(t);
  const before = await served(proxy);
  const next = makeServingFor('next.example.com');
  await put(proxy, { cert: next.cert });
  await eventually('the refusal', () => refusals(proxy).length > 0);
  assert.match(refusals(proxy)[0] ?? '', /^listen\.keyFile: the key does not belong to the certificate in listen\.certificateFile$/);
  assert.equal(await served(proxy), before);
  for (let round = 0; round < 3; round += 1) await proxy.proxy.reread();
  assert.equal(refusals(proxy).length, 1);
  await put(proxy, { key: next.key });
  await proxy.proxy.reread();
  assert.equal(await served(proxy), fingerprint(next));
});

const broken: readonly { readonly name: string; readonly pair: Partial<Pair>; readonly reason: RegExp }[] = [
  { name: 'garbage in the certificate file', pair: { cert: 'garbage' }, reason: /^listen\.certificateFile: / },
  { name: 'an empty certificate file', pair: { cert: '' }, reason: /^listen\.certificateFile: / },
  { name: 'garbage in the key file', pair: { key: 'garbage' }, reason: /^listen\.keyFile: / },
  {
    name: 'half a certificate',
    pair: { cert: makeServingFor('half.example.com').cert.slice(0, 300) },
    reason: /^listen\.certificateFile: /,
  },
  {
    name: 'a certificate that has ended',
    pair: makeServingFor('late.example.com', { notBeforeMs: Date.now() - 7_200_000, notAfterMs: Date.now() - 3_600_000 }),
    reason: /^listen\.certificateFile: the certificate ended on /,
  },
];

for (const { name, pair, reason } of broken) {
  test(`${name} leaves the one before in use, with the reason in the log`, async (t) => {
    const proxy = await start(t, 1);
    const before = await served(proxy);
    await put(proxy, pair);
    await proxy.proxy.reread();
    assert.equal(refusals(proxy).length, 1);
    assert.match(refusals(proxy)[0] ?? '', reason);
    assert.equal(await served(proxy), before);
    assert.equal((await requestH2(openH2(t, proxy.port, proxy.client()))).status, 200);
  });

  test(`${name} at the start is an error that names the setting`, async (t) => {
    const donor = await start(t, 1);
    await put(donor, pair);
    await assert.rejects(startAnother(donor), (error: Error) => reason.test(error.message));
  });
}

test('a file that is gone leaves the one before in use; at the start it is an error', async (t) => {
  const proxy = await start(t, 1);
  const before = await served(proxy);
  await rm(join(proxy.directory, 'tls.key'));
  await proxy.proxy.reread();
  assert.match(refusals(proxy)[0] ?? '', /^listen\.keyFile: ENOENT/);
  assert.equal(await served(proxy), before);
  await assert.rejects(startAnother(proxy), /^Error: listen\.keyFile: ENOENT/);
});

test('a hub.caFile that does not parse leaves the one before in use, with the reason in the log; at the start it is an error', async (t) => {
  const proxy = await start(t, 1);
  await writeFile(join(proxy.directory, 'hub-ca.crt'), 'garbage');
  await proxy.proxy.reread();
  assert.match(String(proxy.log.find(({ name }) => name === 'hub-ca-refused')?.fields['reason']), /^hub\.caFile: /);
  assert.equal((await requestH2(openH2(t, proxy.port, proxy.client()))).status, 200);
  await assert.rejects(startAnother(proxy), /^Error: hub\.caFile: /);
});

test('a changed hub.caFile is used for the next hub session without a word from anyone', async (t) => {
  const proxy = await start(t);
  const good = await readFile(join(proxy.directory, 'hub-ca.crt'), 'utf8');
  await writeFile(join(proxy.directory, 'hub-ca.crt'), makeServingFor('not-an-authority-of-the-hub').cert);
  const answers = async (): Promise<number> => {
    const session = openH2(t, proxy.port, proxy.client());
    const { status } = await requestH2(session);
    session.close();
    return status;
  };
  await eventuallyAnswers(answers, 502);
  await writeFile(join(proxy.directory, 'hub-ca.crt'), good);
  await eventuallyAnswers(answers, 200);
});

async function eventuallyAnswers(answers: () => Promise<number>, status: number): Promise<void> {
  const deadlineMs = performance.now() + 20_000;
  while ((await answers()) !== status) assert.ok(performance.now() < deadlineMs, `no ${status} in time`);
}
