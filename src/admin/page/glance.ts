// What is seen first: the verdict, the alerts that fire, and five figures.

import type { Status } from '../status.ts';
import { html } from './html.ts';
import type { Html } from './html.ts';
import { sign } from './icons.ts';
import type { Sign } from './icons.ts';
import type { Verdict } from './verdict.ts';
import { count, plural, sayAgo, sayDay, sayDuration, sayMoment } from './wording.ts';

const signs: Readonly<Record<Verdict['level'], Sign>> = { safe: 'ok', attention: 'warning', 'at-risk': 'critical' };

export function renderVerdict({ level, label, sentence, detail }: Verdict): Html {
  return html`<section class="verdict verdict-${level}" aria-labelledby="verdict-title" data-part id="verdict">
${sign(signs[level])}<div><h1 id="verdict-title"><span class="unseen">${label}. </span><span role="status" aria-live="polite" id="verdict-text">${sentence}</span></h1>
<p>${detail}</p></div>
</section>`;
}

export function renderAlerts({ alerts }: Status, nowMs: number): Html {
  if (alerts.length === 0) return html`<section class="alerts" aria-label="Alerts" data-part id="alerts"></section>`;
  return html`<section class="alerts" aria-label="Alerts" data-part id="alerts"><ul>${alerts.map(
    ({
      name,
      severity,
      since,
      message,
      runbook,
    }) => html`<li class="alert alert-${severity}">${sign(severity === 'critical' ? 'critical' : 'warning')}
<div><p class="alert-name"><strong>${name}</strong><span class="note">${severity}, since ${sayMoment(Date.parse(since))} (${sayDuration(nowMs - Date.parse(since))})</span></p>
<p>${message}</p></div><a href="${runbook}" rel="noreferrer">Runbook<span class="unseen"> for ${name}</span></a></li>`,
  )}</ul></section>`;
}

interface Figure {
  readonly label: string;
  readonly value: string;
  readonly note: string;
  /** Marked as something to look at; the alerts decide what is one. */
  readonly isBad?: boolean;
}

export function renderFigures(status: Status, nowMs: number): Html {
  const figures = [
    signerFigure(status, nowMs),
    probeFigure(status, nowMs),
    syncFigure(status, nowMs),
    refusedFigure(status),
    servingFigure(status, nowMs),
  ];
  return html`<section aria-label="Key figures" data-part id="figures"><dl class="figures">${figures.map(
    ({ label, value, note, isBad }) =>
      html`<div class="${isBad === true ? 'figure bad' : 'figure'}"><dt>${label}</dt><dd>${value}${isBad === true ? sign('warning') : null}<span class="note">${note}</span></dd></div>`,
  )}</dl></section>`;
}

function fires({ alerts }: Status, ...names: readonly string[]): boolean {
  return alerts.some(({ name }) => names.includes(name));
}

function signerFigure(status: Status, nowMs: number): Figure {
  const label = 'Signer';
  if (status.signer === null) return { label, value: 'none', note: 'not read yet', isBad: true };
  const left = Date.parse(status.signer.notAfter) - nowMs;
  const isBad = left <= 0 || fires(status, 'CountersignSignerEndsSoon', 'CountersignSignerEndsVerySoon');
  return {
    label,
    value: left > 0 ? sayDuration(left) : 'ended',
    note: left > 0 ? `left of generation ${status.signer.generation}` : `generation ${status.signer.generation}, ${sayAgo(-left)}`,
    isBad,
  };
}

function probeFigure({ signer, probe }: Status, nowMs: number): Figure {
  const label = 'Hub';
  if (signer === null) return { label, value: '–', note: 'no signer to ask about' };
  if (signer.proof === 'unasked') return { label, value: 'not asked', note: 'the probe is off' };
  const about = probe.filter(({ fingerprintSHA256 }) => fingerprintSHA256 === signer.fingerprintSHA256);
  const accepting = about.filter(({ ok }) => ok).length;
  const newest = Math.max(0, ...about.map(({ at }) => Date.parse(at)));
  const note =
    about.length === 0 ? 'asked about the candidate' : `${accepting} of ${plural(about.length, 'endpoint')}, ${sayAgo(nowMs - newest)}`;
  if (signer.proof === 'unproven') return { label, value: 'not accepted', note: about.length === 0 ? 'no answer yet' : note, isBad: true };
  const isBad = accepting < about.length;
  return { label, value: isBad ? 'in doubt' : 'accepts us', note, isBad };
}

function syncFigure(status: Status, nowMs: number): Figure {
  const { lastSuccess, lastError, source } = status.sync;
  return {
    label: 'Last sync',
    value: lastSuccess === null ? 'never' : sayAgo(nowMs - Date.parse(lastSuccess)),
    note: lastError === null ? `from ${source}` : `failing: ${lastError.code}`,
    isBad: lastError !== null || lastSuccess === null,
  };
}

function refusedFigure(status: Status): Figure {
  const { perMinute } = status.traffic;
  const refused = perMinute.reduce((sum, minute) => sum + minute.refused, 0);
  const all = perMinute.reduce((sum, minute) => sum + minute.allowed, refused);
  return {
    label: 'Refused, last hour',
    value: count(refused),
    note: `of ${plural(all, 'request')}`,
    isBad: fires(status, 'CountersignDenialBurst'),
  };
}

function servingFigure(status: Status, nowMs: number): Figure {
  const label = 'Serving certificate';
  const { servingCertificate: serving } = status;
  if (serving === null) return { label, value: '–', note: 'not read yet' };
  const endMs = Date.parse(serving.notAfter);
  const isBad = endMs <= nowMs || fires(status, 'CountersignServingCertificateEndsSoon', 'CountersignServingCertificateEndsVerySoon');
  return { label, value: endMs > nowMs ? sayDuration(endMs - nowMs) : 'ended', note: `until ${sayDay(endMs)}`, isBad };
}
