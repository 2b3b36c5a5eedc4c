// Tells when something on the hub can no longer be read and when it can again: once each, not with every attempt.

import type { Log } from '../events.ts';
import type { SourceFailure } from './source.ts';

export class ReadFailures {
  readonly #log: Log;
  #code: string | null = null;

  constructor(log: Log) {
    this.#log = log;
  }

  note(outcome: { readonly kind: 'found' | 'missing' } | SourceFailure): void {
    if (outcome.kind !== 'failed') {
      if (this.#code !== null) this.#log.event('quarantine-readable');
      this.#code = null;
      return;
    }
    const { code, detail } = outcome;
    if (this.#code !== code) this.#log.event('quarantine-unreadable', { code, detail });
    this.#code = code;
  }
}
