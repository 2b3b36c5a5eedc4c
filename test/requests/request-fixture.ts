// The cases of fixtures/requests: one YAML file a case, named after what it is; data that says what is sent, what has to come of it, and which
// neighbour of it is let through. Owns the form and finds what is not of it; sends nothing.

import { readdirSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { z } from 'zod';
import { refusals } from '../../src/errors.ts';
import type { RefusalRule } from '../../src/errors.ts';
import { packNames } from '../../src/pack-names.ts';
import type { PackName } from '../../src/pack-names.ts';
import type { Wire } from './sending.ts';

export interface RequestFixture {
  /** The file's name. Never changes. */
  readonly id: string;
  /** Row of facts/klusterlet-traffic.md §6. */
  readonly threat: string;
  readonly promise: FixturePromise;
  /** What the case shows: a sentence. */
  readonly shows: string;
  readonly given: FixtureGiven;
  readonly when: FixtureRequest;
  readonly then: { readonly status: number; readonly rule: RefusalRule; readonly reachesHub: false };
  /** As like the case as can be, and let through. */
  readonly neighbour: {
    /** Where it is another one's. */
    readonly identity?: FixtureIdentity | undefined;
    readonly when: FixtureRequest;
    readonly then: { readonly status?: number | undefined; readonly reachesHub: true };
  };
}

export interface FixtureGiven {
  readonly identity: FixtureIdentity;
  readonly packs: readonly PackName[];
  /** Further settings of Countersign. */
  readonly settings: Readonly<Record<string, unknown>>;
}

export type FixtureIdentity =
  | { readonly kind: 'klusterlet'; readonly cluster: string; readonly agent?: string | undefined }
  /** Of cluster-proxy the certificate names no cluster. */
  | { readonly kind: 'addon'; readonly cluster: string | null; readonly addon: string; readonly agent?: string | undefined }
  /** Any subject, signed by the hub's CSR signer, by the CA of the hub's administrators, or by a CA that the hub has never heard of. */
  | {
      readonly kind: 'certificate';
      readonly user: string;
      readonly groups: readonly string[];
      readonly signedBy: 'csr-signer' | 'stranger';
    }
  /** The hub's own `system:masters` certificate. */
  | { readonly kind: 'administrator' }
  /** No certificate, and the token of the account with which the cluster is imported, or of any account. */
  | { readonly kind: 'bootstrap'; readonly cluster: string }
  | { readonly kind: 'service-account'; readonly namespace: string; readonly name: string }
  /** As it stands behind `Bearer`, so many times. */
  | { readonly kind: 'token'; readonly token: string; readonly times: number }
  | { readonly kind: 'none' };

/** What Countersign promises, as far as a single request can show it. */
const promises = {
  'own-cluster': 'an agent reaches what belongs to its own cluster and nothing else',
  'own-name': 'an agent gets certificates in its own name only',
  'needs-only': 'an agent reaches only what agents of its kind need',
  'no-hub-credentials': 'a credential of the hub itself is worth nothing at the edge',
  'judged-is-sent': 'what was judged is what is sent; what can be read in two ways is refused',
  bounded: 'nothing that a client sends costs more than it may',
} as const;

type FixturePromise = keyof typeof promises;

/** Exactly one of `request`, `csr` and `raw`; at most one kind of body. */
export interface FixtureRequest {
  /** `METHOD target`, the target as it goes out. */
  readonly request?: string | undefined;
  /** A list of values is that many header lines. */
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  /** Sent as JSON; as the protobuf of its apiVersion and kind where `as` says so. */
  readonly body?: unknown;
  readonly as: 'json' | 'protobuf';
  /** Sent as it is. */
  readonly text?: string | undefined;
  readonly base64?: string | undefined;
  /** What is too long to be written down. */
  readonly repeat?: { readonly before: string; readonly text: string; readonly times: number; readonly after: string } | undefined;
  /** A CertificateSigningRequest that is made for the case. */
  readonly csr?: FixtureCsr | undefined;
  /** Bytes over HTTP/1.1 and TLS; {{host}} stands for host and port. */
  readonly raw?: string | undefined;
  /** Left out: both, where not raw. */
  readonly over?: readonly Wire[] | undefined;
  /** How often it is sent; the last time counts. */
  readonly times: number;
}

export interface FixtureCsr {
  readonly user: string;
  readonly groups: readonly string[];
  readonly organizationalUnits: readonly string[];
  readonly dnsNames: readonly string[];
  readonly signerName: string;
  readonly usages: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly generateName: string;
  readonly expirationSeconds?: number | undefined;
  readonly key: 'p256' | 'p384' | 'rsa' | 'ed25519';
  /** `another`: the request is signed with a key that is not the one in it. */
  readonly signedWith: 'own' | 'another';
  readonly as: 'json' | 'protobuf';
}

const label = z.string().regex(/^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/);
const texts = z.array(z.string());

const identity: z.ZodType<FixtureIdentity> = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('klusterlet'), cluster: label, agent: z.string().optional() }),
  z.strictObject({ kind: z.literal('addon'), cluster: label.nullable(), addon: z.string(), agent: z.string().optional() }),
  z.strictObject({ kind: z.literal('certificate'), user: z.string(), groups: texts, signedBy: z.enum(['csr-signer', 'stranger']) }),
  z.strictObject({ kind: z.literal('administrator') }),
  z.strictObject({ kind: z.literal('bootstrap'), cluster: label }),
  z.strictObject({ kind: z.literal('service-account'), namespace: label, name: label }),
  z.strictObject({ kind: z.literal('token'), token: z.string(), times: z.int().min(1).max(10_000).default(1) }),
  z.strictObject({ kind: z.literal('none') }),
]);

