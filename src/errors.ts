// The tables of everything that Countersign answers by itself: refusals (the client's doing, by rule) and faults (ours or the hub's, by
// cause). One row a code; one function turns a row into the Kubernetes Status that the client gets. The names are public interface.

/** One reason why a request is refused. `status` and `reason` are what the client sees, `sentence` completes "countersign: …". */
interface RefusalRow {
  readonly status: 400 | 401 | 403 | 413 | 415 | 429 | 431;
  readonly sentence: string;
}

export type RefusalRule =
  | 'no-client-certificate'
  | 'certificate-malformed'
  | 'certificate-unknown-authority'
  | 'certificate-constraints'
  | 'certificate-usage'
  | 'certificate-is-authority'
  | 'certificate-expired'
  | 'certificate-not-yet-valid'
  | 'subject-ambiguous'
  | 'subject-grammar'
  | 'identity-header'
  | 'header-ambiguous'
  | 'header-limit'
  | 'target-form'
  | 'target-length'
  | 'host-mismatch'
  | 'framing'
  | 'method-not-supported'
  | 'upgrade-refused'
  | 'body-limit'
  | 'body-incomplete'
  | 'body-stalled';

export const refusals: Readonly<Record<RefusalRule, RefusalRow>> = {
  'no-client-certificate': { status: 401, sentence: 'a client certificate is required; present the one in your hub kubeconfig' },
  'certificate-malformed': { status: 401, sentence: 'the client certificate does not parse as the hub would parse it' },
  'certificate-unknown-authority': {
    status: 401,
    sentence: 'the client certificate is not signed by an authority in the hub trust bundle; renew it through the hub',
  },
  'certificate-constraints': { status: 401, sentence: 'the client certificate or its chain carries constraints that the hub would refuse' },
  'certificate-usage': { status: 401, sentence: 'the client certificate is not for client authentication (extended key usage clientAuth)' },
  'certificate-is-authority': { status: 401, sentence: 'the client certificate is a certificate authority; agents do not use one' },
  'certificate-expired': { status: 401, sentence: 'the client certificate or an authority above it has expired; renew it through the hub' },
  'certificate-not-yet-valid': {
    status: 401,
    sentence: 'the client certificate or an authority above it is not valid yet; check the clocks',
  },
  'subject-ambiguous': { status: 403, sentence: 'the subject of the client certificate can be read in more than one way' },
  'subject-grammar': { status: 403, sentence: 'the subject of the client certificate is not that of a klusterlet or of an add-on' },
  'identity-header': { status: 400, sentence: 'headers that claim an identity are not accepted' },
  'header-ambiguous': { status: 400, sentence: 'a header can be read in more than one way' },
  'header-limit': { status: 431, sentence: 'the request has more or larger headers than allowed' },
  'target-form': { status: 400, sentence: 'the request target is not a plain absolute path with an optional query' },
  'target-length': { status: 400, sentence: 'the request target is longer than allowed' },
  'host-mismatch': { status: 400, sentence: 'the request names its host more than once or differently' },
  framing: { status: 400, sentence: 'the message framing is ambiguous or not allowed' },
  'method-not-supported': { status: 400, sentence: 'the request method is not one that the Kubernetes API knows' },
  'upgrade-refused': { status: 403, sentence: 'protocol upgrades and tunnels are not allowed' },
  'body-limit': { status: 413, sentence: 'the request body is larger than allowed' },
  'body-incomplete': { status: 400, sentence: 'the request body ended before its declared length' },
  'body-stalled': { status: 400, sentence: 'the request body did not arrive in time' },
};

/** One reason why an acceptable request was not answered by the hub. */
interface FaultRow {
  readonly status: 502 | 503 | 504;
  readonly side: 'hub' | 'internal';
  /** Whether the same request may be sent once more without asking the client: only where the hub cannot have processed it. */
  readonly retry: 'safe' | 'never';
  /** Seconds for Retry-After. client-go waits and repeats only where it is present (client-go rest/with_retry.go). */
  readonly retryAfterSeconds: number;
  readonly sentence: string;
}

export type FaultCause =
  | 'hub-unreachable'
  | 'hub-certificate'
  | 'hub-connect-timeout'
  | 'hub-response-timeout'
  | 'hub-reset'
  | 'hub-not-processed'
  | 'hub-protocol'
  | 'hub-refused-leaf'
  | 'no-signer'
  | 'no-trust-bundle'
  | 'draining'
  | 'overloaded'
  | 'internal';

