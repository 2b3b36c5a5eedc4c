// A meter that keeps what it was told, in order.

import type { Identity } from '../../src/identity.ts';
import type { Meter, MeteredRequest } from '../../src/meter.ts';

export interface RecordedMeter extends Meter {
  readonly requests: MeteredRequest[];
  readonly overheads: number[];
  readonly issued: { readonly kind: Identity['kind']; readonly durationMs: number }[];
  readonly refused: string[];
  readonly seen: { readonly cluster: string | null; readonly notAfterMs: number }[];
  rejections(): number;
}

export function recordMeter(): RecordedMeter {
  const [requests, overheads, issued, refused, seen] = [[], [], [], [], []] as [
    RecordedMeter['requests'],
    RecordedMeter['overheads'],
    RecordedMeter['issued'],
    RecordedMeter['refused'],
    RecordedMeter['seen'],
  ];
  let rejections = 0;
  return {
    ...{ requests, overheads, issued, refused, seen },
    rejections: () => rejections,
    request: (of) => void requests.push(of),
    overhead: (ms) => void overheads.push(ms),
    leafIssued: (kind, durationMs) => void issued.push({ kind, durationMs }),
    issueRefused: (rule) => void refused.push(rule),
    hubRejected: () => {
      rejections += 1;
    },
    clientSeen: ({ cluster }, { notAfterMs }) => void seen.push({ cluster, notAfterMs }),
  };
}
