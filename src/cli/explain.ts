// The command that says what would happen to a client certificate. Reads files; asks the hub's API server only where `--online` says so.

import { readBounded } from '../bounded-file.ts';
import { readTrustBundle, startCaSync } from '../ca-sync/ca-sync.ts';
import type { TrustBundle } from '../ca-sync/ca-sync.ts';
import { CertificateError, readCertificates, splitPemCertificates } from '../certificate.ts';
import type { Certificate } from '../certificate.ts';
import type { Clock } from '../clock.ts';
import { silentLog } from '../events.ts';
import type { CaSyncSettings } from '../settings.ts';
import { exitCodes, optionalText, requiredText } from './command.ts';
import type { Command, OptionValues } from './command.ts';
import { explainCertificate, sayExplanation } from './explanation.ts';
import { sayError } from './finding.ts';
import { loadSettingsFor } from './load-settings.ts';

export const explain: Command = {
  description: `Runs the data path's own judgement (parse, chain, usage, time, subject) on a certificate file and prints the verdict.
Contacts nothing unless --online is given: with caSync.source files it reads the files that the settings name; with
kubernetes it needs --trust-bundle, and --signer-certificate to know issuer and times.
Exit codes: 0 a leaf would be issued, 2 refused, 64 something cannot be read.`,
  options: {
    config: { type: 'string', value: 'FILE', help: 'settings', required: true },
    certificate: { type: 'string', value: 'FILE', help: 'the client certificate: PEM, leaf then intermediates, or DER', required: true },
    'trust-bundle': { type: 'string', value: 'FILE', help: "PEM of the authorities that clients may come from, in place of the settings'" },
    'signer-certificate': { type: 'string', value: 'FILE', help: "PEM of the signer's certificate, in place of the settings'" },
    online: { type: 'boolean', help: 'read trust bundle and signer from the source that the settings name, as run does' },
    at: { type: 'string', value: 'TIME', help: 'judge as of this time, RFC 3339 (default: now)' },
    json: { type: 'boolean', help: 'one JSON object in place of text' },
  },
  example: 'countersign explain --config countersign.yaml --certificate klusterlet.crt --at 2026-12-01T00:00:00Z',
  run: async (values, around) => {
    const loaded = await loadSettingsFor('explain', values, around);
    if (loaded === null) return exitCodes.usage;
    try {
      const atMs = readTime(optionalText(values, 'at'), around.clock);
      const chain = await readChain(requiredText(values, 'certificate'));
      const authorities = await readAuthorities(loaded.caSync, values, around.clock);
      const explanation = explainCertificate({ chain, ...authorities, reissue: loaded.reissue, atMs });
      around.out(values['json'] === true ? `${JSON.stringify(explanation)}\n` : sayExplanation(explanation));
      return explanation.verdict === 'issued' || explanation.verdict === 'accepted' ? exitCodes.ok : exitCodes.denied;
    } catch (error) {
      if (!(error instanceof Unreadable)) throw error;
      around.err(`countersign explain: ${error.message}\n`);
      return exitCodes.usage;
    }
  },
};

/** The message names the option or file and what to do. */
class Unreadable extends Error {}

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
  const content = await readNamed('--certificate', file);
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
  const verdict = readTrustBundle(await readNamed('trust bundle', file));
  if (!verdict.ok) throw new Unreadable(`trust bundle ${file}: ${verdict.detail}`);
  return verdict.trust;
}

async function readSignerCertificate(file: string): Promise<Certificate> {
  const content = await readNamed('signer certificate', file);
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

async function readNamed(what: string, file: string): Promise<Buffer> {
  try {
    return await readBounded(file, MAX_FILE_BYTES);
  } catch (error) {
    throw new Unreadable(`${what} ${sayError(error)}`);
  }
}
