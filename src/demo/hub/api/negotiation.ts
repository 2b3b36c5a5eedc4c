// Which form of answer the client wants, from Accept (apiserver pkg/endpoints/handlers/negotiation/negotiate.go): the first acceptable
// clause wins; `as=` asks for another shape of the same objects.

import { notAcceptable } from './status.ts';

export const JSON_TYPE = 'application/json';
export const PROTOBUF_TYPE = 'application/vnd.kubernetes.protobuf';

export type Shape = 'object' | 'Table' | 'PartialObjectMetadata';

export interface Output {
  readonly encoding: 'json' | 'protobuf';
  readonly shape: Shape;
  /** Of meta.k8s.io, for the shapes that belong to it. */
  readonly metaVersion: string;
  readonly isPretty: boolean;
}

/** What of a request decides on the form of its answer. */
export interface Wish {
  readonly headers: ReadonlyMap<string, string>;
  readonly query: URLSearchParams;
}

export interface Offer {
  /** Custom resources have no protobuf form. */
  readonly hasProtobuf: boolean;
  /** Reads and writes of objects; not errors, not discovery. */
  readonly hasShapes: boolean;
}

interface Clause {
  readonly type: string;
  readonly parameters: ReadonlyMap<string, string>;
  readonly quality: number;
}

/** More clauses than any client sends; the rest is not read. */
const MAX_CLAUSES = 32;

/** Clauses by quality, then as they came (munnerz/goautoneg). */
export function parseAccept(accept: string): readonly Clause[] {
  const clauses = accept.split(',', MAX_CLAUSES).map((text): Clause => {
    const [type = '', ...rest] = text.split(';').map((part) => part.trim());
    const parameters = new Map(rest.map((part): [string, string] => [before(part, '='), after(part, '=')]));
    const quality = Number(parameters.get('q') ?? 1);
    return { type: type.toLowerCase(), parameters, quality: Number.isNaN(quality) ? 1 : quality };
  });
  return clauses.filter(({ type }) => type !== '').toSorted((a, b) => b.quality - a.quality);
}

function before(text: string, separator: string): string {
  return text.split(separator, 1)[0] ?? '';
}

function after(text: string, separator: string): string {
  const at = text.indexOf(separator);
  return at === -1 ? '' : text.slice(at + 1);
}

export function negotiate(wish: Wish, offer: Offer): Output {
  const isPretty = wantsPretty(wish);
  const accept = wish.headers.get('accept') ?? '';
  const plain: Output = { encoding: 'json', shape: 'object', metaVersion: 'v1', isPretty };
  if (accept.trim() === '') return plain;
  for (const clause of parseAccept(accept)) {
    const encoding = encodingOf(clause.type, offer);
    const shape = shapeOf(clause, offer);
    const canBe = encoding !== null && shape !== null && !(shape === 'Table' && encoding === 'protobuf');
    if (!canBe) continue;
    const asked = clause.parameters.get('pretty');
    const metaVersion = shape === 'object' ? 'v1' : (clause.parameters.get('v') ?? 'v1');
    return { encoding, shape, metaVersion, isPretty: asked === undefined ? isPretty : asked === '1' };
  }
  throw notAcceptable(offer.hasProtobuf ? [JSON_TYPE, PROTOBUF_TYPE] : [JSON_TYPE]);
}

function encodingOf(type: string, offer: Offer): Output['encoding'] | null {
  if (type === JSON_TYPE || type === 'application/*' || type === '*/*') return 'json';
  return type === PROTOBUF_TYPE && offer.hasProtobuf ? 'protobuf' : null;
}

/** Null: a shape that is not served here, so that the next clause is tried. */
function shapeOf({ parameters }: Clause, offer: Offer): Shape | null {
  const as = parameters.get('as');
  if (as === undefined) return 'object';
  const isOfMeta = parameters.get('g') === 'meta.k8s.io' && ['v1', 'v1beta1'].includes(parameters.get('v') ?? '');
  if (!offer.hasShapes || !isOfMeta) return null;
  if (as === 'Table') return 'Table';
  return as === 'PartialObjectMetadata' || as === 'PartialObjectMetadataList' ? 'PartialObjectMetadata' : null;
}

/** People read with these (negotiate.go isPrettyPrint). */
const HUMAN_AGENTS = ['curl', 'Wget', 'Mozilla/5.0'];

function wantsPretty({ headers, query }: Wish): boolean {
  const asked = query.get('pretty') ?? '';
  if (asked !== '') return ['1', 't', 'T', 'true', 'TRUE', 'True'].includes(asked);
  const agent = headers.get('user-agent') ?? '';
  return HUMAN_AGENTS.some((prefix) => agent.startsWith(prefix));
}
