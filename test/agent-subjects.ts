// Arbitrary subjects of agents for property tests: every identity of the grammar, in every way that a name can be written down.

import fc from 'fast-check';
import { encodeName, type StringType, type TestAttribute } from './pki-certificate.ts';

export interface AgentSubject {
  readonly user: string;
  /** As they stand in the name. */
  readonly groups: readonly string[];
  readonly uid: string | null;
  readonly kind: 'klusterlet' | 'addon';
  readonly cluster: string;
  readonly addon: string | null;
  readonly der: Buffer;
}

const prefix = 'system:open-cluster-management';

/** RFC 1123 labels, among them words of the grammar itself. */
const label = fc.oneof(
  fc.stringMatching(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/),
  fc.constantFrom('cluster', 'addon', 'agent', 'managed-clusters', 'local-cluster', '0', 'x'.repeat(63)),
);
const agent = fc.oneof(
  fc.uuid(),
  fc.stringMatching(/^[a-z0-9]{5}$/),
  fc.stringMatching(/^[A-Za-z0-9]([-._A-Za-z0-9]{0,120}[A-Za-z0-9])?$/),
);

type Claims = Omit<AgentSubject, 'der' | 'uid'>;

const klusterlet: fc.Arbitrary<Claims> = fc.tuple(label, agent, fc.boolean()).map(([cluster, name, isShared]) => ({
  user: `${prefix}:${cluster}:${name}`,
  // A cluster may be called managed-clusters; then its own group and the shared one are the same.
  groups: [...new Set([`${prefix}:${cluster}`, ...(isShared ? [`${prefix}:managed-clusters`] : [])])],
  kind: 'klusterlet',
  cluster,
  addon: null,
}));

const addonAgent: fc.Arbitrary<Claims> = fc.tuple(label, label, agent, fc.boolean()).map(([cluster, addon, name, isOld]) => ({
  user: `${prefix}:cluster:${cluster}:addon:${addon}:agent:${name}`,
  groups: [`${prefix}:cluster:${cluster}:addon:${addon}`, `${prefix}:addon:${addon}`, ...(isOld ? ['system:authenticated'] : [])],
  kind: 'addon',
  cluster,
  addon,
}));

const stringTypes: readonly StringType[] = ['utf8', 'printable', 't61', 'bmp', 'ia5'];
/** `_` is no PrintableString character. */
const typeFor = (value: string, type: StringType): StringType => (type === 'printable' && value.includes('_') ? 'utf8' : type);

/** The attributes in any order, each with any string type, cut into RDNs at any places. */
export const agentSubject: fc.Arbitrary<AgentSubject> = fc
  .tuple(
    fc.oneof(klusterlet, addonAgent),
    fc.option(fc.uuid()),
    fc.infiniteStream(fc.constantFrom(...stringTypes)),
    fc.infiniteStream(fc.boolean()),
  )
  .chain(([claims, uid, types, cuts]) => {
    const attributes: TestAttribute[] = [
      { type: 'CN', value: claims.user },
      ...claims.groups.map((value) => ({ type: 'O', value })),
      ...(uid === null ? [] : [{ type: 'UID', value: uid }]),
    ];
    return fc.shuffledSubarray(attributes, { minLength: attributes.length }).map((shuffled): AgentSubject => {
      const rdns: TestAttribute[][] = [];
      for (const attribute of shuffled) {
        const typed = { ...attribute, as: typeFor(attribute.value ?? '', types.next().value) };
        const last = rdns.at(-1);
        if (last === undefined || cuts.next().value) rdns.push([typed]);
        else last.push(typed);
      }
      const groups = shuffled.filter(({ type }) => type === 'O').map(({ value = '' }) => value);
      return { ...claims, groups, uid, der: encodeName(rdns) };
    });
  });