export const faults: Readonly<Record<FaultCause, FaultRow>> = {
  'hub-unreachable': { status: 502, side: 'hub', retry: 'never', retryAfterSeconds: 5, sentence: 'the hub cannot be reached' },
  'hub-certificate': {
    status: 502,
    side: 'hub',
    retry: 'never',
    retryAfterSeconds: 30,
    sentence: "the hub's certificate does not verify against hub.caFile",
  },
  'hub-connect-timeout': {
    status: 504,
    side: 'hub',
    retry: 'never',
    retryAfterSeconds: 5,
    sentence: 'the hub did not complete a connection in time',
  },
  'hub-response-timeout': { status: 504, side: 'hub', retry: 'never', retryAfterSeconds: 5, sentence: 'the hub did not answer in time' },
  'hub-reset': {
    status: 502,
    side: 'hub',
    retry: 'never',
    retryAfterSeconds: 1,
    sentence: 'the hub closed the connection before it answered',
  },
  'hub-not-processed': {
    status: 503,
    side: 'hub',
    retry: 'safe',
    retryAfterSeconds: 1,
    sentence: 'the hub turned the request away without processing it',
  },
  'hub-protocol': {
    status: 502,
    side: 'hub',
    retry: 'never',
    retryAfterSeconds: 5,
    sentence: 'the hub answered with something that is not valid HTTP',
  },
  'hub-refused-leaf': {
    status: 503,
    side: 'hub',
    retry: 'safe',
    retryAfterSeconds: 5,
    sentence: 'the hub does not accept the reissued certificate',
  },
  'no-signer': { status: 503, side: 'internal', retry: 'never', retryAfterSeconds: 5, sentence: 'there is no usable signer yet' },
  'no-trust-bundle': {
    status: 503,
    side: 'internal',
    retry: 'never',
    retryAfterSeconds: 5,
    sentence: 'there is no usable trust bundle yet',
  },
  draining: { status: 503, side: 'internal', retry: 'never', retryAfterSeconds: 1, sentence: 'this instance is shutting down' },
  overloaded: { status: 503, side: 'internal', retry: 'never', retryAfterSeconds: 5, sentence: 'this instance is at a limit' },
  internal: {
    status: 503,
    side: 'internal',
    retry: 'never',
    retryAfterSeconds: 5,
    sentence: 'an internal error; the log has it under this audit-id',
  },
};

/** A request that cannot be completed for a reason that is not its sender's. `detail` is for our log, never for the client. */
export class Fault extends Error {
  readonly faultCause: FaultCause;

  constructor(faultCause: FaultCause, detail: string, options?: ErrorOptions) {
    super(detail, options);
    this.name = 'Fault';
    this.faultCause = faultCause;
  }
}

/** A refusal by rule. `detail` is for the audit only: which value or byte it was. */
export interface Refusal {
  readonly rule: RefusalRule;
  readonly detail: string;
}

/** metav1.Status as the Kubernetes API writes it, with the code and the extra headers it goes out with. */
export interface StatusAnswer {
  readonly code: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** `reason` values of apimachinery pkg/apis/meta/v1/types.go where one exists for the code; clients switch on them. */
const statusReasons: Readonly<Record<RefusalRow['status'] | FaultRow['status'], string>> = {
  400: 'BadRequest',
  401: 'Unauthorized',
  403: 'Forbidden',
  413: 'RequestEntityTooLarge',
  415: 'UnsupportedMediaType',
  429: 'TooManyRequests',
  431: 'RequestHeaderFieldsTooLarge',
  502: 'BadGateway',
  503: 'ServiceUnavailable',
  504: 'Timeout',
};

export function answerRefusal(rule: RefusalRule, auditId: string): StatusAnswer {
  const row = refusals[rule];
  return answer(row.status, `countersign: ${row.sentence} (rule ${rule}, audit-id ${auditId})`, {});
}

export function answerFault(cause: FaultCause, auditId: string): StatusAnswer {
  const row = faults[cause];
  const message = `countersign: ${row.sentence} (cause ${cause}, audit-id ${auditId})`;
  return answer(row.status, message, { 'retry-after': String(row.retryAfterSeconds) });
}

function answer(code: keyof typeof statusReasons, message: string, headers: Record<string, string>): StatusAnswer {
  const status = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, reason: statusReasons[code], code };
  return {
    code,
    headers: { 'content-type': 'application/json', 'cache-control': 'no-store', ...headers },
    body: `${JSON.stringify(status)}\n`,
  };
}
