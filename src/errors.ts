// The tables of everything that Countersign answers by itself: refusals (the client's doing, by rule) and faults (ours or the hub's, by
// cause). One row a code; one function turns a row into the Kubernetes Status that the client gets. The names are public interface.

/** One reason why a request is refused. `status` and `reason` are what the client sees, `sentence` completes "countersign: …". */
interface RefusalRow {
  readonly status: 400 | 401 | 403 | 413 | 415 | 429 | 431;
  readonly sentence: string;
}

export type RefusalRule =
  | 'no-client-certificate'
  | 'token-malformed'
  | 'token-unverified'
  | 'token-expired'
  | 'token-not-yet-valid'
  | 'token-not-bootstrap'
  | 'token-changed'
  | 'bootstrap-other-cluster'
  | 'certificate-malformed'
  | 'certificate-unknown-authority'
  | 'certificate-constraints'
  | 'certificate-usage'
  | 'certificate-is-authority'
  | 'certificate-expired'
  | 'certificate-not-yet-valid'
  | 'subject-ambiguous'
  | 'subject-grammar'
  | 'quarantined'
  | 'rate-limited'
  | 'locked-out'
  | 'connection-limit'
  | 'identity-header'
  | 'header-ambiguous'
  | 'header-limit'
  | 'target-form'
  | 'path-form'
  | 'query-form'
  | 'query-repeated'
  | 'query-type'
  | 'query-unknown'
  | 'target-length'
  | 'host-mismatch'
  | 'framing'
  | 'method-not-supported'
  | 'upgrade-refused'
  | 'body-limit'
  | 'body-incomplete'
  | 'body-stalled'
  | 'body-encoding'
  | 'body-media-type'
  | 'body-form'
  | 'body-bounds'
  | 'body-mismatch'
  | 'policy-denied'
  | 'policy-body'
  | 'csr-malformed'
  | 'csr-subject';

export const refusals: Readonly<Record<RefusalRule, RefusalRow>> = {
  'no-client-certificate': { status: 401, sentence: 'a client certificate is required; present the one in your hub kubeconfig' },
  'token-malformed': {
    status: 401,
    sentence:
      'without a client certificate, only the service-account token of a bootstrap kubeconfig is accepted; this is not such a token',
  },
  'token-unverified': { status: 401, sentence: 'the bearer token is not signed by the hub' },
  'token-expired': { status: 401, sentence: 'the bootstrap token has expired; import the cluster anew' },
  'token-not-yet-valid': { status: 401, sentence: 'the bootstrap token is not valid yet; check the clocks' },
  'token-not-bootstrap': {
    status: 401,
    sentence: 'the bearer token is not that of a bootstrap account; only the import of a cluster comes with one',
  },
  'token-changed': { status: 401, sentence: 'this connection was opened with another bearer token; open a new one' },
  'bootstrap-other-cluster': { status: 403, sentence: 'this connection imports another cluster; each has its own' },
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
  quarantined: {
    status: 403,
    sentence: 'this cluster is quarantined: nothing of it is let through until an administrator of the hub takes it out of quarantine',
  },
  'rate-limited': { status: 429, sentence: 'this agent asks more often than allowed; wait as Retry-After says' },
  'locked-out': { status: 429, sentence: 'this agent was refused or flooded too often and is locked out; wait as Retry-After says' },
  'connection-limit': { status: 429, sentence: 'this agent has more connections open than allowed; close some' },
  'identity-header': { status: 400, sentence: 'headers that claim an identity are not accepted' },
  'header-ambiguous': { status: 400, sentence: 'a header can be read in more than one way' },
  'header-limit': { status: 431, sentence: 'the request has more or larger headers than allowed' },
  'target-form': { status: 400, sentence: 'the request target is not a plain absolute path with an optional query' },
  'path-form': { status: 400, sentence: 'the path is not one of plain Kubernetes names; nothing in it is repaired' },
  'query-form': { status: 400, sentence: 'the query is not a list of key=value pairs in plain ASCII' },
  'query-repeated': { status: 400, sentence: 'a query parameter stands twice' },
  'query-type': { status: 400, sentence: 'a query parameter has a value that is not of its type' },
  'query-unknown': { status: 403, sentence: 'a query parameter is not one that the Kubernetes API knows' },
  'target-length': { status: 400, sentence: 'the request target is longer than allowed' },
  'host-mismatch': { status: 400, sentence: 'the request names its host more than once or differently' },
  framing: { status: 400, sentence: 'the message framing is ambiguous or not allowed' },
  'method-not-supported': { status: 400, sentence: 'the request method is not one that the Kubernetes API knows' },
  'upgrade-refused': { status: 403, sentence: 'protocol upgrades and tunnels are not allowed' },
  'body-limit': { status: 413, sentence: 'the request body is larger than allowed' },
  'body-incomplete': { status: 400, sentence: 'the request body ended before its declared length' },
  'body-stalled': { status: 400, sentence: 'the request body did not arrive in time' },
  'body-encoding': { status: 415, sentence: 'request bodies with a content encoding are not accepted' },
  'body-media-type': { status: 415, sentence: 'the media type of the request body is not accepted for this request' },
  'body-form': { status: 400, sentence: 'the request body is malformed, or can be read in more than one way' },
  'body-bounds': { status: 413, sentence: 'the request body has more parts, levels or longer values than allowed' },
  'body-mismatch': { status: 400, sentence: 'the object in the request body is not the one that the request names' },
  'policy-denied': { status: 403, sentence: 'no policy allows this request to this caller' },
  'policy-body': { status: 403, sentence: 'the policy allows such a request to this caller, but not with this body' },
  'csr-malformed': { status: 400, sentence: 'the certificate request in the body is malformed or not signed with its own key' },
  'csr-subject': { status: 403, sentence: 'the certificate request is for a subject that is not that of a klusterlet or of an add-on' },
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
  | 'no-token-keys'
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
  'no-token-keys': {
    status: 503,
    side: 'internal',
    retry: 'never',
    retryAfterSeconds: 5,
    sentence: "the hub's keys for service-account tokens are not at hand",
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
  /** For Retry-After: when the same request has a chance. Present with every 429. */
  readonly retryAfterSeconds?: number;
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

export function answerRefusal({ rule, retryAfterSeconds }: Omit<Refusal, 'detail'>, auditId: string): StatusAnswer {
  const row = refusals[rule];
  const headers: Record<string, string> = retryAfterSeconds === undefined ? {} : { 'retry-after': String(retryAfterSeconds) };
  return answer(row.status, `countersign: ${row.sentence} (rule ${rule}, audit-id ${auditId})`, headers);
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
