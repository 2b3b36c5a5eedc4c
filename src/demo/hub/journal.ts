// What the hub has seen, request by request, for tests to look at: the message as it came in and who it was taken for. Bounded in entries
// and in bytes; the oldest go first.

export interface SeenRequest {
  /** 1, 2, 3 … in the order in which the hub came to know the request's user. */
  readonly sequence: number;
  readonly atMs: number;
  readonly method: string;
  readonly target: string;
  /** As received and in order; pseudo-headers of HTTP/2 included. */
  readonly headers: readonly (readonly [string, string])[];
  readonly body: Buffer;
  /** False: the sender broke off, the body was too large, or the request was refused before anyone asked for it. */
  readonly isBodyComplete: boolean;
  /** Null: authentication failed. */
  readonly user: string | null;
  readonly groups: readonly string[];
  /** X509SHA256=… or JTI=…; null: neither. */
  readonly credentialId: string | null;
  /** DER of what the TLS client sent, leaf first. */
  readonly certificates: readonly Buffer[];
  readonly httpVersion: '1.1' | '2.0';
  /** Counted from 1 for each TCP connection. */
  readonly connection: number;
  /** Of the answer's head; null: there was none. */
  readonly status: number | null;
}

const MAX_ENTRIES = 20_000;
const MAX_BODY_BYTES = 64 * 1024 * 1024;

export class Journal {
  readonly #entries: SeenRequest[] = [];
  readonly #listeners = new Set<(seen: SeenRequest) => void>();
  #bodyBytes = 0;
  #sequence = 0;

  get entries(): readonly SeenRequest[] {
    return this.#entries;
  }

  nextSequence(): number {
    this.#sequence += 1;
    return this.#sequence;
  }

  add(seen: SeenRequest): void {
    this.#entries.push(seen);
    this.#bodyBytes += seen.body.length;
    while (this.#entries.length > MAX_ENTRIES || this.#bodyBytes > MAX_BODY_BYTES) {
      const oldest = this.#entries.shift();
      if (oldest === undefined) break;
      this.#bodyBytes -= oldest.body.length;
    }
    for (const listener of this.#listeners) listener(seen);
  }

  clear(): void {
    this.#entries.length = 0;
    this.#bodyBytes = 0;
  }

  /** Called with each request once its answer's head is out, or once it is known that there will be none. */
  subscribe(listener: (seen: SeenRequest) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
