// Alerts as Alertmanager's API v2 takes them (prometheus/alertmanager api/v2/openapi.yaml, postableAlerts), sent to whoever the settings name. What
// fires is sent again each minute, as Alertmanager expects: it takes an alert that it does not hear of for five minutes for resolved.

import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import type { RequestOptions } from 'node:https';
import { readBounded } from '../bounded-file.ts';
import type { Clock } from '../clock.ts';
import type { Log } from '../events.ts';
import type { WebhookSettings } from '../settings.ts';
import { alertTable } from './alert-table.ts';
import { Delivery } from './delivery.ts';
import type { Notice } from './delivery.ts';

interface WebhookParts {
  /** Tells this instance's alerts from those of another: Alertmanager knows an alert by its labels. */
  readonly instance: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly onResult: (result: 'sent' | 'failed') => void;
}

const REPEAT_MS = 60_000;
/** For one attempt in all. */
const SEND_DEADLINE_MS = 10_000;
/** A bearer token or a CA bundle; larger ones are mistakes. */
const MAX_FILE_BYTES = 1024 * 1024;
/** RFC 6750 b64token; also what keeps a line break out of the header. */
const BEARER_TOKEN = /^[-A-Za-z0-9._~+/]+=*$/;

export function openWebhook(settings: WebhookSettings, { instance, ...around }: WebhookParts): Delivery {
  return new Delivery({
    ...around,
    sink: 'webhook',
    repeatMs: REPEAT_MS,
    isTogether: true,
    send: async (notices, signal) => {
      try {
        const body = JSON.stringify(notices.map((notice) => toPostable(notice, instance)));
        const status = await post(settings, { body, signal, clock: around.clock });
        return status >= 200 && status < 300 ? null : `${settings.url.origin} answered ${status}`;
      } catch (error) {
        return sayFailure(error, settings.url);
      }
    },
  });
}

export interface PostableAlert {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly startsAt: string;
  /** Left out while it fires. */
  readonly endsAt?: string;
}

function toPostable({ alert, endedMs }: Notice, instance: string): PostableAlert {
  const { name, severity, message, runbook, sinceMs } = alert;
  return {
    labels: { alertname: name, severity, job: 'countersign', instance },
    annotations: { summary: alertTable[name].summary, description: message, runbook_url: runbook },
    startsAt: new Date(sinceMs).toISOString(),
    ...(endedMs === null ? {} : { endsAt: new Date(endedMs).toISOString() }),
  };
}

interface Post {
  readonly body: string;
  readonly signal: AbortSignal;
  readonly clock: Clock;
}

/** Files are read each time: tokens and authorities are rotated. Redirects are not followed: a token goes where the settings say. */
async function post({ url, caFile, tokenFile }: WebhookSettings, { body, signal, clock }: Post): Promise<number> {
  const headers = { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(body)), 'user-agent': 'countersign' };
  const authorization = tokenFile === null ? {} : { authorization: `Bearer ${await readToken(tokenFile)}` };
  const ca = caFile === null ? {} : { ca: await readBounded(caFile, MAX_FILE_BYTES) };
  const deadline = new AbortController();
  const cancel = clock.after(SEND_DEADLINE_MS, () => deadline.abort(new Error(TIMED_OUT)));
  // An agent of its own for each: no connection outlives its request
  const options: RequestOptions = {
    method: 'POST',
    agent: false,
    headers: { ...headers, ...authorization },
    ...ca,
    signal: AbortSignal.any([signal, deadline.signal]),
  };
  try {
    return await new Promise<number>((resolve, reject) => {
      const request = (url.protocol === 'https:' ? requestHttps : requestHttp)(url, options, (response) => {
        response.on('error', () => undefined);
        resolve(response.statusCode ?? 0);
        response.destroy();
      });
      request.on('error', (error) => reject(deadline.signal.aborted ? new Error(TIMED_OUT) : error));
      request.end(body);
    });
  } finally {
    cancel();
  }
}

const TIMED_OUT = `no answer within ${SEND_DEADLINE_MS / 1_000} s`;

async function readToken(file: string): Promise<string> {
  const token = (await readBounded(file, MAX_FILE_BYTES)).toString('utf8').trim();
  if (!BEARER_TOKEN.test(token)) throw new Error(`${file} does not hold a bearer token`);
  return token;
}

/** Never the URL's path or query, which may be a secret of the receiver's. */
function sayFailure(error: unknown, { origin }: URL): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : null;
  return code === null ? `${origin}: ${error instanceof Error ? error.message : 'failed'}` : `${origin} cannot be reached (${code})`;
}
