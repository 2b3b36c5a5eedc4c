// Distinguished names as a case spells them out: each attribute with its string type, each relative name with its attributes in the order given.

import { element, oid, sequence, TAG } from './der.ts';

export const stringForms = ['printable', 'utf8', 't61', 'bmp', 'ia5', 'numeric'] as const;
export type StringForm = (typeof stringForms)[number];

export interface NameAttribute {
  /** `CN`, `O`, `OU`, `C`, `L`, `ST`, `UID`, or a dotted object identifier. */
  readonly type: string;
  readonly value?: string | undefined;
  readonly as: StringForm;
  /** The octets of the value in place of `value`, hexadecimal. */
  readonly hex?: string | undefined;
}

/** One inner list a relative name. */
export type NameRecipe = readonly (readonly NameAttribute[])[];

const types: Readonly<Record<string, string>> = {
  CN: '2.5.4.3',
  SN: '2.5.4.5',
  C: '2.5.4.6',
  L: '2.5.4.7',
  ST: '2.5.4.8',
  O: '2.5.4.10',
  OU: '2.5.4.11',
  /** Kubernetes' own (k8s.io/apiserver pkg/authentication/request/x509). */
  UID: '1.3.6.1.4.1.57683.2',
  /** LDAP's. */
  userId: '0.9.2342.19200300.100.1.1',
};

const tags: Readonly<Record<StringForm, number>> = {
  printable: TAG.printableString,
  utf8: TAG.utf8String,
  t61: TAG.t61String,
  bmp: TAG.bmpString,
  ia5: TAG.ia5String,
  numeric: TAG.numericString,
};

export function encodeName(recipe: NameRecipe): Buffer {
  return sequence(...recipe.map((attributes) => element(TAG.set, ...attributes.map(encodeAttribute))));
}

function encodeAttribute({ type, value = '', as, hex }: NameAttribute): Buffer {
  const octets = hex === undefined ? encodeString(value, as) : Buffer.from(hex, 'hex');
  return sequence(oid(types[type] ?? type), element(tags[as], octets));
}

function encodeString(value: string, as: StringForm): Buffer {
  if (as === 'utf8') return Buffer.from(value);
  return as === 'bmp' ? Buffer.from(value, 'utf16le').swap16() : Buffer.from(value, 'latin1');
}

/** As kube-controller-manager writes an agent's: every organization in one relative name, in the order of DER's SET OF, then the common name. */
export function agentName(user: string, groups: readonly string[], units: readonly string[] = []): Buffer {
  const several = (type: string, values: readonly string[]): NameAttribute[] =>
    values
      .map((value): NameAttribute => ({ type, value, as: 'printable' }))
      .toSorted((one, other) => Buffer.compare(encodeAttribute(one), encodeAttribute(other)));
  const rdns = [several('O', groups), several('OU', units), [{ type: 'CN', value: user, as: 'printable' } as const]];
  return encodeName(rdns.filter((rdn) => rdn.length > 0));
}
