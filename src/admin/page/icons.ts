// The few signs of the page. Each has a shape of its own, so that no meaning rests on colour; words stand beside them, so they are hidden from
// screen readers.

import { Html, html } from './html.ts';

export type Sign = 'ok' | 'warning' | 'critical' | 'waiting';

const strokes: Readonly<Record<Sign, string>> = {
  ok: '<circle cx="12" cy="12" r="9.5"/><path d="m7.8 12.4 2.9 2.9 5.6-6.2"/>',
  warning: '<path d="M12 3.2 22 20.3H2Z"/><path d="M12 9.6v4.8M12 17.1v.4"/>',
  critical: '<path d="M8 2.5h8L21.5 8v8L16 21.5H8L2.5 16V8Z"/><path d="m8.9 8.9 6.2 6.2m0-6.2-6.2 6.2"/>',
  waiting: '<circle cx="12" cy="12" r="9.5"/><path d="M12 6.8V12l3.4 2.2"/>',
};

export function sign(which: Sign): Html {
  return html`<svg class="sign sign-${which}" viewBox="0 0 24 24" aria-hidden="true" focusable="false">${new Html(strokes[which])}</svg>`;
}

/** Of the browser's tab. */
export const tabIcon = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" fill="#23486d"/><circle cx="16" cy="16" r="9.5" fill="none" stroke="#fff" stroke-width="2.4"/><path d="m11.6 16.4 3 3 5.8-6.4" fill="none" stroke="#fff" stroke-width="2.6" stroke-linecap="round" stroke-linejoin="round"/></svg>
`;
