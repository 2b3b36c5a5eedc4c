// The meter of design.md §4: counts what the parts tell it, in a registry of its own, and writes the Prometheus text. Every label is a word of a
// closed list. Never throws into the data path.

import { Counter, Histogram, Registry } from 'prom-client';
import type { Clock } from '../clock.ts';
import { refusals } from '../errors.ts';
import type { RefusalRule } from '../errors.ts';
import type { Identity } from '../identity.ts';
import type { Meter, MeteredRequest } from '../meter.ts';
import { Gauges } from './gauges.ts';
import { ProcessMetrics } from './process-metrics.ts';
import type { StatusViews } from './status.ts';
import { Tally } from './tally.ts';

/** k8s.io/apiserver request info: the API's verbs, and methods in lower case where a path is not of the API. */
const VERBS: ReadonlySet<string> = new Set(
  'get list watch create update patch delete deletecollection proxy head post put options connect trace'.split(' '),
);

/** Seconds. A leaf is a key pair and a signature: 1 to 10 ms. */
const ISSUE_BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1];
/** Seconds. Judgement alone takes tenths of a millisecond, with a reissue and a TLS handshake tens of them; the longest dial is hub.connectTimeout. */
const OVERHEAD_BUCKETS = [0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5];

export class Metrics implements Meter {
  readonly tally: Tally;
  readonly #registry: Registry = new Registry();
  readonly #registers: { readonly registers: Registry[] } = { registers: [this.#registry] };
  readonly #process: ProcessMetrics = new ProcessMetrics(this.#registry);
  readonly #gauges: Gauges = new Gauges(this.#registry);
  readonly #requests = this.#counter('requests_total', 'Requests that are over.', ['kind', 'verb', 'verdict', 'code']);
  readonly #denied = this.#counter('denied_total', 'Requests refused, by the rule that refused them.', ['rule']);
  readonly #leaves = this.#counter('leaves_issued_total', 'Leaves issued.', ['kind']);
  readonly #issueRefused = this.#counter('issue_refused_total', 'Leaves not issued, by the rule that forbade it.', ['reason']);
  readonly #hubRejections = this.#counter('hub_rejections_total', 'Answers 401 of the hub to a leaf that is held to be valid.', []);
  readonly #deliveries = this.#counter('alert_deliveries_total', 'Attempts to hand alerts on.', ['sink', 'result']);
  readonly #issueDuration: Histogram;
  readonly #overhead: Histogram;

  constructor(clock: Clock) {
    this.tally = new Tally(clock);
    this.#issueDuration = new Histogram({
      name: 'countersign_issue_duration_seconds',
      help: 'Time to issue a leaf.',
      buckets: ISSUE_BUCKETS,
      ...this.#registers,
    });
    this.#overhead = new Histogram({
      name: 'countersign_request_overhead_seconds',
      help: 'From the head of a request to its first octet on the way to the hub.',
      buckets: OVERHEAD_BUCKETS,
      ...this.#registers,
    });
    // From the start, so that the first one is an increase too
    for (const rule of Object.keys(refusals)) this.#denied.inc({ rule }, 0);
  }

  request(of: MeteredRequest): void {
    const { kind, verb, verdict, code, rule } = of;
    this.#requests.inc({ kind: kind ?? 'none', verb: nameVerb(verb), verdict, code: nameCode(code) });
    if (verdict === 'deny' && rule !== null) this.#denied.inc({ rule });
    this.tally.countRequest(of);
  }

  overhead(ms: number): void {
    this.#overhead.observe(ms / 1_000);
  }

  leafIssued(kind: Identity['kind'], durationMs: number): void {
    this.#leaves.inc({ kind });
    this.#issueDuration.observe(durationMs / 1_000);
    this.tally.countLeaf();
  }

  issueRefused(rule: RefusalRule): void {
    this.#issueRefused.inc({ reason: rule });
  }

  hubRejected(): void {
    this.#hubRejections.inc();
    this.tally.countHubRejection();
  }

  clientSeen(identity: Identity, certificate: { readonly notBeforeMs: number; readonly notAfterMs: number }): void {
    this.tally.see(identity, certificate);
  }

  alertDelivery(sink: string, result: 'sent' | 'failed'): void {
    this.#deliveries.inc({ sink, result });
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  /** The Prometheus text format, as of these views. */
  write(views: StatusViews, nowMs: number): Promise<string> {
    this.#gauges.take(views, nowMs);
    this.#process.take();
    return this.#registry.metrics();
  }

  /** Stops watching the event loop. Counting goes on harmlessly. */
  close(): void {
    this.#process.close();
  }

  #counter(name: string, help: string, labelNames: readonly string[]): Counter {
    return new Counter({ name: `countersign_${name}`, help, labelNames: [...labelNames], ...this.#registers });
  }
}

function nameVerb(verb: string | null): string {
  if (verb === null) return 'none';
  return VERBS.has(verb) ? verb : 'other';
}

/** A hub may answer with any three digits. */
function nameCode(code: number | null): string {
  if (code === null) return 'none';
  return Number.isInteger(code) && code >= 100 && code <= 599 ? String(code) : 'other';
}
