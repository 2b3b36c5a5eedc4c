// The command that says what would happen to a client certificate, and to a request of its holder. Reads files; asks the hub's API server only where `--online` says so.

import { readTrustBundle, startCaSync } from '../ca-sync/ca-sync.ts';
import type { TrustBundle } from '../ca-sync/ca-sync.ts';
import { CertificateError, readCertificates, splitPemCertificates } from '../certificate.ts';
import type { Certificate } from '../certificate.ts';
import type { Clock } from '../clock.ts';
import { silentLog } from '../events.ts';
import type { Identity } from '../identity.ts';
import { compilePolicies } from '../inspect/inspect.ts';
import { readPolicySources, sayPolicyProblem } from '../policy-files.ts';
import type { CaSyncSettings, Settings } from '../settings.ts';
import { exitCodes, optionalText } from './command.ts';
import type { Command, OptionValues } from './command.ts';
import { explainCertificate, sayExplanation } from './explanation.ts';
import type { Explanation } from './explanation.ts';
import { loadSettingsFor } from './load-settings.ts';
import { explainRequest } from './request-explanation.ts';
import type { RequestExplanation } from './request-explanation.ts';
import { readRequestOptions, readUserOption, requestOptions } from './request-options.ts';
import type { AskedRequest } from './request-options.ts';
import { sayRequestExplanation } from './say-request.ts';
import { readNamed, Unreadable } from './unreadable.ts';

export const explain: Command = {
  description: `Runs the data path's own judgement (parse, chain, usage, time, subject, quarantine) on a certificate file and prints the verdict; with --request,
also on a request of its holder: what it is read as, which rule decides, and where none admits it, which came closest and what it missed.
Contacts nothing unless --online is given: with caSync.source files it reads the files that the settings name; with
kubernetes it needs --trust-bundle, and --signer-certificate to know issuer and times.
Exit codes: 0 a leaf would be issued and the request is allowed, 2 refused (also where only report mode lets it pass), 64 something
cannot be read.`,
  options: {
    config: { type: 'string', value: 'FILE', help: 'settings', required: true },
    certificate: { type: 'string', value: 'FILE', help: 'the client certificate: PEM, leaf then intermediates, or DER' },
    ...requestOptions,
    'trust-bundle': { type: 'string', value: 'FILE', help: "PEM of the authorities that clients may come from, in place of the settings'" },
    'signer-certificate': { type: 'string', value: 'FILE', help: "PEM of the signer's certificate, in place of the settings'" },
    online: { type: 'boolean', help: 'read trust bundle and signer from the source that the settings name, as run does' },
    at: { type: 'string', value: 'TIME', help: 'judge as of this time, RFC 3339 (default: now)' },
    json: { type: 'boolean', help: 'one JSON object in place of text' },
  },
  example: `countersign explain --config countersign.yaml --certificate klusterlet.crt --at 2026-12-01T00:00:00Z
  countersign explain --config countersign.yaml --certificate klusterlet.crt \\
    --request 'PATCH /apis/work.open-cluster-management.io/v1/namespaces/c1/manifestworks/hello/status' \\
    --header 'Content-Type: application/merge-patch+json' --body patch.json`,
  run: async (values, around) => {
    const settings = await loadSettingsFor('explain', values, around);
    if (settings === null) return exitCodes.usage;
    try {
      const { certificate, request } = await explainAll(settings, values, around.clock);
      around.out(values['json'] === true ? `${JSON.stringify({ ...certificate, request })}\n` : sayAll(certificate, request));
      const isIssued = certificate === null || certificate.verdict === 'issued' || certificate.verdict === 'accepted';
      return isIssued && (request === null || request.verdict === 'allow') ? exitCodes.ok : exitCodes.denied;
    } catch (error) {
      if (!(error instanceof Unreadable)) throw error;
      around.err(`countersign explain: ${error.message}\n`);
      return exitCodes.usage;
    }
  },
};

interface Explained {
  /** null where `--user` says whose request it is. */
  readonly certificate: Explanation | null;
  /** null where none is asked about, and where the certificate is refused already. */
  readonly request: RequestExplanation | null;
}

async function explainAll(settings: Settings, values: OptionValues, clock: Clock): Promise<Explained> {
  const asked = await readRequestOptions(values);
  const [file, user] = [optionalText(values, 'certificate'), optionalText(values, 'user')];
  if (file !== null && user !== null) throw new Unreadable('--user is in place of --certificate: give one of them');
  if (user !== null) return { certificate: null, request: asked && (await explainAsked(settings, asked, readUserOption(user))) };
  if (file === null) throw new Unreadable('give --certificate FILE, or with --request also --user NAME');
  const atMs = readTime(optionalText(values, 'at'), clock);
  const chain = await readChain(file);
  const authorities = await readAuthorities(settings.caSync, values, clock);
  const certificate = explainCertificate({
    chain,
    ...authorities,
    reissue: settings.reissue,
    atMs,
    quarantined: settings.quarantine.clusters,
  });
  const isRefused = asked === null || certificate.verdict === 'refused';
  return { certificate, request: isRefused ? null : await explainAsked(settings, asked, certificate) };
}

