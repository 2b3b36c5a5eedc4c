// What Countersign's audit file says of signers and leaves, read as it grows. The product's own record, and public (design.md §4 "Audit").

import { closeSync, openSync, readSync } from 'node:fs';

export interface PublishedSigner {
  readonly generation: number;
  readonly atMs: number;
}

interface Line {
  readonly event: string;
  readonly time: string;
  readonly generation: number;
  readonly signerSHA256: string;
  readonly clientCertificateSHA256: string;
}

const CHUNK_BYTES = 256 * 1024;

export class AuditTrailReader {
  readonly #file: string;
  readonly #signers = new Map<string, PublishedSigner>();
  readonly #served = new Map<string, number>();
  #offset = 0;
  #rest = '';
  #leaves = 0;
  #generation = 0;
  #lastIssueMs = 0;

  constructor(file: string) {
    this.#file = file;
  }

  /** Of the signer with this SHA-256, the last time that it was published; undefined: never. */
  published(signerSHA256: string): PublishedSigner | undefined {
    return this.#signers.get(signerSHA256);
  }

  /** Of the newest leaf for the client certificate with this SHA-256; 0: none. */
  servedGeneration(clientCertificateSHA256: string): number {
    return this.#served.get(clientCertificateSHA256) ?? 0;
  }

  get leaves(): number {
    return this.#leaves;
  }

  /** Epoch milliseconds; 0: none yet. */
  get lastIssueMs(): number {
    return this.#lastIssueMs;
  }

  /** The newest: how many signers were published in all. */
  get generation(): number {
    return this.#generation;
  }

  /** Takes in what has been written since the last time. */
  read(): void {
    const file = openSync(this.#file, 'r');
    try {
      const chunk = Buffer.alloc(CHUNK_BYTES);
      for (;;) {
        const length = readSync(file, chunk, 0, chunk.length, this.#offset);
        if (length === 0) return;
        this.#offset += length;
        // Lines are ASCII: names in the grammar are, and JSON escapes nothing else that matters here.
        const lines = (this.#rest + chunk.toString('latin1', 0, length)).split('\n');
        this.#rest = lines.pop() ?? '';
        for (const line of lines) this.#take(JSON.parse(line) as Line);
      }
    } finally {
      closeSync(file);
    }
  }

  #take({ event, time, generation, signerSHA256, clientCertificateSHA256 }: Line): void {
    if (event === 'signer') {
      this.#generation = Math.max(this.#generation, generation);
      this.#signers.set(signerSHA256, { generation, atMs: Date.parse(time) });
    } else if (event === 'issue') {
      this.#leaves += 1;
      this.#lastIssueMs = Date.parse(time);
      this.#served.set(clientCertificateSHA256, Math.max(this.servedGeneration(clientCertificateSHA256), generation));
    }
  }
}
