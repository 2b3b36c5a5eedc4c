// Alerts on their way to a receiver on a real socket: as Alertmanager's API v2 takes them, again each minute, and not at all costs.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { IncomingHttpHeaders, RequestListener, Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { Server as TlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import type { AlertName } from '../../src/admin/alert-table.ts';
import type { Alert } from '../../src/admin/alerts.ts';
import type { Delivery } from '../../src/admin/delivery.ts';
import { openWebhook } from '../../src/admin/webhook.ts';
import type { PostableAlert } from '../../src/admin/webhook.ts';
import { toPem } from '../../src/certificate.ts';
import { systemClock } from '../../src/clock.ts';
import type { Clock } from '../../src/clock.ts';
import type { WebhookSettings } from '../../src/settings.ts';
import { HastyClock } from '../admin/hasty-clock.ts';
import { keepLog, untilTrue } from '../ca-sync/waiting.ts';
import type { KeptLog } from '../ca-sync/waiting.ts';
import { makeAuthority, makeClient } from '../pki.ts';
import { encodeName, extension, SERVER_AUTH } from '../pki-certificate.ts';

const SINCE_MS = Date.UTC(2026, 10, 1, 12);

function alertOf(name: AlertName): Alert {
  return {
    name,
    severity: 'critical',
    sinceMs: SINCE_MS,
    message: 'It is so. Do that.',
    runbook: `https://runbook/#${name.toLowerCase()}`,
  };
}

interface Received {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly alerts: readonly PostableAlert[];
}

interface Receiver {
  readonly received: Received[];
  readonly url: URL;
  /** From now on; 0: never answers. */
  answer: number;
}

async function listen(t: TestContext, makeListener: (listener: RequestListener) => Server | TlsServer, scheme: string): Promise<Receiver> {
  const received: Received[] = [];
  const receiver = { received, url: new URL(`${scheme}://127.0.0.1/api/v2/alerts?secret=1`), answer: 200 };
  const server = makeListener((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { method = '', url = '', headers } = request;
      received.push({ method, url, headers, alerts: JSON.parse(Buffer.concat(chunks).toString()) as PostableAlert[] });
      if (receiver.answer > 0) response.writeHead(receiver.answer, { location: 'http://127.0.0.1:1/' }).end('{"endless":true}');
    });
  });
  server.listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  receiver.url.port = String((server.address() as AddressInfo).port);
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return receiver;
}

const receive = (t: TestContext): Promise<Receiver> => listen(t, (listener) => createServer(listener), 'http');

interface Sending {
  readonly sink: Delivery;
  readonly log: KeptLog;
  readonly results: ('sent' | 'failed')[];
}

function open(t: TestContext, settings: Partial<WebhookSettings> & Pick<WebhookSettings, 'url'>, clock: Clock = systemClock): Sending {
  const log = keepLog();
  const results: ('sent' | 'failed')[] = [];
  const onResult = (result: 'sent' | 'failed'): void => void results.push(result);
  const sink = openWebhook({ caFile: null, tokenFile: null, ...settings }, { instance: 'pod-1', clock, log, onResult });
  t.after(() => sink.close());
  return { sink, log, results };
}

const raise = ({ sink }: Sending, ...names: readonly AlertName[]): void =>
  sink.take({ raised: names.map(alertOf), cleared: [], nowMs: SINCE_MS });
const clear = ({ sink }: Sending, name: AlertName): void => sink.take({ raised: [], cleared: [alertOf(name)], nowMs: SINCE_MS + 60_000 });

function inFolder(t: TestContext, name: string, content: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-webhook-'));
  t.after(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, name), content);
  return join(folder, name);
}

test('an alert arrives as Alertmanager takes it, and with its end when it is over', async (t) => {
  const receiver = await receive(t);
  const sending = open(t, { url: receiver.url });
  raise(sending, 'CountersignAuditLost');
  await untilTrue(() => receiver.received.length === 1);
  const [first] = receiver.received;
  assert.deepEqual([first?.method, first?.url, first?.headers['content-type']], ['POST', '/api/v2/alerts?secret=1', 'application/json']);
  const fires = {
    labels: { alertname: 'CountersignAuditLost', severity: 'critical', job: 'countersign', instance: 'pod-1' },
    annotations: {
      summary: 'lines of the audit trail were lost',
      description: 'It is so. Do that.',
      runbook_url: 'https://runbook/#countersignauditlost',
    },
    startsAt: '2026-11-01T12:00:00.000Z',
  };
  assert.deepEqual(first?.alerts, [fires]);
  await untilTrue(() => sending.results.length === 1);
  clear(sending, 'CountersignAuditLost');
  await untilTrue(() => receiver.received.length === 2);
  assert.deepEqual(receiver.received[1]?.alerts, [{ ...fires, endsAt: '2026-11-01T12:01:00.000Z' }]);
});

test('what fires is sent again each minute, what is over once', async (t) => {
  const receiver = await receive(t);
  const clock = new HastyClock();
  const sending = open(t, { url: receiver.url }, clock);
  raise(sending, 'CountersignAuditLost', 'CountersignNotReady');
  await untilTrue(() => clock.waiting.includes(60_000));
  clear(sending, 'CountersignNotReady');
  await untilTrue(() => receiver.received.length === 2 && clock.waiting.includes(60_000));
  clock.fire(60_000);
  await untilTrue(() => receiver.received.length === 3);
  assert.deepEqual(
    receiver.received.map(({ alerts }) => alerts.map(({ labels, endsAt }) => [labels['alertname'], endsAt !== undefined])),
    [
      [
        ['CountersignAuditLost', false],
        ['CountersignNotReady', false],
      ],
      [
        ['CountersignAuditLost', false],
        ['CountersignNotReady', true],
      ],
      [['CountersignAuditLost', false]],
    ],
  );
});

