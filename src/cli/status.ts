// The command that asks a running proxy how the fleet stands, at its admin port, and says it in a terminal as the status page does. Changes nothing.

import { renderTerminal } from '../admin/admin.ts';
import { exitCodes, optionalText } from './command.ts';
import type { Command } from './command.ts';
import { printable } from './facts.ts';
import { sayError } from './finding.ts';
import { parseStatus } from './status-answer.ts';

const DEFAULT_ADMIN = 'http://127.0.0.1:9440';
/** It answers from memory. */
const TIMEOUT_MS = 10_000;
/** A status is some 20 KiB: its lists are bounded. */
const MAX_ANSWER_BYTES = 1024 * 1024;

export const status: Command = {
  description: `Asks a running proxy at its admin port: the verdict first, then what fires and why, the signers, the hub's answers, the traffic and
the clusters whose certificate ends next; the same as the status page there. Times are UTC. For a pod: kubectl port-forward POD 9440.
Exit codes: 0 ready and no alert fires, 1 one does, or it is not ready, or nothing answers, 64 bad URL.`,
  options: {
    admin: { type: 'string', value: 'URL', help: `where its admin port is; ${DEFAULT_ADMIN} if left out` },
    json: { type: 'boolean', help: 'what /status answers, as JSON' },
  },
  example: 'countersign status --admin http://127.0.0.1:9440',
  run: async (values, { out, err }) => {
    const url = statusUrl(optionalText(values, 'admin') ?? DEFAULT_ADMIN);
    if (url === null) {
      err('countersign status: --admin: expected an http or https URL without user name and query, such as http://127.0.0.1:9440\n');
      return exitCodes.usage;
    }
    const answer = await ask(url);
    if (!answer.ok) {
      err(`countersign status: ${printable(answer.problem)}\n`);
      return exitCodes.failure;
    }
    const parsed = parseStatus(answer.body);
    if (!parsed.ok) {
      err(
        `countersign status: ${url.href} answers, but not with a status of Countersign (${printable(parsed.problem)}); is --admin right?\n`,
      );
      return exitCodes.failure;
    }
    // By its own clock: the machine that asks may be off
    const nowMs = Date.parse(parsed.status.at);
    out(values['json'] === true ? `${JSON.stringify(parsed.json, null, 2)}\n` : renderTerminal(parsed.status, nowMs));
    return parsed.status.ready && parsed.status.alerts.length === 0 ? exitCodes.ok : exitCodes.failure;
  },
};

/** A path in front is kept: the admin port may be behind `kubectl proxy`. */
function statusUrl(admin: string): URL | null {
  const url = URL.canParse(admin) ? new URL(admin) : null;
  if (url === null || !['http:', 'https:'].includes(url.protocol) || `${url.username}${url.password}${url.search}${url.hash}` !== '')
    return null;
  return new URL('status', url.pathname.endsWith('/') ? url : `${url.href}/`);
}

type Asked = { readonly ok: true; readonly body: string } | { readonly ok: false; readonly problem: string };

async function ask(url: URL): Promise<Asked> {
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  try {
    const response = await fetch(url, { redirect: 'error', signal, headers: { accept: 'application/json' } });
    const body = await readBounded(response);
    if (response.ok) return { ok: true, body };
    return { ok: false, problem: `${url.href} answered ${response.status} (${body.trim().slice(0, 200)}); is --admin right?` };
  } catch (error) {
    const why = signal.aborted ? `no whole answer within ${TIMEOUT_MS / 1_000} s` : sayCause(error);
    return {
      ok: false,
      problem: `nothing answers at ${url.href} (${why}); is countersign run running there? --admin URL names another admin.address and admin.port`,
    };
  }
}

async function readBounded({ body }: Response): Promise<string> {
  if (body === null) return '';
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body as AsyncIterable<Uint8Array>) {
    length += chunk.length;
    if (length > MAX_ANSWER_BYTES) throw new Error(`an answer of more than ${MAX_ANSWER_BYTES / 1024} KiB`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** fetch says "fetch failed"; why stands below. */
function sayCause(error: unknown): string {
  return error instanceof Error && error.cause !== undefined ? sayError(error.cause) : sayError(error);
}
