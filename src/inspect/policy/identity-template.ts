// Texts of a policy in which the verified identity stands: `{{cluster}}`, `{{addon}}`, `{{user}}`. A bound text is compared as text and never read
// as a pattern, so nothing that an identity holds can widen a rule; what the identity does not have matches nothing.

import type { Identity } from '../../identity.ts';

export type IdentityVariable = 'cluster' | 'addon' | 'user';

export interface IdentityTemplate {
  /** As the policy writes it. */
  readonly text: string;
  readonly parts: readonly (string | { readonly variable: IdentityVariable })[];
}

const form = /^(?:[^{}]|\{\{(?:cluster|addon|user)\}\})+$/;
const placeholder = /\{\{(cluster|addon|user)\}\}/;

export function isTemplate(text: string): boolean {
  return form.test(text);
}

/** The text with every variable replaced by one letter: what its form can be checked on. */
export function sampleOf(text: string): string {
  return text.replaceAll(new RegExp(placeholder, 'g'), 'x');
}

/** `text` is a template. */
export function parseTemplate(text: string): IdentityTemplate {
  // Splitting at a captured group leaves texts at even places and names at odd ones.
  const parts = text.split(placeholder).map((part, at) => (at % 2 === 0 ? part : { variable: part as IdentityVariable }));
  return { text, parts: parts.filter((part) => part !== '') };
}

/** Null where the identity lacks what the template names. */
export function bindTemplate({ text, parts }: IdentityTemplate, identity: Identity): string | null {
  if (parts.length === 1) {
    const [only] = parts;
    return typeof only === 'object' ? identity[only.variable] : text;
  }
  let bound = '';
  for (const part of parts) {
    const value = typeof part === 'string' ? part : identity[part.variable];
    if (value === null) return null;
    bound += value;
  }
  return bound;
}
