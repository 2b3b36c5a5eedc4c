// The hub's own hand on its API, as kube-apiserver's loopback client and the operators on the hub have one: requests of system:masters
// that go through the API machinery like any other, without a socket and without an audit event.

import type { Api } from './api/api.ts';
import { readRequestInfo } from './api/request-info.ts';
import { readTarget } from './request-target.ts';

export interface LoopbackAnswer {
  readonly status: number;
  /** The decoded JSON of the answer; null where there is none. */
  readonly object: unknown;
}

export interface WritableObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly [field: string]: unknown };
  readonly [field: string]: unknown;
}

const LOOPBACK_USER = { username: 'system:apiserver', groups: ['system:masters', 'system:authenticated'], extra: {} };

export class Loopback {
  readonly #api: Api;

  constructor(api: Api) {
    this.#api = api;
  }

  /** `object` goes out as JSON; a PATCH as a merge patch. */
  async request(method: string, target: string, object?: unknown): Promise<LoopbackAnswer> {
    const read = readTarget(target);
    if (read === null) throw new Error(`not a request target: ${target}`);
    const contentType = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
    const headers = new Map([
      ['accept', 'application/json'],
      ['content-type', contentType],
      ['user-agent', 'embedded-hub'],
    ]);
    const body = object === undefined ? Buffer.alloc(0) : Buffer.from(JSON.stringify(object));
    const info = readRequestInfo(method, read.path, read.query);
    const answer = await this.#api.serve({ method, target, ...read, headers, body, user: LOOPBACK_USER, info });
    if (answer.stream !== undefined) throw new Error('the loopback client does not watch');
    return { status: answer.status, object: answer.body === null || answer.body.length === 0 ? null : JSON.parse(answer.body.toString()) };
  }

  /** Creates the object in `collection` or replaces what is there; throws when neither is possible. */
  async apply(collection: string, object: WritableObject): Promise<void> {
    const target = `${collection}/${object.metadata.name}`;
    let answer = await this.request('PUT', target, object);
    if (answer.status === 404) answer = await this.request('POST', collection, object);
    // Leases and custom resources take no update without a resourceVersion.
    else if (answer.status === 422) answer = await this.request('PATCH', target, object);
    if (answer.status >= 300)
      throw new Error(`the hub could not write ${collection}/${object.metadata.name}: ${JSON.stringify(answer.object)}`);
  }
}
