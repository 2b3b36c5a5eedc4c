// JSON pointers (RFC 6901): writing one, recognising one, and the bounded set of those that a patch touches.

import { BodyFault } from './body-fault.ts';

/** Honest patches touch fewer than 100; each is looked at by every condition of a policy. */
const MAX_POINTERS = 4_096;
/** Characters. The longest that Kubernetes knows is an annotation: 12 and a key of 317. */
const MAX_POINTER_CHARACTERS = 1_024;

export function childPointer(parent: string, key: string): string {
  return `${parent}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`;
}

/** '' is the whole document. */
export function isJsonPointer(text: string): boolean {
  // evanphx/json-patch drops whatever stands before the first slash, and takes `~2` as it is.
  return text === '' || (text.startsWith('/') && !/~(?![01])/.test(text));
}

export class TouchedPointers {
  readonly #pointers = new Set<string>();

  /** Throws BodyFault when there are too many, or one is too long. */
  add(pointer: string): void {
    if (pointer.length > MAX_POINTER_CHARACTERS) throw new BodyFault('body-bounds', 'a patch that reaches deeper than pointers are long');
    this.#pointers.add(pointer);
    if (this.#pointers.size > MAX_POINTERS) throw new BodyFault('body-bounds', `a patch of more than ${MAX_POINTERS} places`);
  }

  list(): readonly string[] {
    return [...this.#pointers];
  }
}