async function explainAsked(
  { inspect, quarantine, limits }: Settings,
  asked: AskedRequest,
  identity: Identity,
): Promise<RequestExplanation> {
  const read = await readPolicySources(inspect);
  const compiled = read.ok ? compilePolicies(read.sources) : read;
  if (!compiled.ok) throw new Unreadable(`inspect: ${compiled.problems.map(sayPolicyProblem).join('; ')}`);
  return explainRequest({ ...asked, identity, policies: compiled.policies, mode: inspect.mode, quarantined: quarantine.clusters, limits });
}

function sayAll(certificate: Explanation | null, request: RequestExplanation | null): string {
  const parts = [
    ...(certificate === null ? [] : [sayExplanation(certificate)]),
    ...(request === null ? [] : [sayRequestExplanation(request)]),
  ];
  return parts.join('\n');
}

const RFC_3339 = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)$/;

function readTime(text: string | null, clock: Clock): number {
  if (text === null) return clock.now();
  const ms = RFC_3339.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(ms)) throw new Unreadable(`--at ${text} is not an RFC 3339 time such as 2026-12-01T00:00:00Z`);
  return ms;
}

/** Of a certificate or bundle; the bound of a Secret or ConfigMap. */
const MAX_FILE_BYTES = 1024 * 1024;

/** First octet of every DER certificate: SEQUENCE. No PEM text begins with it ('0'), as RFC 7468 wants a BEGIN line. */
const DER_SEQUENCE = 0x30;

async function readChain(file: string): Promise<readonly Buffer[]> {
  const content = await readNamed('--certificate', file, MAX_FILE_BYTES);
  const chain = content[0] === DER_SEQUENCE ? [content] : splitPem(file, content);
  if (chain.length === 0) throw new Unreadable(`--certificate ${file} holds no certificate, neither PEM nor DER`);
  return chain;
}

interface Authorities {
  readonly trust: TrustBundle;
  readonly signerCertificate: Certificate | null;
}

async function readAuthorities(caSync: CaSyncSettings, values: OptionValues, clock: Clock): Promise<Authorities> {
  const isOnline = values['online'] === true;
  const trustFile = optionalText(values, 'trust-bundle') ?? (caSync.source === 'files' && !isOnline ? caSync.files.trustBundleFile : null);
  const signerFile =
    optionalText(values, 'signer-certificate') ?? (caSync.source === 'files' && !isOnline ? caSync.files.certificateFile : null);
  const synced = isOnline ? await readSource(caSync, clock) : { trust: null, signerCertificate: null };
  const trust = trustFile === null ? synced.trust : await readTrust(trustFile);
  if (trust === null) {
    throw new Unreadable(
      isOnline
        ? 'the source holds no usable trust bundle; countersign check says more'
        : 'with caSync.source kubernetes, give --trust-bundle FILE or --online',
    );
  }
  return { trust, signerCertificate: signerFile === null ? synced.signerCertificate : await readSignerCertificate(signerFile) };
}

async function readSource(
  settings: CaSyncSettings,
  clock: Clock,
): Promise<{ trust: TrustBundle | null; signerCertificate: Certificate | null }> {
  const caSync = await startCaSync(settings, { clock, log: silentLog });
  await caSync.close();
  return { trust: caSync.trust.current, signerCertificate: caSync.signer.current?.certificate ?? null };
}

async function readTrust(file: string): Promise<TrustBundle> {
  const verdict = readTrustBundle(await readNamed('trust bundle', file, MAX_FILE_BYTES));
  if (!verdict.ok) throw new Unreadable(`trust bundle ${file}: ${verdict.detail}`);
  return verdict.trust;
}

async function readSignerCertificate(file: string): Promise<Certificate> {
  const content = await readNamed('signer certificate', file, MAX_FILE_BYTES);
  try {
    const [certificate] = readCertificates(content.toString('latin1'));
    if (certificate !== undefined) return certificate;
  } catch (error) {
    if (!(error instanceof CertificateError)) throw error;
    throw new Unreadable(`signer certificate ${file}: ${error.message}`);
  }
  throw new Unreadable(`signer certificate ${file} holds no PEM block CERTIFICATE`);
}

function splitPem(file: string, content: Buffer): readonly Buffer[] {
  try {
    return splitPemCertificates(content.toString('latin1'));
  } catch (error) {
    if (!(error instanceof CertificateError)) throw error;
    throw new Unreadable(`--certificate ${file}: ${error.message}`);
  }
}
