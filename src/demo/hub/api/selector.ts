// Label and field selectors of list and watch requests: read once, then asked for every object (apimachinery pkg/labels, pkg/fields).

import { textAt } from './json-path.ts';
import { type KubeObject, nameOf, namespaceOf } from './object.ts';
import { type Resource, apiVersionOf } from './resources.ts';
import { badRequest } from './status.ts';

export interface Selector {
  /** Every object matches. */
  readonly isEmpty: boolean;
  /** The one name that can match, when the selector says so. */
  readonly name: string | null;
  matches(stored: KubeObject): boolean;
}

type Requirement = (stored: KubeObject) => boolean;

/** More terms than any client sends. */
const MAX_TERMS = 100;

export function readSelector(resource: Resource, query: URLSearchParams): Selector {
  const labels = splitTerms(query.get('labelSelector') ?? '').map(labelRequirement);
  const fieldTerms = splitTerms(query.get('fieldSelector') ?? '').map((term) => readFieldTerm(term));
  const requirements = [...labels, ...fieldTerms.map((term) => fieldRequirement(term, resource, query))];
  const exactName = fieldTerms.find((term) => term.field === 'metadata.name' && term.isEqual);
  return {
    isEmpty: requirements.length === 0,
    name: exactName?.value ?? null,
    matches: (stored) => requirements.every((requirement) => requirement(stored)),
  };
}

/** At commas that do not stand in the parentheses of a set. */
function splitTerms(text: string): readonly string[] {
  const terms = text
    .split(/,(?![^(]*\))/)
    .map((term) => term.trim())
    .filter((term) => term !== '');
  if (terms.length > MAX_TERMS) throw badRequest(`unable to parse requirement: more than ${MAX_TERMS} terms`);
  return terms;
}

const LABEL_KEY = String.raw`[A-Za-z0-9](?:[A-Za-z0-9._/-]*[A-Za-z0-9])?`;
const LABEL_VALUE = /^(?:[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?$/;

function labelRequirement(term: string): Requirement {
  const exists = new RegExp(`^(!?)\\s*(${LABEL_KEY})$`).exec(term);
  if (exists !== null) return presence(exists[2] ?? '', exists[1] !== '!');
  const compare = new RegExp(`^(${LABEL_KEY})\\s*(==?|!=)\\s*(\\S*)$`).exec(term);
  if (compare !== null) return membership(compare[1] ?? '', [checkValue(compare[3] ?? '')], compare[2] !== '!=');
  const set = new RegExp(`^(${LABEL_KEY})\\s+(in|notin)\\s*\\(([^()]*)\\)$`).exec(term);
  if (set === null) throw badRequest(`unable to parse requirement: found '${term}', expected: a label selector`);
  const values = (set[3] ?? '').split(',').map((value) => checkValue(value.trim()));
  return membership(set[1] ?? '', values, set[2] === 'in');
}

function checkValue(value: string): string {
  if (LABEL_VALUE.test(value)) return value;
  throw badRequest(
    `unable to parse requirement: values[0]: Invalid value: ${JSON.stringify(value)}: a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character`,
  );
}

function presence(key: string, isWanted: boolean): Requirement {
  return (stored) => Object.hasOwn(stored.metadata.labels ?? {}, key) === isWanted;
}

/** An object without the label matches `!=` and `notin`, as upstream. */
function membership(key: string, values: readonly string[], isWanted: boolean): Requirement {
  return (stored) => {
    const labels = stored.metadata.labels ?? {};
    const value = Object.hasOwn(labels, key) ? labels[key] : undefined;
    return (value !== undefined && values.includes(value)) === isWanted;
  };
}

interface FieldTerm {
  readonly field: string;
  readonly isEqual: boolean;
  readonly value: string;
}

/** `\,`, `\=` and `\\` stand for themselves. */
function readFieldTerm(term: string): FieldTerm {
  const match = /^([^=!]+?)\s*(==?|!=)(.*)$/s.exec(term);
  if (match === null) throw badRequest(`invalid selector: '${term}'; can't understand '${term}'`);
  return { field: match[1] ?? '', isEqual: match[2] !== '!=', value: (match[3] ?? '').replace(/\\([,=\\])/g, '$1') };
}

/** What each resource indexes beside name and namespace, by the path in its stored form. */
const selectableFields: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  secrets: { type: 'type' },
  namespaces: { 'status.phase': 'status.phase' },
  'certificatesigningrequests.certificates.k8s.io': { 'spec.signerName': 'spec.signerName' },
  events: Object.fromEntries(
    ['kind', 'namespace', 'name', 'uid', 'apiVersion', 'resourceVersion', 'fieldPath']
      .flatMap((key): [string, string][] => [
        [`involvedObject.${key}`, `involvedObject.${key}`],
        [`regarding.${key}`, `involvedObject.${key}`],
      ])
      .concat([
        ['reason', 'reason'],
        ['type', 'type'],
        ['source', 'source.component'],
        ['reportingComponent', 'reportingComponent'],
        ['reportingController', 'reportingComponent'],
      ]),
  ),
};

function fieldRequirement(term: FieldTerm, resource: Resource, query: URLSearchParams): Requirement {
  const read = fieldReader(term.field, resource);
  if (read === null) {
    const of = resource.group === '' ? `/${resource.version}` : apiVersionOf(resource);
    throw badRequest(
      `Unable to find "${of}, Resource=${resource.resource}" that match label selector ${JSON.stringify(query.get('labelSelector') ?? '')}, field selector ${JSON.stringify(query.get('fieldSelector') ?? '')}: field label not supported: ${term.field}`,
    );
  }
  return (stored) => (read(stored) === term.value) === term.isEqual;
}

function fieldReader(field: string, resource: Resource): ((stored: KubeObject) => string) | null {
  if (field === 'metadata.name') return nameOf;
  if (field === 'metadata.namespace') return resource.isNamespaced ? namespaceOf : null;
  const path = selectableFields[resource.collection]?.[field];
  return path === undefined ? null : (stored) => textAt(stored, path);
}
