// Markup that cannot be broken out of: whatever is put into `html` is text, unless it was made by `html` itself. Knows nothing of the page.

import { plainText } from './wording.ts';

export class Html {
  readonly markup: string;

  constructor(markup: string) {
    this.markup = markup;
  }
}

type Content = string | number | Html | readonly Html[] | null;

/** Values stand between tags or in quoted attributes; nowhere else is escaping enough. null adds nothing. */
export function html(parts: TemplateStringsArray, ...values: readonly Content[]): Html {
  return new Html(parts.map((part, index) => `${index === 0 ? '' : render(values[index - 1] ?? null)}${part}`).join(''));
}

function render(value: Content): string {
  if (value === null) return '';
  if (value instanceof Html) return value.markup;
  if (typeof value === 'object') return value.map(({ markup }) => markup).join('');
  return escape(plainText(String(value)));
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

function escape(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => ENTITIES[character] ?? '');
}