const csr: z.ZodType<FixtureCsr> = z.strictObject({
  user: z.string(),
  groups: texts,
  organizationalUnits: texts.default([]),
  dnsNames: texts.default([]),
  signerName: z.string().default('kubernetes.io/kube-apiserver-client'),
  usages: texts.default(['digital signature', 'key encipherment', 'client auth']),
  labels: z.record(z.string(), z.string()).default({}),
  generateName: z.string(),
  expirationSeconds: z.int().optional(),
  key: z.enum(['p256', 'p384', 'rsa', 'ed25519']).default('p256'),
  signedWith: z.enum(['own', 'another']).default('own'),
  as: z.enum(['json', 'protobuf']).default('protobuf'),
});

/** Bytes of a generated body: twice what the hub takes. */
const MAX_REPEATED = 6 * 1024 * 1024;

const repeat = z.strictObject({
  before: z.string().default(''),
  text: z.string().min(1),
  times: z.int().min(1).max(MAX_REPEATED),
  after: z.string().default(''),
});

const isSet = (value: unknown): boolean => value !== undefined;

const when: z.ZodType<FixtureRequest> = z
  .strictObject({
    request: z
      .string()
      .regex(/^[A-Z]+ \S*$/, { error: 'METHOD target' })
      .optional(),
    headers: z.record(z.string(), z.union([z.string(), texts])).default({}),
    body: z.unknown().optional(),
    as: z.enum(['json', 'protobuf']).default('json'),
    text: z.string().optional(),
    base64: z.string().optional(),
    repeat: repeat.optional(),
    csr: csr.optional(),
    raw: z.string().optional(),
    over: z.array(z.enum(['h2', 'http/1.1'])).optional(),
    times: z.int().min(1).max(20).default(1),
  })
  .refine((one) => [one.request, one.csr, one.raw].filter(isSet).length === 1, { error: 'exactly one of request, csr and raw' })
  .refine((one) => [one.body, one.text, one.base64, one.repeat, one.csr, one.raw].filter(isSet).length <= 1, {
    error: 'at most one of body, text, base64, repeat, csr and raw',
  });

const given = z.strictObject({
  identity,
  packs: z.array(z.enum(packNames)).min(1),
  settings: z.record(z.string(), z.unknown()).default({}),
});

const fixture: z.ZodType<RequestFixture> = z.strictObject({
  id: label,
  threat: z.string().regex(/^T(?:[1-9]|1\d|2[0-3])$/),
  promise: z.enum(Object.keys(promises) as [FixturePromise, ...FixturePromise[]]),
  shows: z.string().regex(/^[^\n]{20,300}$/),
  given,
  when,
  // oxlint-disable-next-line unicorn/no-thenable -- given, when, then are the words of a case; it is data, and nobody awaits it
  then: z.strictObject({
    status: z.int().min(400).max(499),
    rule: z.enum(Object.keys(refusals) as [RefusalRule, ...RefusalRule[]]),
    reachesHub: z.literal(false),
  }),
  neighbour: z.strictObject({
    identity: identity.optional(),
    when,
    // oxlint-disable-next-line unicorn/no-thenable -- as above
    then: z.strictObject({ status: z.int().optional(), reachesHub: z.literal(true) }),
  }),
});

const folder = fileURLToPath(new URL('../../fixtures/requests/', import.meta.url));

/** Throws an Error that names the file and everything that is wrong in it. */
export function readFixture(file: string, text: string): RequestFixture {
  const read = fixture.safeParse(parse(text, { uniqueKeys: true, strict: true }));
  if (!read.success)
    throw new Error(`${file}: ${read.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; ')}`);
  if (`${read.data.id}.yaml` !== basename(file)) throw new Error(`${file}: id: the name of the file, not ${read.data.id}`);
  return read.data;
}

export function readFixtures(): readonly RequestFixture[] {
  return readdirSync(folder)
    .toSorted()
    .map((name) => readFixture(name, readFileSync(`${folder}${name}`, 'utf8')));
}
