// Certificates and tokens of the identities that cases name: made anew for each case by the embedded hub, or by hand where no authority would.

import { parse } from 'yaml';
import type { EmbeddedHub } from '../demo/demo.ts';
import type { CertificateRecipe, IdentityRecipe, Signatory } from './case.ts';
import type { Fixtures } from './case-files.ts';
import { type Authority, authorityOf, makeCertificate, type MadeCertificate } from './pki/certificate.ts';
import { certificateParts } from './pki/der.ts';
import { makeKey } from './pki/key.ts';
import { agentName, encodeName } from './pki/name.ts';

export interface Credentials {
  readonly certificate: { readonly certificatePem: string; readonly keyPem: string } | null;
  readonly token: string | null;
}

export async function makeCredentials(identity: IdentityRecipe, hub: EmbeddedHub, recipes: Fixtures['recipes']): Promise<Credentials> {
  return { certificate: await makeClientCertificate(identity, hub, recipes), token: await makeToken(identity, hub) };
}

async function makeToken(identity: IdentityRecipe, hub: EmbeddedHub): Promise<string | null> {
  if (identity.kind === 'bootstrap') return hub.prepareImport(identity.cluster);
  if (identity.kind === 'token') return identity.token.repeat(identity.times);
  if (identity.kind !== 'service-account') return null;
  const { namespace, name, fromMs, lifetimeMs } = identity;
  return hub.serviceAccountToken({
    ...{ namespace, name },
    ...(fromMs === undefined ? {} : { notBeforeMs: Date.now() + fromMs }),
    ...(lifetimeMs === undefined ? {} : { lifetimeMs }),
  });
}

async function makeClientCertificate(
  identity: IdentityRecipe,
  hub: EmbeddedHub,
  recipes: Fixtures['recipes'],
): Promise<Credentials['certificate']> {
  switch (identity.kind) {
    case 'klusterlet': {
      const { cluster, agent } = identity;
      return hub.issueClientCertificate({ subject: { kind: 'klusterlet', cluster, ...(agent === undefined ? {} : { agent }) } });
    }
    case 'addon':
      return makeAddonCertificate(identity, hub);
    case 'certificate': {
      const { user, groups, signedBy } = identity;
      if (signedBy === 'stranger') return makeByRecipe({ ...plainRecipe, subject: { user, groups }, signedBy }, hub);
      return hub.issueClientCertificate({ subject: { kind: 'der', der: agentName(user, groups) } });
    }
    case 'recipe': {
      const recipe = recipes.get(identity.recipe);
      if (recipe === undefined) throw new Error(`there is no certificate recipe ${identity.recipe}`);
      return makeByRecipe(recipe, hub);
    }
    case 'administrator':
      return administratorsCertificate(hub.adminKubeconfig());
    case 'bootstrap':
    case 'service-account':
    case 'token':
    case 'none':
      return null;
  }
}

function makeAddonCertificate(
  { cluster, addon, agent }: IdentityRecipe & { kind: 'addon' },
  hub: EmbeddedHub,
): Promise<Credentials['certificate']> {
  // cluster-proxy pkg/common/constants.go: all its agents share one name.
  const der = agentName(`open-cluster-management:${addon}:addon-agent`, [`open-cluster-management:${addon}`]);
  if (cluster === null) return hub.issueClientCertificate({ subject: { kind: 'der', der } });
  return hub.issueClientCertificate({ subject: { kind: 'addon', cluster, addon, agent: agent ?? addon } });
}

function administratorsCertificate(kubeconfig: string): Credentials['certificate'] {
  const { users } = parse(kubeconfig) as { users: { user: Record<string, string> }[] };
  const pem = (name: string): string => Buffer.from(users[0]?.user[name] ?? '', 'base64').toString();
  return { certificatePem: pem('client-certificate-data'), keyPem: pem('client-key-data') };
}

type PlainRecipe = Omit<CertificateRecipe, 'id' | 'says'>;

const DAY_MS = 86_400_000;
const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2';

const plainRecipe: Omit<PlainRecipe, 'subject' | 'signedBy'> = {
  ...{ key: 'p256', fromMs: -DAY_MS, toMs: DAY_MS, isAuthority: false, pathLength: null, brokenSignature: false },
  ...{ keyUsage: ['digitalSignature', 'keyEncipherment'], extendedKeyUsage: [CLIENT_AUTH], extensions: [] },
};

const authorityRecipe: Omit<PlainRecipe, 'subject' | 'signedBy'> = {
  ...plainRecipe,
  ...{ isAuthority: true, keyUsage: ['digitalSignature', 'keyCertSign'], extendedKeyUsage: null },
};

async function makeByRecipe(recipe: PlainRecipe, hub: EmbeddedHub): Promise<MadeCertificate> {
  const { subject, key: keyType, fromMs, toMs, extensions: more } = recipe;
  const { isAuthority, pathLength, keyUsage, extendedKeyUsage, brokenSignature } = recipe;
  return makeCertificate(
    {
      subject: 'user' in subject ? agentName(subject.user, subject.groups) : encodeName(subject),
      ...{ keyType, notBeforeMs: Date.now() + fromMs, notAfterMs: Date.now() + toMs },
      ...{ isAuthority, pathLength, keyUsage, extendedKeyUsage, more, brokenSignature },
    },
    await authorityFor(recipe.signedBy, hub),
  );
}

/** null: the certificate signs itself. */
async function authorityFor(signedBy: Signatory, hub: EmbeddedHub): Promise<Authority | null> {
  const { signer, root } = hub.signer();
  const ofHub = ({ certificate, key, keyId }: typeof signer): Authority => {
    return { subject: certificateParts(Buffer.from(certificate.raw)).subject, key, keyId, chain: [] };
  };
  if (signedBy === 'itself') return null;
  if (signedBy === 'csr-signer') return ofHub(signer);
  if (signedBy === 'csr-signer-signer') return ofHub(root);
  if (signedBy === 'impostor') return { ...ofHub(signer), key: await makeKey('p256') };
  if (signedBy === 'stranger') {
    const made = await makeByRecipe(
      { ...authorityRecipe, subject: [[{ type: 'CN', value: 'a stranger', as: 'utf8' }]], signedBy: 'itself' },
      hub,
    );
    return { ...authorityOf(made, null), chain: [] };
  }
  const above = await authorityFor(signedBy.intermediate.signedBy, hub);
  return authorityOf(await makeByRecipe(signedBy.intermediate, hub), above);
}
