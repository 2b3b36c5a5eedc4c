// The audit trail: one JSON line for every leaf issued or refused, every denial, every signer. Never a body, a token or a key; never blocks the
// event loop, never grows without bound, and never loses a line silently.

import { openFileSink, openStandardOutputSink } from './audit-sink.ts';
import type { AuditSink } from './audit-sink.ts';
import { AuditTrail } from './audit-trail.ts';
import type { Clock } from './clock.ts';
import type { Log } from './events.ts';
import type { AuditSettings } from './settings.ts';

/** Fingerprints are lower-case hex of SHA-256 over the DER; times are RFC 3339. */
export type AuditLine = IssueLine | IssueRefusedLine | RequestLine | SignerLine | LockoutLine | QuarantineLine;

export interface IssueLine {
  readonly event: 'issue';
  readonly clientCertificateSHA256: string;
  /** The hub's `authentication.kubernetes.io/credential-id` is `X509SHA256=` and this. */
  readonly leafSHA256: string;
  readonly user: string;
  readonly groups: readonly string[];
  readonly kind: string;
  readonly cluster: string | null;
  readonly addon: string | null;
  readonly generation: number;
  readonly notAfter: string;
}

export interface IssueRefusedLine {
  readonly event: 'issue-refused';
  /** null where the client sent none. */
  readonly clientCertificateSHA256: string | null;
  readonly rule: string;
  /** What exactly was found; for us only, never for the client. */
  readonly detail: string;
}

export interface RequestLine {
  readonly event: 'request';
  /** The `Audit-ID` header that the hub's own audit log carries too. */
  readonly auditID: string;
  readonly user: string | null;
  readonly cluster: string | null;
  /** As sent, cut to a bounded length. */
  readonly method: string;
  /** The path of the request target, without the query, cut to a bounded length. */
  readonly path: string;
  /** Kubernetes' words for the request; null where it was not read as one. */
  readonly verb: string | null;
  readonly apiGroup: string | null;
  readonly resource: string | null;
  readonly subresource: string | null;
  readonly namespace: string | null;
  readonly name: string | null;
  /** Of the body as sent, cut to a bounded length; null where none was said. A patch is of one kind or another by it. */
  readonly contentType: string | null;
  readonly verdict: 'allow' | 'deny' | 'would-deny';
  /** The refusal rule of a denial. */
  readonly rule: string | null;
  /** HTTP status that the client got; null where it got none. */
  readonly code: number | null;
  readonly durationMs: number;
  readonly detail: string | null;
}

export interface SignerLine {
  readonly event: 'signer';
  readonly generation: number;
  readonly signerSHA256: string;
  readonly subject: string;
  readonly notBefore: string;
  readonly notAfter: string;
}

/** Whose refusals or floods were too many is answered 429 for a while; those answers are counted here and have no lines of their own. */
export interface LockoutLine {
  readonly event: 'lockout';
  readonly change: 'begun' | 'ended';
  readonly user: string;
  readonly kind: string;
  readonly cluster: string | null;
  readonly addon: string | null;
  readonly reason: string;
  /** Answered 429 since it began. */
  readonly requests: number;
}

export interface QuarantineLine {
  readonly event: 'quarantine';
  readonly change: 'entered' | 'left';
  readonly cluster: string;
  /** Who wants it so, or did until now. */
  readonly by: readonly ('settings' | 'configMap' | 'hub')[];
}

export interface Audit {
  /** Takes the line and returns at once. An allowed request is left out unless the settings ask for all of them. */
  write(line: AuditLine): void;
  /** Opens the file of that name anew, as logrotate asks for; where that fails the open one goes on and the log says so. */
  reopen(): Promise<void>;
  /** Writes what is left, for at most five seconds. */
  close(): Promise<void>;
}

export interface OpenAudit extends Audit {
  /** Since the start. */
  readonly linesLost: number;
}

/** Rejects when the file cannot be opened: a trail that is asked for and cannot be written is a reason not to start. */
export async function openAudit(settings: AuditSettings, around: { readonly clock: Clock; readonly log: Log }): Promise<OpenAudit> {
  const openSink = (): Promise<AuditSink> =>
    settings.file === '-' ? Promise.resolve(openStandardOutputSink()) : openFileSink(settings.file);
  const trail = new AuditTrail(await openSink(), around);
  return {
    write: (line) => {
      if (line.event === 'request' && settings.requests === 'denied' && isLeftOut(line)) return;
      trail.append({ time: new Date(around.clock.now()).toISOString(), ...line });
    },
    reopen: () => (settings.file === '-' ? Promise.resolve() : trail.replace(openSink)),
    close: () => trail.close(),
    get linesLost() {
      return trail.linesLost;
    },
  };
}

/** Somebody who is locked out could fill the disk otherwise: the line of the lock-out counts those. */
function isLeftOut({ verdict, rule }: RequestLine): boolean {
  return verdict === 'allow' || rule === 'locked-out';
}
