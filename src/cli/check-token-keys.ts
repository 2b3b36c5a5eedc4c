// The part of `check` that looks at the keys which bootstrap tokens are verified with: whether they can be read, and what they leave open.

import type { CaSync } from '../ca-sync/ca-sync.ts';
import type { BootstrapSettings } from '../settings.ts';
import { fail, ok, warn } from './finding.ts';
import type { Finding } from './finding.ts';

/** Nothing where bootstrap is off. */
export function checkTokenKeys({ enabled }: BootstrapSettings, caSync: CaSync): Finding[] {
  const item = 'token keys';
  const state = caSync.jwksState.current;
  const jwks = caSync.jwks.current;
  if (!enabled || state === null) return [];
  if (jwks === null) {
    const { code, detail } = state.lastError ?? { code: 'none', detail: 'none were found' };
    return [fail(item, `${detail} (${code})`, adviseOn(state.source))];
  }
  const skipped = jwks.skipped.map((reason) => warn(item, `left out: ${reason}`, 'tokens under that key are refused; mend the set'));
  const text = `${jwks.keys.length} of the hub, issuer ${jwks.issuer ?? 'not known: tokens may name any'}`;
  // A file of keys never names their issuer.
  if (jwks.issuer !== null || state.source === 'file') return [ok(item, text), ...skipped];
  return [
    warn(item, text, 'let the account read /.well-known/openid-configuration (ClusterRole system:service-account-issuer-discovery)'),
    ...skipped,
  ];
}

function adviseOn(source: 'hub' | 'file'): string {
  if (source === 'file') return 'put the answer of `kubectl get --raw /openid/v1/jwks` into bootstrap.jwksFile';
  return 'bind the account to the ClusterRole system:service-account-issuer-discovery, or set bootstrap.jwksFile';
}
