// The part of `check` that shows the hub a leaf of the present signer, for a user that nothing is bound to, as `run` does before it uses a signer. The
// request is one that every authenticated user may make.

import { askHub } from '../ca-sync/ca-sync.ts';
import type { Signer } from '../ca-sync/ca-sync.ts';
import type { Clock } from '../clock.ts';
import type { CaSyncSettings, HubSettings } from '../settings.ts';
import type { ProbeAnswer } from '../sync-view.ts';
import { fail, ok } from './finding.ts';
import type { Finding } from './finding.ts';

export async function checkCanary(
  signer: Signer,
  settings: { readonly hub: HubSettings; readonly caSync: CaSyncSettings },
  clock: Clock,
): Promise<Finding[]> {
  const answers = await askHub(signer, settings, clock);
  return answers.map((answer) => judge(answer, answers.length > 1));
}

/** Each finding names its endpoint where there are several. */
function judge({ endpoint, outcome, detail }: ProbeAnswer, isOneOfMany: boolean): Finding {
  const item = isOneOfMany ? `canary at ${endpoint}` : 'canary';
  return outcome === 'accepted' ? ok(item, detail) : fail(item, detail, advice[outcome]);
}

const advice = {
  rejected: "the hub does not trust this signer (yet): while it rotates, wait 5 minutes; otherwise caSync reads another hub's",
  unreachable: 'see the lines on the signer and the hub; hub.url must reach the API server itself, with nothing between that ends TLS',
} as const;
