// A request as the command line says it: `--request`, `--header`, `--body` and, where no certificate is at hand, `--user`. Makes of them what the
// listener would have delivered; judges nothing.

import { isClusterName } from '../cluster-name.ts';
import { identityOfUser } from '../identity.ts';
import type { Identity } from '../identity.ts';
import type { RequestHead } from '../inspect/inspect.ts';
import { bootstrapAccountOf } from '../proxy/proxy.ts';
import { optionalText, repeatedTexts } from './command.ts';
import type { OptionSpec, OptionValues } from './command.ts';
import { readNamed, Unreadable } from './unreadable.ts';

export const requestOptions: Readonly<Record<string, OptionSpec>> = {
  request: { type: 'string', value: "'METHOD PATH'", help: 'a request of this client: what it is read as, what decides on it, and why' },
  header: { type: 'string', value: "'K: V'", help: 'of that request; may stand there more than once', repeated: true },
  body: { type: 'string', value: 'FILE', help: 'its body, as it would be sent' },
  user: {
    type: 'string',
    value: 'NAME',
    help: 'with --request, in place of --certificate: the user of an audit line, with the groups it always has',
  },
};

export interface AskedRequest {
  readonly head: RequestHead;
  /** Empty: none. */
  readonly body: Buffer;
}

/** Above what any rule of the packs allows (search-collector: 128 MiB); what is larger is refused everywhere. */
const MAX_BODY_BYTES = 160 * 1024 * 1024;
const REQUEST = /^(\S+) (\S+)$/;
const HEADER = /^([^:]+):(.*)$/s;

/** null where the command line asks about none. */
export async function readRequestOptions(values: OptionValues): Promise<AskedRequest | null> {
  const request = optionalText(values, 'request');
  const bodyFile = optionalText(values, 'body');
  const stray = ['header', 'body', 'user'].find((name) => values[name] !== undefined);
  if (request === null) {
    if (stray !== undefined) throw new Unreadable(`--${stray} goes with --request 'METHOD PATH'`);
    return null;
  }
  const [, method, target] = REQUEST.exec(request) ?? [];
  if (method === undefined || target === undefined) throw new Unreadable(`--request ${request} is not a method, one space and a path`);
  const body = bodyFile === null ? Buffer.alloc(0) : await readNamed('--body', bodyFile, MAX_BODY_BYTES);
  return { head: makeHead({ method, target, headers: repeatedTexts(values, 'header').flatMap(readHeader), bodyBytes: body.length }), body };
}

/** As over HTTP/1.1, where everything can be said in headers; what every client adds is added. */
function makeHead(said: { method: string; target: string; headers: readonly string[]; bodyBytes: number }): RequestHead {
  const { method, target, headers, bodyBytes } = said;
  const has = (name: string): boolean => headers.some((one, at) => at % 2 === 0 && one.toLowerCase() === name);
  const host = has('host') ? [] : ['host', 'countersign'];
  const length = bodyBytes === 0 || has('content-length') || has('transfer-encoding') ? [] : ['content-length', String(bodyBytes)];
  return { httpVersion: '1.1', method, target, authority: null, headers: [...host, ...headers, ...length], hasBody: bodyBytes > 0 };
}

function readHeader(header: string): readonly string[] {
  const [, name, value] = HEADER.exec(header) ?? [];
  if (name === undefined || value === undefined) throw new Unreadable(`--header ${header} is not a name, a colon and a value`);
  return [name, value.trim()];
}

export function readUserOption(user: string): Identity {
  const identity = identityOfUser(user) ?? identityOfAccount(user);
  if (identity === null) {
    throw new Unreadable(`--user ${user} is not the name of a klusterlet, of an add-on, or of a cluster's own bootstrap account`);
  }
  return identity;
}

const ACCOUNT = /^system:serviceaccount:(?<namespace>[^:]+):(?<name>[^:]+)$/;

/** With the cluster that it stands for; of an account that clusters share, only its connection knows which. */
function identityOfAccount(user: string): Identity | null {
  const { namespace = '', name = '' } = ACCOUNT.exec(user)?.groups ?? {};
  if (!isClusterName(namespace) || name !== bootstrapAccountOf(namespace)) return null;
  const groups = ['system:serviceaccounts', `system:serviceaccounts:${namespace}`];
  return { user, groups, uid: null, kind: 'bootstrap', cluster: namespace, addon: null };
}
