// The messages of application/vnd.kubernetes.protobuf that agents send, compiled from their tables: for the wire check, for protobufjs and for the JSON view.

import { identityMessages } from './schema-identities.ts';
import { objectMessages, type SchemaRow } from './schema-objects.ts';

export interface Field {
  readonly id: number;
  /** Its name in JSON. */
  readonly name: string;
  /** One of `scalarTypes`, or a message. */
  readonly type: string;
  /** `value`: a Go value, on the wire also when zero. `pointer`: there only when set. A map has strings as keys. */
  readonly form: 'value' | 'pointer' | 'list' | 'map';
  /** In JSON also when zero. */
  readonly isAlwaysInJson: boolean;
}

export interface Message {
  readonly name: string;
  readonly fields: ReadonlyMap<number, Field>;
  /** What a field of a newer API version may do here: see `openMessages`. */
  readonly takesUnknownFields: boolean;
}

export const scalarTypes: ReadonlySet<string> = new Set(['string', 'bytes', 'bool', 'int32', 'int64']);

/**
 * Messages in which a field that is not known here is passed over. No rule can depend on what they hold besides their metadata, and a heartbeat or an
 * event that is refused because its agent is newer than Countersign does more harm. Everywhere else an unknown field that is set refuses the body: a hub
 * that is newer too would act on what was not judged.
 */
const openMessages: ReadonlySet<string> = new Set(['CoreEvent', 'Event', 'EventSeries', 'EventSource', 'LeaseSpec']);

export const messages: ReadonlyMap<string, Message> = new Map(
  Object.entries({ ...objectMessages, ...identityMessages }).map(([name, rows]) => [
    name,
    { name, fields: new Map(rows.map((row) => [row[0], compileField(row)])), takesUnknownFields: openMessages.has(name) },
  ]),
);

function compileField([id, name, goType]: SchemaRow): Field {
  const match = /^(\*|\[\]|map )?([A-Za-z0-9]+)(!)?$/.exec(goType);
  const [, prefix = '', type = '', mark] = match ?? [];
  const form = ({ '': 'value', '*': 'pointer', '[]': 'list', 'map ': 'map' } as const)[prefix];
  if (form === undefined || type === '') throw new TypeError(`a schema row with the type ${JSON.stringify(goType)}`);
  return { id, name, type, form, isAlwaysInJson: mark !== undefined };
}

/** Throws for a name that is not in the schema: a mistake in kinds.ts or in the tables. */
export function messageNamed(name: string): Message {
  const message = messages.get(name);
  if (message === undefined) throw new TypeError(`no message ${JSON.stringify(name)} in the schema`);
  return message;
}
