// Which cases of all are run: by id, by promise, by tag (a threat, a promise, a folder of the fixtures, a pack). Several of a kind widen, several kinds
// narrow.

import type { ComplianceCase } from './case.ts';

export interface Selection {
  readonly ids: readonly string[];
  readonly tags: readonly string[];
  readonly promises: readonly string[];
}

export type SelectionVerdict =
  | { readonly ok: true; readonly cases: readonly ComplianceCase[] }
  /** A sentence. */
  | { readonly ok: false; readonly problem: string };

export function selectCases(cases: readonly ComplianceCase[], { ids, tags, promises }: Selection): SelectionVerdict {
  const known = new Set(cases.map(({ id }) => id));
  const stranger = ids.find((id) => !known.has(id));
  if (stranger !== undefined) return { ok: false, problem: `there is no case ${stranger}` };
  const chosen = cases.filter(
    (one) =>
      (ids.length === 0 || ids.includes(one.id)) &&
      (promises.length === 0 || promises.includes(one.promise)) &&
      (tags.length === 0 || tagsOf(one).some((tag) => tags.includes(tag))),
  );
  return chosen.length === 0 ? { ok: false, problem: 'no case is of that kind' } : { ok: true, cases: chosen };
}

export function tagsOf({ id, promise, threat, source, given }: ComplianceCase): readonly string[] {
  const folder = source.split('/').at(-2);
  const kinds = id.startsWith('pack/') ? ['packs', ...given.packs] : [folder ?? ''];
  return [promise, ...(threat === null ? [] : [threat]), ...kinds].filter((tag) => tag !== '');
}
