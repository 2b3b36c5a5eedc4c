// Watch requests: where each starts, how long it runs, and all that are open (apiserver endpoints/handlers/get.go, storage/cacher).

import type { Clock } from '../../../clock.ts';
import { CACHE_CONTROL } from './answer.ts';
import type { ApiAnswer, ApiRequest } from './exchange.ts';
import { type Form, readForm } from './form.ts';
import { JSON_TYPE, PROTOBUF_TYPE } from './negotiation.ts';
import { readNumber, scopeOf, select } from './read.ts';
import type { Randomness } from './registry.ts';
import { isTrue } from './request-info.ts';
import type { Resource } from './resources.ts';
import { readSelector } from './selector.ts';
import { expired, invalid, tooManyRequests, tooNewResourceVersion } from './status.ts';
import type { Store } from './store.ts';
import { errorFrame } from './watch-frame.ts';
import { type Course, type Subject, WatchStream } from './watch-stream.ts';

/** bookmarkFrequency of storage/cacher. */
const BOOKMARK_PERIOD_MS = 60_000;
/** --min-request-timeout: a watch that names no timeout runs this long, and up to twice as long. */
const MIN_REQUEST_TIMEOUT_MS = 1_800_000;
/** Over three times what 3,500 clusters with four watches each keep open. */
const MAX_WATCHES = 50_000;

export class Watches {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #random: Randomness;
  readonly #open = new Set<WatchStream>();
  readonly #stopBookmarks: () => void;

  constructor(store: Store, around: { clock: Clock; random: Randomness }) {
    this.#store = store;
    this.#clock = around.clock;
    this.#random = around.random;
    this.#stopBookmarks = around.clock.every(BOOKMARK_PERIOD_MS, () => {
      for (const stream of this.#open) stream.bookmark();
    });
  }

  /** How many are open now. */
  get count(): number {
    return this.#open.size;
  }

  serve(request: ApiRequest, resource: Resource): ApiAnswer {
    if (this.#open.size >= MAX_WATCHES) throw tooManyRequests('too many watches, please try again later');
    const form = readForm(request, resource, this.#clock.now());
    const subject: Subject = {
      store: this.#store,
      collection: this.#store.collection(resource.collection),
      resource,
      namespace: scopeOf(request, resource),
      selector: readSelector(resource, request.query),
      form,
    };
    const course = this.#plot(request, subject);
    const answer = { status: 200, headers: { 'cache-control': CACHE_CONTROL, 'content-type': contentTypeOf(form) }, body: null };
    if (course === null)
      return { ...answer, stream: (sink) => refuseOld(readNumber(request.query, 'resourceVersion') ?? 0, subject, sink) };
    return {
      ...answer,
      stream: (sink) => {
        const stream: WatchStream = new WatchStream(subject, course, sink, () => this.#open.delete(stream));
        this.#open.add(stream);
        stream.start(this.#clock);
      },
    };
  }

  /** Null: from a resourceVersion that history does not reach back to. */
  #plot(request: ApiRequest, subject: Subject): Course | null {
    const { query } = request;
    const { store, collection } = subject;
    const revision = readNumber(query, 'resourceVersion') ?? 0;
    const asked = query.has('sendInitialEvents') ? isTrue(query.get('sendInitialEvents')) : null;
    validateOptions(query, asked);
    const hasBookmarks = isTrue(query.get('allowWatchBookmarks'));
    const common = { hasBookmarks, timeoutMs: this.#timeoutOf(query) };
    if (asked ?? revision === 0) {
      if (revision > store.revision) throw tooNewResourceVersion(revision, store.revision);
      const initial = select(collection.list(subject.namespace), subject.selector);
      const initialEnd = asked === true && hasBookmarks ? store.revision : null;
      return { ...common, initial, initialEnd, sequence: collection.nextSequence };
    }
    const sequence = revision === 0 ? collection.nextSequence : collection.sequenceAfter(revision);
    return sequence === null ? null : { ...common, initial: [], initialEnd: null, sequence };
  }

  #timeoutOf(query: URLSearchParams): number {
    const seconds = readNumber(query, 'timeoutSeconds') ?? 0;
    if (seconds > 0) return seconds * 1_000;
    return MIN_REQUEST_TIMEOUT_MS + this.#random.below(MIN_REQUEST_TIMEOUT_MS);
  }

  close(): void {
    this.#stopBookmarks();
    for (const stream of [...this.#open]) stream.end();
  }
}

function contentTypeOf(form: Form): string {
  return form.output.encoding === 'json' ? JSON_TYPE : `${PROTOBUF_TYPE};stream=watch`;
}

function refuseOld(revision: number, subject: Subject, sink: Parameters<NonNullable<ApiAnswer['stream']>>[0]): void {
  const error = expired(`too old resource version: ${revision} (${subject.collection.floor})`);
  sink.write(errorFrame(error.status, subject.form));
  sink.end();
}

/** apimachinery pkg/apis/meta/internalversion/validation. */
function validateOptions(query: URLSearchParams, sendsInitialEvents: boolean | null): void {
  const match = query.get('resourceVersionMatch') ?? '';
  const refuse = (detail: string): never => {
    throw invalid({ group: 'meta.k8s.io', kind: 'ListOptions' }, '', [
      { field: 'resourceVersionMatch', reason: 'FieldValueForbidden', detail },
    ]);
  };
  if (sendsInitialEvents !== null && match !== 'NotOlderThan')
    refuse('Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan');
  if (sendsInitialEvents === null && match !== '')
    refuse('Forbidden: resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided');
}
