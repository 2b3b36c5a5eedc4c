// The head of a request as a protocol parser delivered it, the same for HTTP/1.1 and HTTP/2. Nothing in it has been judged yet.

export interface RequestHead {
  readonly httpVersion: '1.0' | '1.1' | '2.0';
  readonly method: string;
  /** The request target as sent: the request line's second word, or `:path`. */
  readonly target: string;
  /** `:authority`, where there is one. */
  readonly authority: string | null;
  /** Flat name, value pairs in the order of arrival, without pseudo-headers. */
  readonly headers: readonly string[];
  /** Whether a body may follow: HTTP/2 without END_STREAM, HTTP/1.1 with Content-Length above 0 or Transfer-Encoding. */
  readonly hasBody: boolean;
}

export interface HeadLimits {
  /** Bytes of names and values together. */
  readonly maxHeaderBytes: number;
  /** Header lines. */
  readonly maxHeaders: number;
  /** Parameters of the query. */
  readonly maxQueryParameters: number;
  /** Bytes of the request target. */
  readonly maxTargetBytes: number;
  /** Bytes that a body may declare. */
  readonly maxRequestBodyBytes: number;
}
