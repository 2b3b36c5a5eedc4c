// A request of a case as it goes out: bytes and header fields, made once and sent over any wire. Objects become bodies here.

import { encodeKubernetesBody } from '../../demo/demo.ts';
import type { CaseRequest } from '../case.ts';
import { makeSigningRequest } from '../pki/certificate-request.ts';

export interface SentRequest {
  readonly method: string;
  readonly target: string;
  /** Names in lower case; a name may stand there more than once. */
  readonly headers: readonly (readonly [string, string])[];
  readonly body: Buffer | null;
  readonly trailers: Readonly<Record<string, string>> | null;
}

export interface Answer {
  /** 0: none could be read. */
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** How the exchange ended where that was not with a whole answer. */
  readonly ended: 'whole' | 'closed' | 'reset' | 'goaway';
  /** Of raw HTTP/1.1: how many came. */
  readonly answers: number;
}

const CSRS = 'POST /apis/certificates.k8s.io/v1/certificatesigningrequests';

/** Of a case whose request is neither raw bytes nor frames. */
export async function makeRequest(when: CaseRequest, token: string | null): Promise<SentRequest> {
  const [method = '', target = ''] = (when.request ?? CSRS).split(' ', 2);
  const made = await makeBody(when);
  const headers = Object.entries(when.headers).flatMap(([name, values]) =>
    [values].flat().map((value) => [name.toLowerCase(), value] as const),
  );
  const has = (name: string): boolean => headers.some(([each]) => each === name);
  // As client-go does, over HTTP/2 too; a message with trailers is chunked.
  const isMeasured = made !== null && !has('content-length') && !has('transfer-encoding') && when.trailers === undefined;
  return {
    method,
    target,
    headers: [
      ...headers,
      ...(made === null || has('content-type') ? [] : [['content-type', made.contentType] as const]),
      ...(isMeasured ? [['content-length', String(made.bytes.length)] as const] : []),
      ...(token === null || has('authorization') ? [] : [['authorization', `Bearer ${token}`] as const]),
    ],
    body: made?.bytes ?? null,
    trailers: when.trailers ?? null,
  };
}

async function makeBody(when: CaseRequest): Promise<{ readonly bytes: Buffer; readonly contentType: string } | null> {
  const { body, as, text, base64, repeat, csr } = when;
  const contentType = 'application/json';
  if (csr !== undefined) return encodeKubernetesBody(await makeSigningRequest(csr), csr.as);
  if (body !== undefined) return encodeKubernetesBody(body, as);
  if (text !== undefined) return { bytes: Buffer.from(text), contentType };
  if (base64 !== undefined) return { bytes: Buffer.from(base64, 'base64'), contentType };
  if (repeat === undefined) return null;
  return { bytes: Buffer.from(`${repeat.before}${repeat.text.repeat(repeat.times)}${repeat.after}`), contentType };
}

/** `{{host}}`, and `{{x*9000}}` for so many x. */
export function fillIn(text: string, host: string): string {
  return text
    .replaceAll('{{host}}', host)
    .replaceAll(/\{\{([^{}]+)\*(\d{1,7})\}\}/g, (_all, part: string, times: string) => part.repeat(Number(times)));
}
