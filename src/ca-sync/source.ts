// What a place that holds the signer and the trust bundle has to offer. A read gives what is there now, whole; a hint only says that a read
// is worth while. Never is a hint's content believed: reads cannot overtake each other, hints could.

/** Bytes as they were stored; empty where the key or the file is there without content. */
export interface SignerMaterial {
  readonly certificate: Buffer;
  /** The reader erases it. */
  readonly key: Buffer;
}

/** Stable: they appear in the log, in metrics and in the status. */
export type SourceFailureCode =
  | 'kubeconfig'
  | 'unreachable'
  | 'timeout'
  | 'unauthorized'
  | 'forbidden'
  | 'api-error'
  | 'answer-malformed'
  | 'too-large'
  | 'file-unreadable'
  | 'file-unsettled';

export interface SourceFailure {
  readonly kind: 'failed';
  readonly code: SourceFailureCode;
  readonly detail: string;
}

/** One of the two things that a source holds, at the time of a read. */
export type Found<T> =
  | { readonly kind: 'found'; readonly value: T }
  | { readonly kind: 'missing'; readonly detail: string }
  | SourceFailure;

export interface Reading {
  readonly signer: Found<SignerMaterial>;
  readonly trust: Found<Buffer>;
}

export interface Source {
  /** Both, afresh. Never rejects and always ends, within seconds. */
  read(): Promise<Reading>;
  /** Called once. `hint` may be called at any time until `close`. */
  follow(hint: () => void): void;
  /** Ends reads and watches under way; resolves when no timer, socket or watcher is left. */
  close(): Promise<void>;
}

/** A Secret and a ConfigMap are 1 MiB at most (Kubernetes' limit), and so is what a mounted one becomes as files. */
export const MAX_MATERIAL_BYTES: number = 1024 * 1024;
