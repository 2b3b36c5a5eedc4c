// Which headers go on to the hub. An allow-list: what is not on it stays here; what claims an identity, or can be read in two ways, refuses
// the whole request. Hop-by-hop rules: RFC 9110 section 7.6.1.

import type { Refusal } from '../errors.ts';
import type { HeadLimits, RequestHead } from './head.ts';

export type SelectedHeaders =
  | { readonly ok: true; readonly headers: readonly string[]; readonly contentLength: number | null; readonly expectsContinue: boolean }
  | { readonly ok: false; readonly refusal: Refusal };

/** May stand on several lines; each line is sent on as it came. */
const listHeaders: ReadonlySet<string> = new Set([
  'accept',
  'accept-encoding',
  'accept-language',
  'cache-control',
  'if-match',
  'if-none-match',
]);

/** Sent on, and refused when there are two: kube-apiserver would take the first where another reader takes the last. */
const singleHeaders: ReadonlySet<string> = new Set([
  'content-encoding',
  'content-length',
  'content-type',
  'if-modified-since',
  'kubectl-command',
  'kubectl-session',
  'user-agent',
  // search-collector asks for a full resync with it (stolostron/search-collector pkg/send/sender.go).
  'x-overwrite-state',
]);

/** Not sent on as they stand, but refused when there are two. */
const singleControls: ReadonlySet<string> = new Set(['authorization', 'expect', 'host', 'transfer-encoding']);

/** About this connection only (RFC 9110 section 7.6.1, RFC 9113 section 8.2.2), or set by us. */
const connectionHeaders: ReadonlySet<string> = new Set([
  'audit-id',
  'connection',
  'cookie',
  'http2-settings',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'upgrade',
]);

/** Selects what of a hub's answer goes to the client: all but what is about the hub's connection. */
export function selectResponseHeaders(headers: readonly string[]): readonly string[] {
  const nominated = new Set<string>();
  for (let at = 0; at < headers.length; at += 2) {
    if (headers[at]?.toLowerCase() !== 'connection') continue;
    for (const option of headers[at + 1]?.split(',') ?? []) nominated.add(option.trim().toLowerCase());
  }
  const selected: string[] = [];
  for (let at = 0; at < headers.length; at += 2) {
    const name = headers[at]?.toLowerCase() ?? '';
    if (responseHopByHop.has(name) || nominated.has(name) || name.startsWith(':')) continue;
    selected.push(name, headers[at + 1] ?? '');
  }
  return selected;
}

const responseHopByHop: ReadonlySet<string> = new Set([
  'connection',
  'http2-settings',
  'keep-alive',
  'proxy-connection',
  'te',
  'transfer-encoding',
  'upgrade',
]);

/** Names by which proxies hand on identities or addresses; an agent has no reason to send one. Compared with `_` read as `-`. */
const identityPrefixes = ['impersonate-', 'x-remote-', 'x-forwarded-', 'x-client-cert', 'x-ssl-', 'ssl-client-', 'x-amzn-mtls-'];
const identityNames: ReadonlySet<string> = new Set([
  'forwarded',
  'x-real-ip',
  'x-original-url',
  'x-rewrite-url',
  'client-cert',
  'client-cert-chain',
]);

/** What `Connection` may name. Anything else it names would have to be removed by one reader and kept by another. */
const connectionOptions: ReadonlySet<string> = new Set(['', 'close', 'keep-alive', 'te']);

const token = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;
/** Field values: visible ASCII, space and tab (RFC 9110 section 5.5 without obs-text, which Go and Node decode differently). */
const fieldValue = /^[\t -~]*$/;
const decimal = /^[0-9]{1,15}$/;

function isIdentityHeader(name: string): boolean {
  const plain = name.replaceAll('_', '-');
  return identityNames.has(plain) || identityPrefixes.some((prefix) => plain.startsWith(prefix));
}

/** Selects what goes on from the headers of a request. Linear in their number and size. */
export function selectHeaders(head: RequestHead, limits: HeadLimits): SelectedHeaders {
  const size = judgeSize(head.headers, limits);
  if (size !== null) return { ok: false, refusal: size };
  const headers: string[] = [];
  const seen = new Map<string, string>();
  for (let at = 0; at < head.headers.length; at += 2) {
    const name = head.headers[at]?.toLowerCase() ?? '';
    const value = head.headers[at + 1] ?? '';
    const refusal = judgeHeader(name, value, seen);
    if (refusal !== null) return { ok: false, refusal };
    seen.set(name, value);
    if (listHeaders.has(name) || singleHeaders.has(name)) headers.push(name, value);
  }
  const refusal = judgeHost(head, seen) ?? judgeLength(head, seen, limits);
  if (refusal !== null) return { ok: false, refusal };
  const length = seen.get('content-length');
  return { ok: true, headers, contentLength: length === undefined ? null : Number(length), expectsContinue: seen.has('expect') };
}

export type SelectedTrailers =
  | { readonly ok: true; readonly trailers: readonly string[] }
  | { readonly ok: false; readonly refusal: Refusal };

/** Trailer fields a request may have; no Kubernetes client sends any. */
const MOST_TRAILERS = 16;

