// What the hub says: each endpoint's newest answer to the probe, when its signer and bundle were last read, and whose clients are trusted.

import type { Status } from '../status.ts';
import { html } from './html.ts';
import type { Html } from './html.ts';
import { sign } from './icons.ts';
import type { Sign } from './icons.ts';
import { plural, sayAgo, sayLeft, sayMoment } from './wording.ts';

/** A hub has three or five; the rest is in `/status`. */
const MOST_ENDPOINTS = 8;
/** csr-controller-ca holds two to six. */
const MOST_AUTHORITIES = 8;

export function renderHub(status: Status, nowMs: number): Html {
  const { probe } = status;
  const more = probe.length - MOST_ENDPOINTS;
  return html`<section class="panel hub" aria-labelledby="hub-title" data-part id="hub">
<div class="heading"><h2 id="hub-title">Hub</h2><p class="note">does it accept us?</p></div>
${probe.length === 0 ? html`<p class="empty">${sayNoProbe(status)}</p>` : html`<ul class="endpoints">${probe.slice(0, MOST_ENDPOINTS).map((answer) => renderEndpoint(answer, status, nowMs))}</ul>`}
${more > 0 ? html`<p class="note">and ${plural(more, 'more endpoint')}</p>` : null}
${renderSync(status, nowMs)}
${renderTrust(status, nowMs)}
</section>`;
}

export const outcomes: Readonly<Record<Status['probe'][number]['outcome'], { readonly sign: Sign; readonly text: string }>> = {
  accepted: { sign: 'ok', text: 'accepts' },
  rejected: { sign: 'critical', text: 'rejects' },
  unreachable: { sign: 'warning', text: 'no answer about' },
};

function renderEndpoint(answer: Status['probe'][number], status: Status, nowMs: number): Html {
  const outcome = outcomes[answer.outcome];
  return html`<li>${sign(outcome.sign)}<div><span class="endpoint">${answer.endpoint}</span>
<span class="note">${outcome.text} ${nameSigner(answer.fingerprintSHA256, status)}, ${sayAgo(nowMs - Date.parse(answer.at))}</span>${
    answer.ok ? null : html`<span class="why">${answer.detail}</span>`
  }</div></li>`;
}

export function nameSigner(fingerprint: string, { signer, candidate, retiring }: Status): string {
  if (fingerprint === signer?.fingerprintSHA256) return `generation ${signer.generation}`;
  if (fingerprint === candidate?.fingerprintSHA256) return 'the candidate';
  const former = retiring.find(({ fingerprintSHA256 }) => fingerprintSHA256 === fingerprint);
  return former === undefined ? 'a former signer' : `generation ${former.generation}`;
}

export function sayNoProbe({ signer }: Status): string {
  return signer?.proof === 'unasked'
    ? 'The hub is not asked: caSync.probe.enabled is false.'
    : 'No endpoint of the hub has been asked yet.';
}

export function saySync({ sync: { source, lastSuccess } }: Status, nowMs: number): string {
  const read = lastSuccess === null ? 'never read' : `read ${sayAgo(nowMs - Date.parse(lastSuccess))}`;
  return `Signer and bundle ${read}, ${source === 'files' ? 'from files' : 'through the Kubernetes API'}`;
}

function renderSync(status: Status, nowMs: number): Html {
  const { lastSuccess, lastError } = status.sync;
  return html`<p class="fact">${sign(lastError === null && lastSuccess !== null ? 'ok' : 'warning')}<span>${saySync(status, nowMs)}${
    lastError === null
      ? null
      : html`<span class="why">${lastError.detail} <span class="code">(${lastError.code}, since ${sayMoment(Date.parse(lastError.since))})</span></span>`
  }</span></p>`;
}

function renderTrust({ trust }: Status, nowMs: number): Html {
  const { authorities, skipped, refused, missing } = trust;
  const isFine = authorities.length > 0 && skipped.length === 0 && refused === null && missing === null;
  return html`<div class="fact">${sign(isFine ? 'ok' : 'warning')}<div>${
    authorities.length === 0
      ? html`<span>No client authority is trusted yet</span>`
      : html`<details id="authorities"><summary>Clients of ${plural(authorities.length, 'CA')} are trusted</summary><ul>${authorities
          .slice(0, MOST_AUTHORITIES)
          .map(({ subject, notAfter }) => html`<li>${subject}<span class="note">${sayLeft(Date.parse(notAfter), nowMs)}</span></li>`)}${
          authorities.length > MOST_AUTHORITIES ? html`<li>and ${authorities.length - MOST_AUTHORITIES} more</li>` : null
        }</ul></details>`
  }${skipped.slice(0, MOST_AUTHORITIES).map((why) => html`<span class="why">Skipped: ${why}</span>`)}${
    refused === null ? null : html`<span class="why">A newer bundle is refused: ${refused.detail}</span>`
  }${missing === null ? null : html`<span class="why">The bundle is missing: ${missing.detail}</span>`}</div></div>`;
}
