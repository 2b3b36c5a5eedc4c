// The part of `check` that looks at what ca-sync would work with: whether signer and trust bundle can be read, are usable, and belong together.

import type { CaSync } from '../ca-sync/ca-sync.ts';
import { isSignedBy } from '../certificate.ts';
import { formatDuration } from '../quantity.ts';
import type { CaSyncSettings } from '../settings.ts';
import type { SyncView } from '../sync-view.ts';
import { checkKeyPermissions } from './check-files.ts';
import { fail, ok, warn } from './finding.ts';
import type { Finding } from './finding.ts';

/** csr-signer is replaced with half of its 30 days left (csr-signer.md §1); the shortest that OpenShift makes lives two hours. */
const EXPIRY_WARNING_MS = 30 * 60_000;

export async function checkSource(settings: CaSyncSettings, caSync: CaSync, nowMs: number): Promise<Finding[]> {
  const state = caSync.state.current;
  const findings: Finding[] = [];
  if (state.lastError !== null) {
    findings.push(fail('ca-sync source', `${state.lastError.detail} (${state.lastError.code})`, adviseOnSource(settings)));
  }
  findings.push(checkSigner(state, nowMs), checkTrust(state));
  for (const skipped of state.trust.current?.skipped ?? []) {
    findings.push(
      warn('trust bundle', `left out: ${skipped}`, 'clients whose certificate is from that authority are refused; mend the bundle'),
    );
  }
  if (settings.source === 'files') findings.push(...(await checkKeyPermissions('signer key', settings.files.keyFile)));
  const match = checkMatch(caSync);
  return match === null ? findings : [...findings, match];
}

function checkSigner({ signer, lastError }: SyncView, nowMs: number): Finding {
  const item = 'signer';
  const { current, refused, missing, candidate } = signer;
  if (current !== null) {
    const leftMs = current.notAfterMs - nowMs;
    const text = `${current.subject}, SHA-256 ${current.fingerprintSHA256}, until ${new Date(current.notAfterMs).toISOString()}`;
    if (leftMs <= 0) return fail(item, `${text}: it has ended`, 'see why the hub does not rotate it');
    if (leftMs < EXPIRY_WARNING_MS) return warn(item, `${text}: it ends in ${formatDuration(leftMs)}`, 'see that the hub rotates it');
    return ok(item, text);
  }
  if (refused !== null)
    return fail(item, `${refused.detail} (${refused.code})`, 'put the CA certificate and the key that belongs to it in place');
  if (missing !== null) return fail(item, missing.detail, 'check the names under caSync');
  if (candidate !== null) return fail(item, `${candidate.subject} is not valid yet`, 'check the clocks');
  return fail(item, lastError === null ? 'none was found' : 'it could not be read', 'see the line on the ca-sync source');
}

function checkTrust({ trust, lastError }: SyncView): Finding {
  const item = 'trust bundle';
  const { current, refused, missing } = trust;
  if (current !== null)
    return ok(item, `${current.authorities.length} authorities: ${current.authorities.map(({ subject }) => subject).join('; ')}`);
  if (refused !== null) return fail(item, `${refused.detail} (${refused.code})`, 'put a PEM bundle of CA certificates in place');
  if (missing !== null) return fail(item, missing.detail, 'check the names under caSync');
  return fail(item, lastError === null ? 'none was found' : 'it could not be read', 'see the line on the ca-sync source');
}

/** The bundle is what the hub is told to trust: a signer outside it makes leaves that the hub will answer with 401. */
function checkMatch({ signer, trust }: CaSync): Finding | null {
  const item = 'signer and trust bundle';
  if (signer.current === null || trust.current === null) return null;
  const { certificate, chain } = signer.current;
  const top = chain.at(-1) ?? certificate;
  const authorities = trust.current.authorities;
  const anchor = authorities.find(
    (authority) =>
      [certificate, ...chain].some((link) => link.fingerprintSHA256 === authority.fingerprintSHA256) ||
      (top.issuerDer.equals(authority.subjectDer) && isSignedBy(top, authority)),
  );
  if (anchor !== undefined) return ok(item, `the signer chains to ${anchor.subject}`);
  return warn(
    item,
    'neither the signer nor its issuer is in the trust bundle: the hub may answer 401 to every leaf',
    'while the hub rotates, wait for trust to follow (about 5 minutes); otherwise the two are of different hubs',
  );
}

function adviseOnSource(settings: CaSyncSettings): string {
  if (settings.source === 'files') return 'check the file names under caSync.files and who may read them';
  const { signer, trust } = settings;
  return `let its account get and watch Secret ${signer.namespace}/${signer.secret} and ConfigMap ${trust.namespace}/${trust.configMap} (README.md, "With a real hub")`;
}
