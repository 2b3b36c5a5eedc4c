// One open watch: what was there at its start, then every change, in order and without gaps, as fast as its reader takes them. Keeps a
// position in the collection's history instead of a queue, so a reader that lags costs nothing and is let go when history has moved on.

import type { Cancel, Clock } from '../../../clock.ts';
import type { Change, Collection } from './collection.ts';
import type { StreamSink } from './exchange.ts';
import type { Form } from './form.ts';
import { type KubeObject, namespaceOf, withMetadata } from './object.ts';
import type { Resource } from './resources.ts';
import type { Selector } from './selector.ts';
import type { Store } from './store.ts';
import { type EventType, bookmarkFrame, eventFrame, frameKey } from './watch-frame.ts';

/** What is watched, and in what form it is told. */
export interface Subject {
  readonly store: Store;
  readonly collection: Collection;
  readonly resource: Resource;
  /** Null: all. */
  readonly namespace: string | null;
  readonly selector: Selector;
  readonly form: Form;
}

export interface Course {
  readonly initial: readonly KubeObject[];
  /** Of the first change that is told. */
  readonly sequence: number;
  /** The resourceVersion that the initial objects stand for; null when no bookmark is to say that they are complete. */
  readonly initialEnd: number | null;
  readonly hasBookmarks: boolean;
  readonly timeoutMs: number;
}

/** Frames are gathered up to here before they are handed to the sink: one TLS record's worth. */
const CHUNK_BYTES = 16 * 1024;

/** The cacher's last bookmark comes this long before the end, so that the next watch starts from a fresh place. */
const LAST_BOOKMARK_MS = 2_000;

export class WatchStream {
  readonly #subject: Subject;
  readonly #course: Course;
  readonly #sink: StreamSink;
  readonly #cancels: Cancel[] = [];
  readonly #onEnd: () => void;
  #form: Form;
  #key: string;
  #initialAt = 0;
  #sequence: number;
  #isInitialDone: boolean;
  #isBlocked = false;
  #isEnded = false;

  constructor(subject: Subject, course: Course, sink: StreamSink, onEnd: () => void) {
    this.#subject = subject;
    this.#course = course;
    this.#sink = sink;
    this.#onEnd = onEnd;
    this.#form = subject.form;
    this.#key = frameKey(subject.resource, subject.form);
    this.#sequence = course.sequence;
    this.#isInitialDone = course.initialEnd === null;
  }

  start(clock: Clock): void {
    if (this.#sink.closed.aborted) {
      this.#finish();
      return;
    }
    const onClosed = (): void => this.#finish();
    this.#sink.closed.addEventListener('abort', onClosed, { once: true });
    const { timeoutMs, hasBookmarks } = this.#course;
    this.#cancels.push(
      () => this.#sink.closed.removeEventListener('abort', onClosed),
      this.#subject.collection.subscribe(() => this.#pump()),
      clock.after(timeoutMs, () => this.end()),
    );
    if (hasBookmarks && timeoutMs > LAST_BOOKMARK_MS) this.#cancels.push(clock.after(timeoutMs - LAST_BOOKMARK_MS, () => this.bookmark()));
    this.#pump();
  }

  /** Says how far the watch has come, if its client wants to know and everything up to here has been sent. */
  bookmark(): void {
    const { store, collection, resource } = this.#subject;
    const isCurrent = this.#isInitialDone && !this.#isBlocked && this.#sequence === collection.nextSequence;
    if (this.#isEnded || !this.#course.hasBookmarks || !isCurrent) return;
    this.#write([bookmarkFrame(store.revision, false, resource, this.#form)]);
  }

  end(): void {
    if (this.#isEnded) return;
    this.#finish();
    this.#sink.end();
  }

  #finish(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    for (const cancel of this.#cancels) cancel();
    this.#onEnd();
  }

  #pump(): void {
    while (!this.#isBlocked && !this.#isEnded) {
      const frames = this.#gather();
      if (frames === null) this.end();
      else if (frames.length === 0) return;
      else this.#write(frames);
    }
  }

  #write(frames: readonly Uint8Array[]): void {
    const chunk = frames.length === 1 && frames[0] !== undefined ? frames[0] : Buffer.concat(frames);
    if (this.#sink.write(chunk)) return;
    this.#isBlocked = true;
    this.#sink.onDrain(() => {
      this.#isBlocked = false;
      this.#pump();
    });
  }

  /** The next frames up to a chunk; empty: nothing to tell now; null: the history that would come next is gone. */
  #gather(): readonly Uint8Array[] | null {
    const frames: Uint8Array[] = [];
    let size = 0;
    while (size < CHUNK_BYTES) {
      const frame = this.#next();
      if (frame === null) return frames.length > 0 ? frames : null;
      if (frame === undefined) return frames;
      frames.push(frame);
      size += frame.length;
    }
    return frames;
  }

  #next(): Uint8Array | undefined | null {
    const { collection, resource } = this.#subject;
    const object = this.#course.initial[this.#initialAt];
    if (object !== undefined) {
      this.#initialAt += 1;
      return this.#frame('ADDED', object, null);
    }
    if (!this.#isInitialDone) {
      this.#isInitialDone = true;
      return bookmarkFrame(this.#course.initialEnd ?? 0, true, resource, this.#form);
    }
    for (;;) {
      const change = collection.changeAt(this.#sequence);
      if (change === undefined || change === null) return change;
      this.#sequence += 1;
      const seen = this.#see(change);
      if (seen !== null) return this.#frame(seen.type, seen.object, change);
    }
  }

  /** How a change looks through the selector: what leaves it is deleted, what enters it is added. */
  #see(change: Change): { type: EventType; object: KubeObject } | null {
    const { namespace, selector } = this.#subject;
    if (namespace !== null && namespace !== namespaceOf(change.object)) return null;
    const before = change.previous !== null && selector.matches(change.previous);
    const now = change.type !== 'DELETED' && selector.matches(change.object);
    if (now) return { type: before ? 'MODIFIED' : 'ADDED', object: change.object };
    if (!before || change.previous === null) return null;
    return {
      type: 'DELETED',
      object: change.type === 'DELETED' ? change.object : withMetadata(change.previous, { resourceVersion: String(change.revision) }),
    };
  }

  /** A change's bytes are made once for all watches of the same form. */
  #frame(type: EventType, object: KubeObject, change: Change | null): Uint8Array {
    const { resource } = this.#subject;
    const key = `${type} ${this.#key}`;
    const frame = change?.encodings.get(key) ?? eventFrame(type, object, resource, this.#form);
    change?.encodings.set(key, frame);
    this.#dropHeaders();
    return frame;
  }

  /** The columns of a table are named in its first event only. */
  #dropHeaders(): void {
    const { output, table } = this.#form;
    if (output.shape !== 'Table' || !table.hasHeaders) return;
    this.#form = { output, table: { ...table, hasHeaders: false } };
    this.#key = frameKey(this.#subject.resource, this.#form);
  }
}
