// A policy as it is written: what every part of the YAML is, before it means anything. Types only.

import type { Identity } from '../../identity.ts';
import type { JsonValue, MediaType } from '../body/body.ts';

export interface PolicyDocument {
  readonly apiVersion: 'countersign.dev/v1alpha1';
  readonly kind: 'Policy';
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly subjects: SubjectsDocument;
    readonly validationActions: readonly ValidationAction[];
    readonly rules: readonly RuleDocument[];
  };
  readonly tests: readonly PolicyTestDocument[];
}

/** What happens where a validation does not hold, in the words of ValidatingAdmissionPolicyBinding. */
export type ValidationAction = 'Deny' | 'Warn' | 'Audit';

export interface SubjectsDocument {
  readonly kinds: readonly Identity['kind'][];
  readonly addons?: readonly string[] | undefined;
  readonly clusters?: readonly string[] | undefined;
}

export interface RuleDocument {
  readonly name: string;
  /** In place of the policy's. */
  readonly subjects?: SubjectsDocument | undefined;
  readonly verbs: readonly string[];
  readonly nonResourceURLs?: readonly string[] | undefined;
  readonly apiGroups?: readonly string[] | undefined;
  readonly resources?: readonly string[] | undefined;
  readonly subresourcePath?: string | undefined;
  readonly namespaces?: readonly string[] | undefined;
  readonly clusterScope?: true | undefined;
  readonly resourceNames?: readonly string[] | undefined;
  readonly bodyNames?: readonly string[] | undefined;
  readonly requiredSelectors?: SelectorsDocument | undefined;
  readonly matchConditions?: readonly ExpressionDocument[] | undefined;
  readonly body?: { readonly maxBytes?: number | undefined; readonly contentTypes?: readonly MediaType[] | undefined } | undefined;
  readonly variables?: readonly VariableDocument[] | undefined;
  readonly validations?: readonly ExpressionDocument[] | undefined;
}

export interface SelectorsDocument {
  readonly labels?: Readonly<Record<string, string>> | undefined;
  readonly fields?: Readonly<Record<string, string>> | undefined;
}

export interface ExpressionDocument {
  readonly expression: string;
  readonly message: string;
}

export interface VariableDocument {
  readonly name: string;
  readonly expression: string;
}

export interface PolicyTestDocument {
  readonly name: string;
  readonly subject: {
    readonly kind: Identity['kind'];
    readonly cluster?: string | null | undefined;
    readonly addon?: string | undefined;
    readonly user?: string | undefined;
    readonly groups?: readonly string[] | undefined;
  };
  /** `METHOD TARGET`. */
  readonly request: string;
  readonly contentType?: string | undefined;
  readonly body?: JsonValue | undefined;
  readonly bodyBase64?: string | undefined;
  /** How the certificate request differs from an honest one: in place of `spec.request`, which nobody can write by hand. */
  readonly csr?: Readonly<Record<string, JsonValue>> | undefined;
  readonly expect: 'allow' | 'deny';
  /** The rule that allows; or the one that comes closest and does not. */
  readonly rule?: string | undefined;
  /** Words that the reason of a refusal has to hold. */
  readonly because?: string | undefined;
}
