// Who a client certificate says its holder is, in the grammar of Open Cluster Management (facts/klusterlet-traffic.md §1) and nothing outside it.
// Reads the subject as kube-apiserver reads it and refuses what could be read in two ways. Trusts nobody: chain.ts says whether to believe it.

import { DerError } from './der.ts';
import { type DistinguishedName, type NameAttribute, nameTypes, parseName } from './distinguished-name.ts';

export interface Identity {
  /** The common name, as the hub takes it for the user name. */
  readonly user: string;
  /** Every organization, in the order of the certificate. The hub adds `system:authenticated`. */
  readonly groups: readonly string[];
  readonly uid: string | null;
  readonly kind: 'klusterlet' | 'addon' | 'bootstrap';
  /** null only for the cluster-proxy add-on, all of whose agents share one name (cluster-proxy pkg/common/constants.go). */
  readonly cluster: string | null;
  /** null for a klusterlet. */
  readonly addon: string | null;
}

export type IdentityVerdict =
  | { readonly ok: true; readonly identity: Identity }
  | { readonly ok: false; readonly rule: 'subject-ambiguous' | 'subject-grammar'; readonly detail: string };

type Refused = Extract<IdentityVerdict, { ok: false }>;

/** Characters of a user or group name. X.520 says 64, add-ons need more (recorded: 98); two DNS names and the fixed words are 390 at most. */
const MAX_NAME_CHARACTERS = 512;

/** `subjectDer` is the Name as it stands in the certificate. Never throws. */
export function readIdentity(subjectDer: Uint8Array): IdentityVerdict {
  const name = readName(subjectDer);
  if (typeof name === 'string') return refuse('subject-ambiguous', name);
  const attributes = name.flat();
  const stranger = attributes.find(({ type }) => !knownTypes.has(type));
  // OCM asks for no other attribute, and kube-controller-manager puts no other into such a certificate (csr-signer.md §5).
  if (stranger !== undefined) return refuse('subject-grammar', `the subject has an attribute of type ${quote(stranger.type)}`);
  const unreadable = attributes.find(({ value }) => !PLAIN.test(value));
  if (unreadable !== undefined)
    return refuse('subject-grammar', `a value is empty, too long or not plain ASCII: ${quote(unreadable.value)}`);
  return readAttributes(attributes);
}

const knownTypes: ReadonlySet<string> = new Set([nameTypes.commonName, nameTypes.organization, nameTypes.uid]);

/** Printable ASCII without space. */
const PLAIN = new RegExp(`^[\\x21-\\x7e]{1,${MAX_NAME_CHARACTERS}}$`);

function readName(subjectDer: Uint8Array): DistinguishedName | string {
  try {
    return parseName(subjectDer);
  } catch (error) {
    if (error instanceof DerError) return `the subject does not read as a name: ${error.message}`;
    throw error;
  }
}

function readAttributes(attributes: readonly NameAttribute[]): IdentityVerdict {
  const valuesOf = (wanted: string): readonly string[] => attributes.filter(({ type }) => type === wanted).map(({ value }) => value);
  const users = valuesOf(nameTypes.commonName);
  const uids = valuesOf(nameTypes.uid);
  const groups = valuesOf(nameTypes.organization);
  const [user] = users;
  // Go takes the last common name, others the first; kube-apiserver refuses a second UID, others do not know the attribute.
  if (users.length > 1) return refuse('subject-ambiguous', `${users.length} common names: ${users.map(quote).join(', ')}`);
  if (uids.length > 1) return refuse('subject-ambiguous', `${uids.length} user IDs: ${uids.map(quote).join(', ')}`);
  if (user === undefined) return refuse('subject-grammar', 'the subject has no common name');
  const role = readRole(user);
  if (role === null) return refuse('subject-grammar', `the common name ${quote(user)} is not that of a klusterlet or of an add-on`);
  const fault = findGroupFault(groups, role);
  if (fault !== null) return refuse('subject-grammar', `${fault}, with the common name ${quote(user)}`);
  const { kind, cluster, addon } = role;
  return { ok: true, identity: { user, groups, uid: uids[0] ?? null, kind, cluster, addon } };
}

/** Of an agent by that name, with the groups that it always has: for questions about an agent whose certificate is not at hand, never for a verdict. */
export function identityOfUser(user: string): Identity | null {
  const role = readRole(user);
  if (role === null) return null;
  const { kind, cluster, addon, required } = role;
  return { user, groups: required, uid: null, kind, cluster, addon };
}

