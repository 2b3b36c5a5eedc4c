// The list of quarantined clusters that an administrator keeps in a ConfigMap: what it says, and how one list follows another. Pure. A list that cannot
// be read whole releases nobody.

import { isClusterName } from '../cluster-name.ts';
import type { EventName, Log } from '../events.ts';
import type { Found } from './source.ts';

/** Of the ConfigMap. */
export const CLUSTERS_KEY = 'clusters';

/** Lines that are told of; one that was pasted wrongly is often one of many. */
const MOST_TOLD_LINES = 5;
const MOST_TOLD_CHARACTERS = 80;

export interface ListState {
  readonly names: readonly string[];
  /** What was told of last, so that it is told once. */
  readonly told: string;
}

export const emptyList: ListState = { names: [], told: '' };

export interface ListStep {
  readonly state: ListState;
  readonly event: ListEvent | null;
}

type FoundList = Exclude<Found<string>, { readonly kind: 'failed' }>;

interface ListEvent {
  readonly name: EventName;
  readonly fields: Parameters<Log['event']>[1];
}

/** @param found the text of key `clusters` */
export function stepList(state: ListState, found: FoundList): ListStep {
  if (found.kind === 'found') return takeText(state, found.value);
  const name = state.names.length === 0 ? 'quarantine-list-missing' : 'quarantine-list-removed';
  return tell(state, state.names, { name, fields: { detail: found.detail } });
}

/** One name a line; empty lines and what follows a `#` do not count. */
function takeText(state: ListState, text: string): ListStep {
  const lines = text.split('\n').map((line, at) => ({ number: at + 1, name: (line.split('#', 1)[0] ?? '').trim() }));
  const written = lines.filter(({ name }) => name !== '');
  const bad = written.filter(({ name }) => !isClusterName(name));
  const good = written.filter(({ name }) => isClusterName(name)).map(({ name }) => name);
  if (bad.length === 0) {
    const names = [...new Set(good)].toSorted();
    return tell(state, names, { name: 'quarantine-list-published', fields: { clusters: names.length } });
  }
  const shown = bad
    .slice(0, MOST_TOLD_LINES)
    .map(({ number, name }) => `line ${number}: ${JSON.stringify(name.slice(0, MOST_TOLD_CHARACTERS))}`);
  const fields = { lines: bad.length, detail: shown.join('; ') };
  return tell(state, [...new Set([...state.names, ...good])].toSorted(), { name: 'quarantine-list-refused', fields });
}

function tell(state: ListState, names: readonly string[], event: ListEvent): ListStep {
  const told = `${event.name} ${JSON.stringify(event.fields)} ${event.name === 'quarantine-list-published' ? names.join() : ''}`;
  if (told === state.told && names.length === state.names.length) return { state, event: null };
  return { state: { names, told }, event: told === state.told ? null : event };
}