/**
 * Selects the trailers of a request that go on: those that are nothing but data. One that claims an identity refuses the request; one that
 * would have steered it, had it come as a header, stays here (RFC 9110 section 6.5.1).
 */
export function selectTrailers(trailers: readonly string[], limits: HeadLimits): SelectedTrailers {
  const size = judgeSize(trailers, { ...limits, maxHeaders: MOST_TRAILERS });
  if (size !== null) return { ok: false, refusal: size };
  const selected: string[] = [];
  for (let at = 0; at < trailers.length; at += 2) {
    const name = trailers[at]?.toLowerCase() ?? '';
    const value = trailers[at + 1] ?? '';
    if (isIdentityHeader(name) || name === 'authorization') {
      return { ok: false, refusal: { rule: 'identity-header', detail: `trailer ${JSON.stringify(name.slice(0, 80))}` } };
    }
    if (!token.test(name) || !fieldValue.test(value)) {
      return { ok: false, refusal: { rule: 'header-ambiguous', detail: `trailer ${JSON.stringify(name.slice(0, 80))} is not plain` } };
    }
    if (!steersAsHeader(name)) selected.push(name, value);
  }
  return { ok: true, trailers: selected };
}

function steersAsHeader(name: string): boolean {
  return (
    listHeaders.has(name) ||
    singleHeaders.has(name) ||
    singleControls.has(name) ||
    connectionHeaders.has(name) ||
    name.startsWith('content-')
  );
}

function judgeSize(headers: readonly string[], limits: HeadLimits): Refusal | null {
  const lines = headers.length / 2;
  if (lines > limits.maxHeaders) return { rule: 'header-limit', detail: `${lines} headers, ${limits.maxHeaders} allowed` };
  let bytes = 0;
  for (const part of headers) bytes += part.length;
  if (bytes > limits.maxHeaderBytes) return { rule: 'header-limit', detail: `${bytes} bytes, ${limits.maxHeaderBytes} allowed` };
  return null;
}

function judgeHeader(name: string, value: string, seen: ReadonlyMap<string, string>): Refusal | null {
  const shown = JSON.stringify(name.slice(0, 80));
  if (!token.test(name) || !fieldValue.test(value))
    return { rule: 'header-ambiguous', detail: `${shown} has a name or value that is not plain` };
  if (isIdentityHeader(name)) return { rule: 'identity-header', detail: shown };
  if (seen.has(name) && (singleHeaders.has(name) || singleControls.has(name))) {
    return { rule: name === 'host' ? 'host-mismatch' : 'header-ambiguous', detail: `${shown} stands twice` };
  }
  return judgeControl(name, value);
}

/** The headers that steer the connection instead of the request. */
function judgeControl(name: string, value: string): Refusal | null {
  switch (name) {
    case 'upgrade':
    case 'http2-settings':
      return { rule: 'upgrade-refused', detail: `${name}: ${value.slice(0, 40)}` };
    case 'connection':
      return judgeConnection(value);
    case 'transfer-encoding':
      return value.toLowerCase() === 'chunked' ? null : { rule: 'framing', detail: `transfer-encoding: ${value.slice(0, 40)}` };
    case 'content-length':
      return decimal.test(value) ? null : { rule: 'framing', detail: `content-length: ${value.slice(0, 40)}` };
    case 'expect':
      return value.toLowerCase() === '100-continue' ? null : { rule: 'framing', detail: `expect: ${value.slice(0, 40)}` };
    default:
      return null;
  }
}

function judgeConnection(value: string): Refusal | null {
  for (const option of value.split(',')) {
    const name = option.trim().toLowerCase();
    if (name === 'upgrade') return { rule: 'upgrade-refused', detail: 'connection: upgrade' };
    if (!connectionOptions.has(name))
      return { rule: 'header-ambiguous', detail: `connection nominates ${JSON.stringify(name.slice(0, 80))}` };
  }
  return null;
}

/** HTTP/1.1 has exactly one Host (RFC 9112 section 3.2); HTTP/2 has `:authority`, and a Host beside it says the same (RFC 9113 section 8.3.1). */
function judgeHost(head: RequestHead, seen: ReadonlyMap<string, string>): Refusal | null {
  const host = seen.get('host');
  const named = head.authority ?? host;
  if (named === undefined || named === '') return { rule: 'host-mismatch', detail: 'no host' };
  if (host !== undefined && head.authority !== null && host !== head.authority) {
    return {
      rule: 'host-mismatch',
      detail: `host ${JSON.stringify(host.slice(0, 80))} beside :authority ${JSON.stringify(head.authority.slice(0, 80))}`,
    };
  }
  return null;
}

function judgeLength(head: RequestHead, seen: ReadonlyMap<string, string>, limits: HeadLimits): Refusal | null {
  const length = seen.get('content-length');
  if (length !== undefined && seen.has('transfer-encoding')) return { rule: 'framing', detail: 'content-length beside transfer-encoding' };
  if (length !== undefined && Number(length) > 0 && !head.hasBody) return { rule: 'framing', detail: 'content-length without a body' };
  const most = limits.maxRequestBodyBytes;
  if (length !== undefined && Number(length) > most) return { rule: 'body-limit', detail: `${length} bytes declared, ${most} allowed` };
  return null;
}