interface Role extends Pick<Identity, 'kind' | 'cluster' | 'addon'> {
  readonly required: readonly string[];
  readonly optional: (group: string) => boolean;
}

const PREFIX = 'system:open-cluster-management';

/** A ManagedCluster is named like the namespace it gets: an RFC 1123 label. */
const CLUSTER = '[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?';
/** A ManagedClusterAddOn is a Kubernetes object: an RFC 1123 subdomain; the length is bounded with the whole name. */
const ADDON = '[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*';
/** A UUID, five random characters, or what the add-on's author wrote (klusterlet-traffic.md §1). */
const AGENT = '[A-Za-z0-9](?:[-._A-Za-z0-9]*[A-Za-z0-9])?';

// No part can hold a colon, and the two have a different number of parts: a cluster named `cluster` or `addon` is read in one way only.
const KLUSTERLET = new RegExp(`^${PREFIX}:(?<cluster>${CLUSTER}):${AGENT}$`);
const ADDON_AGENT = new RegExp(`^${PREFIX}:cluster:(?<cluster>${CLUSTER}):addon:(?<addon>${ADDON}):agent:${AGENT}$`);
const CLUSTER_PROXY_USER = 'open-cluster-management:cluster-proxy:addon-agent';
const CLUSTER_PROXY_GROUP = 'open-cluster-management:cluster-proxy';

function readRole(user: string): Role | null {
  const klusterlet = KLUSTERLET.exec(user)?.groups?.['cluster'];
  if (klusterlet !== undefined) return klusterletRole(klusterlet);
  const { cluster, addon } = ADDON_AGENT.exec(user)?.groups ?? {};
  if (cluster !== undefined && addon !== undefined) return addonRole(cluster, addon);
  // A certificate of the hub's own signer, in an add-on's real use: refusing it would break that add-on. It names no cluster, so whatever depends on
  // the cluster (inspection, quarantine by cluster) has to treat it as belonging to none.
  if (user === CLUSTER_PROXY_USER) {
    return { kind: 'addon', cluster: null, addon: 'cluster-proxy', required: [CLUSTER_PROXY_GROUP], optional: () => false };
  }
  return null;
}

/** ocm pkg/registration/register/csr/csr.go and pkg/registration/hub/user/identity.go. */
function klusterletRole(cluster: string): Role {
  const shared = `${PREFIX}:managed-clusters`;
  return { kind: 'klusterlet', cluster, addon: null, required: [`${PREFIX}:${cluster}`], optional: (group) => group === shared };
}

/** addon-framework pkg/agent/interface.go DefaultGroups; up to 1.2 with `system:authenticated`. */
function addonRole(cluster: string, addon: string): Role {
  const required = [`${PREFIX}:cluster:${cluster}:addon:${addon}`, `${PREFIX}:addon:${addon}`];
  // multicluster-observability-operator pkg/certificates/cert_agent.go: the hash of the hub's CA makes agents renew when that changes.
  const isCaHash = (group: string): boolean => addon === 'observability-controller' && /^ca-hash-[0-9a-f]{64}$/.test(group);
  return { kind: 'addon', cluster, addon, required, optional: (group) => group === 'system:authenticated' || isCaHash(group) };
}

/** The organizations are exactly the required ones and any of the optional ones, each once. */
function findGroupFault(groups: readonly string[], { required, optional }: Role): string | null {
  const extra = groups.filter((group) => !required.includes(group));
  const missing = required.find((group) => !groups.includes(group));
  if (missing !== undefined) return `the organization ${quote(missing)} is missing`;
  const stranger = extra.find((group) => !optional(group));
  if (stranger !== undefined) return `the organization ${quote(stranger)} does not belong to it`;
  if (new Set(groups).size !== groups.length) return 'an organization stands there twice';
  return extra.filter((group) => group.startsWith('ca-hash-')).length > 1 ? 'two organizations are CA hashes' : null;
}

/** Characters of a detail: one audit line, also for a name of many common names. */
const MAX_DETAIL_CHARACTERS = 600;

function refuse(rule: Refused['rule'], detail: string): Refused {
  return { ok: false, rule, detail: detail.slice(0, MAX_DETAIL_CHARACTERS) };
}

/** Characters of one value in an audit line. */
const MAX_QUOTED_CHARACTERS = 160;

/** ASCII on one line, whatever the certificate says. */
function quote(value: string): string {
  const text = value.length > MAX_QUOTED_CHARACTERS ? `${value.slice(0, MAX_QUOTED_CHARACTERS)}…` : value;
  return JSON.stringify(text).replace(/[^\x20-\x7e]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