test('a receiver that refuses is asked again ever more rarely, and told the present state once it takes it', async (t) => {
  const receiver = await receive(t);
  const clock = new HastyClock();
  receiver.answer = 503;
  const sending = open(t, { url: receiver.url }, clock);
  raise(sending, 'CountersignAuditLost');
  for (const delayMs of [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000]) {
    await untilTrue(() => clock.waiting.includes(delayMs));
    clock.fire(delayMs);
  }
  await untilTrue(() => sending.results.length === 8);
  clear(sending, 'CountersignAuditLost');
  raise(sending, 'CountersignNotReady');
  receiver.answer = 200;
  await untilTrue(() => clock.waiting.includes(60_000));
  clock.fire(60_000);
  await untilTrue(() => sending.results.length === 9);
  assert.deepEqual(
    receiver.received.at(-1)?.alerts.map(({ labels }) => labels['alertname']),
    ['CountersignAuditLost', 'CountersignNotReady'],
  );
  assert.deepEqual(
    sending.log.events.map(({ name, fields }) => [name, fields['sink'], fields['reason']]),
    [
      ['alert-delivery-failed', 'webhook', `${receiver.url.origin} answered 503`],
      ['alert-delivery-recovered', 'webhook', undefined],
    ],
  );
  assert.deepEqual(sending.results, [...Array.from({ length: 8 }, () => 'failed'), 'sent']);
});

test('a redirect is not followed', async (t) => {
  const receiver = await receive(t);
  receiver.answer = 307;
  const sending = open(t, { url: receiver.url });
  raise(sending, 'CountersignAuditLost');
  await untilTrue(() => sending.results.length === 1);
  assert.deepEqual(sending.results, ['failed']);
});

test('a receiver that never answers is given up after ten seconds, and a close does not wait for it', async (t) => {
  const receiver = await receive(t);
  receiver.answer = 0;
  const clock = new HastyClock();
  const sending = open(t, { url: receiver.url }, clock);
  raise(sending, 'CountersignAuditLost');
  await untilTrue(() => receiver.received.length === 1);
  clock.fire(10_000);
  await untilTrue(() => sending.results.length === 1);
  assert.match(String(sending.log.events[0]?.fields['reason']), /no answer within 10 s$/);
  await untilTrue(() => clock.waiting.includes(1_000));
  clock.fire(1_000);
  await untilTrue(() => receiver.received.length === 2);
  await sending.sink.close();
  assert.equal(sending.results.length, 1);
});

test('a receiver that is not there is a failure that names it without path and query', async (t) => {
  const sending = open(t, { url: new URL('http://127.0.0.1:1/hooks/secret') });
  raise(sending, 'CountersignAuditLost');
  await untilTrue(() => sending.results.length === 1);
  assert.equal(sending.log.events[0]?.fields['reason'], 'http://127.0.0.1:1 cannot be reached (ECONNREFUSED)');
});

test('a token is read each time, and one that is none is not sent', async (t) => {
  const receiver = await receive(t);
  const tokenFile = inFolder(t, 'token', 'first.token\n');
  const sending = open(t, { url: receiver.url, tokenFile });
  raise(sending, 'CountersignAuditLost');
  await untilTrue(() => sending.results.length === 1);
  writeFileSync(tokenFile, 'second-token');
  raise(sending, 'CountersignNotReady');
  await untilTrue(() => sending.results.length === 2);
  writeFileSync(tokenFile, 'third\r\nx-injected: 1');
  raise(sending, 'CountersignDenialBurst');
  await untilTrue(() => sending.results.length === 3);
  assert.deepEqual(
    receiver.received.map(({ headers }) => headers.authorization),
    ['Bearer first.token', 'Bearer second-token'],
  );
  assert.match(String(sending.log.events[0]?.fields['reason']), /token does not hold a bearer token$/);
  assert.ok(!JSON.stringify(sending.log.events).includes('third'));
});

test('an https receiver is verified against caFile, and not reached without it', async (t) => {
  const window = { notBeforeMs: Date.now() - 3_600_000, notAfterMs: Date.now() + 3_600_000 };
  const authority = makeAuthority('receiver CA', window);
  const extensions = [extension.extendedKeyUsage(SERVER_AUTH), extension.dnsNames('localhost')];
  const server = makeClient(encodeName([[{ type: 'CN', value: 'receiver' }]]), authority, { ...window, extensions });
  const receiver = await listen(t, (listener) => createTlsServer({ cert: server.pem, key: server.keyPem }, listener), 'https');
  receiver.url.hostname = 'localhost';
  const trusting = open(t, { url: receiver.url, caFile: inFolder(t, 'ca.crt', toPem(authority.certificate.der)) });
  raise(trusting, 'CountersignAuditLost');
  await untilTrue(() => trusting.results.length === 1);
  assert.deepEqual([trusting.results, receiver.received.length], [['sent'], 1]);
  const wary = open(t, { url: receiver.url });
  raise(wary, 'CountersignAuditLost');
  await untilTrue(() => wary.results.length === 1);
  assert.deepEqual([wary.results, receiver.received.length], [['failed'], 1]);
});
