// The form of identities and of certificate recipes as the fixtures write them.

import { z } from 'zod';
import { milliseconds, oneOf, section, text } from '../settings-values.ts';
import { parseDuration } from '../quantity.ts';
import type { CertificateRecipe, IdentityRecipe, Signatory } from './case.ts';
import { keyUsageNames } from './pki/certificate.ts';
import { keyTypes } from './pki/key.ts';
import { stringForms } from './pki/name.ts';
import type { NameRecipe } from './pki/name.ts';

export const label: z.ZodType<string, string> = text('lower-case letters, digits and hyphens, 63 at most', (value) =>
  /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/.test(value),
);
export const texts: z.ZodType<string[]> = z.array(z.string({ error: 'a text' }), { error: 'a list of texts' });
const someText = z.string({ error: 'a text' });

/** `-1h`, `30d`. */
const moment = z.string({ error: 'a time from now, such as -1h or 30d' }).transform((value, context) => {
  const amount = parseDuration(value.replace(/^-/, ''));
  if (amount !== null) return value.startsWith('-') ? -amount : amount;
  context.addIssue({ code: 'custom', message: 'a time from now, such as -1h or 30d' });
  return z.NEVER;
});

const MAX_TOKEN_REPEATS = 10_000;

const identityKinds = [
  section({ kind: z.literal('klusterlet'), cluster: label, agent: someText.optional() }),
  section({ kind: z.literal('addon'), cluster: label.nullable(), addon: someText, agent: someText.optional() }),
  section({
    kind: z.literal('certificate'),
    user: someText,
    groups: texts,
    signedBy: oneOf(['csr-signer', 'stranger']).default('csr-signer'),
  }),
  section({ kind: z.literal('recipe'), recipe: label }),
  section({ kind: z.literal('administrator') }),
  section({ kind: z.literal('bootstrap'), cluster: label }),
  section({
    kind: z.literal('service-account'),
    namespace: label,
    name: label,
    from: moment.optional(),
    lifetime: moment.optional(),
  }).transform(({ from: fromMs, lifetime: lifetimeMs, ...rest }) => ({ ...rest, fromMs, lifetimeMs })),
  section({ kind: z.literal('token'), token: someText, times: z.int().min(1).max(MAX_TOKEN_REPEATS).default(1) }),
  section({ kind: z.literal('none') }),
] as const;

const KINDS = 'klusterlet, addon, certificate, recipe, administrator, bootstrap, service-account, token, none';

export const identity: z.ZodType<IdentityRecipe> = z.discriminatedUnion('kind', identityKinds, {
  error: `an identity, whose kind is one of ${KINDS}`,
});

const attribute = section({
  type: someText,
  value: someText.optional(),
  as: oneOf(stringForms).default('printable'),
  hex: text('hexadecimal octets', (value) => /^(?:[0-9a-f]{2})*$/.test(value)).optional(),
});
const relativeNames: z.ZodType<NameRecipe> = z.array(z.array(attribute), { error: 'a list of relative names, each a list of attributes' });

const extension = section({
  oid: someText,
  critical: z.boolean().default(false),
  base64: z.base64({ error: 'base64' }),
}).transform(({ oid, critical, base64 }) => ({ oid, critical, value: Buffer.from(base64, 'base64') }));

const authorities = ['csr-signer', 'csr-signer-signer', 'stranger', 'impostor', 'itself'] as const;

/** What agents ask for (OCM pkg/registration/register/csr/certificate.go). */
const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2';

const recipeShape = {
  subject: z.union([section({ user: someText, groups: texts }), relativeNames], {
    error: 'user and groups, or a list of relative names',
  }),
  key: oneOf(keyTypes).default('p256'),
  from: moment.default(-milliseconds('5m')),
  to: moment.default(milliseconds('1d')),
  isAuthority: z.boolean().default(false),
  pathLength: z.int().min(0).max(9).nullable().default(null),
  keyUsage: z.array(oneOf(keyUsageNames)).default(['digitalSignature', 'keyEncipherment']),
  extendedKeyUsage: texts.nullable().default([CLIENT_AUTH]),
  extensions: z.array(extension).default([]),
  brokenSignature: z.boolean().default(false),
};

const intermediate = section({ ...recipeShape, signedBy: oneOf(authorities).default('csr-signer') }).transform(withTimes);

const signedBy: z.ZodType<Signatory> = z
  .union([z.enum(authorities), section({ intermediate })], { error: `one of ${authorities.join(', ')}, or an intermediate` })
  .default('csr-signer');

export const certificateRecipe: z.ZodType<CertificateRecipe> = section({ id: label, says: someText, ...recipeShape, signedBy }).transform(
  withTimes,
);

function withTimes<Read extends { readonly from: number; readonly to: number }>(
  read: Read,
): Omit<Read, 'from' | 'to'> & { fromMs: number; toMs: number } {
  const { from: fromMs, to: toMs, ...rest } = read;
  return { ...rest, fromMs, toMs };
}
