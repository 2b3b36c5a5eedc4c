// The seam between the embedded hub's network side (TLS, authentication, authorization, audit) and its API machinery. What crosses it
// is a request whose user is known and allowed, and an answer in bytes; sockets and certificates never come in here.

import type { ObjectMeta } from './object.ts';
import type { RequestInfo } from './request-info.ts';
import type { Status } from './status.ts';

/** authentication.k8s.io/v1 UserInfo. */
export interface UserInfo {
  readonly username: string;
  readonly uid?: string;
  readonly groups: readonly string[];
  readonly extra: Readonly<Record<string, readonly string[]>>;
}

export interface ApiRequest {
  readonly method: string;
  /** Path and query as they came in. */
  readonly target: string;
  /** The decoded path, as Go's URL.Path. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Buffer;
  readonly user: UserInfo;
  readonly info: RequestInfo;
}

export interface ApiAnswer {
  readonly status: number;
  /** Names in lower case; content-length is the network side's business. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer | null;
  /** A watch: called once, after the headers are out. */
  readonly stream?: (sink: StreamSink) => void;
  /** The Status of an answer that is a failure, whatever the encoding of `body`: the audit event repeats it. */
  readonly failure?: Status;
  /** metadata of the object that a create or an update carried, as decoded: the audit event's objectRef is completed from it. */
  readonly sent?: ObjectMeta;
}

/** Where a watch writes to. `write` is false when the reader lags; `onDrain` then tells once when to go on. */
export interface StreamSink {
  write(chunk: Uint8Array): boolean;
  onDrain(run: () => void): void;
  end(): void;
  /** Aborted when the reader has gone. */
  readonly closed: AbortSignal;
}

/** authorization.k8s.io/v1: what is asked for, of a resource or of another path. Empty string: not named. */
export type Attributes =
  | {
      readonly kind: 'resource';
      readonly verb: string;
      readonly group: string;
      readonly version: string;
      readonly resource: string;
      readonly subresource: string;
      readonly namespace: string;
      readonly name: string;
    }
  | { readonly kind: 'path'; readonly verb: string; readonly path: string };

export type Allows = (user: UserInfo, attributes: Attributes) => { readonly allowed: boolean; readonly reason: string };

/** A CertificateSigningRequest that has been approved and waits for kube-controller-manager. */
export interface SigningRequest {
  readonly name: string;
  readonly signerName: string;
  /** spec.request as it was sent: PEM of a PKCS#10 request. */
  readonly requestPem: string;
  readonly usages: readonly string[];
  readonly expirationSeconds: number | null;
  readonly user: UserInfo;
}

/** Signs as kube-controller-manager does. Resolves to the PEM of the leaf alone; rejects with the text for the Failed condition. */
export type SignLeaf = (csr: SigningRequest) => Promise<string>;
