// What went through and what was refused: the last hour minute by minute, and the rules that refused since the start.

import type { Status } from '../status.ts';
import { html } from './html.ts';
import type { Html } from './html.ts';
import { count, plural, sayDay, sayTimeOfDay } from './wording.ts';

type Minute = Status['traffic']['perMinute'][number];

export function renderTraffic({ traffic, started }: Status): Html {
  const { perMinute, wouldRefuse, leavesIssued, hubRejections } = traffic;
  return html`<section class="panel traffic" aria-labelledby="traffic-title" data-part id="traffic">
<div class="heading"><h2 id="traffic-title">Requests a minute</h2><p class="note">last hour</p></div>
${renderBars('allowed', 'Allowed', perMinute)}
${renderBars('refused', 'Refused', perMinute)}
${renderSpan(perMinute)}
<p class="totals-title">Since ${sayDay(Date.parse(started))}, ${sayTimeOfDay(Date.parse(started)).slice(0, 5)}</p>
<dl class="totals">
<div><dt>allowed</dt><dd>${count(traffic.allowed)}</dd></div>
<div><dt>refused</dt><dd>${count(traffic.refused)}</dd></div>
${wouldRefuse === 0 ? null : html`<div><dt>would be refused</dt><dd>${count(wouldRefuse)}</dd></div>`}
<div><dt>reissued</dt><dd>${count(leavesIssued)}</dd></div>
<div><dt>hub rejections</dt><dd>${count(hubRejections)}</dd></div>
</dl>
</section>`;
}

const BAR_HEIGHT = 40;

/** Each kind has a scale of its own: one refusal among a thousand requests must be seen. The present minute is not over and is drawn pale. */
function renderBars(kind: 'allowed' | 'refused', label: string, minutes: readonly Minute[]): Html {
  const most = Math.max(1, ...minutes.map((minute) => minute[kind]));
  const last = minutes.at(-2)?.[kind] ?? 0;
  const bars = minutes.map((minute, index) => {
    // One unit at least: a minute with one refusal beside one with thousands must not vanish
    const height = minute[kind] === 0 ? 0 : Math.max((minute[kind] / most) * BAR_HEIGHT, 2);
    return height === 0
      ? html``
      : html`<rect class="${index === minutes.length - 1 ? 'present' : 'past'}" x="${index + 0.12}" y="${(BAR_HEIGHT - height).toFixed(1)}" width="0.76" height="${height.toFixed(1)}"/>`;
  });
  const peak = Math.max(0, ...minutes.map((minute) => minute[kind]));
  const said = `${label} requests a minute over the last hour: ${count(last)} in the last full minute, at most ${count(peak)}.`;
  return html`<div class="bars bars-${kind}">
<p class="bars-label"><strong>${count(last)}</strong> ${label.toLowerCase()}<span class="note">at most ${count(peak)}</span></p>
<svg viewBox="0 0 ${Math.max(minutes.length, 1)} ${BAR_HEIGHT}" preserveAspectRatio="none" width="100%" height="${BAR_HEIGHT}" role="img" aria-label="${said}">${bars}</svg>
</div>`;
}

function renderSpan(minutes: readonly Minute[]): Html | null {
  const [first] = minutes;
  const last = minutes.at(-1);
  if (first === undefined || last === undefined) return null;
  const [from, to] = [first, last].map(({ at }) => sayTimeOfDay(Date.parse(at)).slice(0, 5));
  return html`<p class="bars-span" aria-hidden="true"><span>${from ?? ''}</span><span>${to ?? ''}</span></p>`;
}

/** The rest is in `/status` and the metrics. */
const MOST_RULES = 6;

export function renderRefusals({ traffic: { refusalsByRule: rules } }: Status): Html {
  const shown = rules.slice(0, MOST_RULES);
  const most = Math.max(1, ...shown.map((rule) => rule.count));
  const rest = rules.slice(MOST_RULES);
  return html`<section class="panel refusals" aria-labelledby="refusals-title" data-part id="refusals">
<div class="heading"><h2 id="refusals-title">Refusals</h2><p class="note">by rule, since the start</p></div>
${
  shown.length === 0
    ? html`<p class="empty">Nothing has been refused.</p>`
    : html`<ul class="rules">${shown.map(
        (rule) =>
          html`<li><span class="rule">${rule.rule}</span><span class="number">${count(rule.count)}</span><svg width="100%" height="4" aria-hidden="true"><rect class="rule-rest" width="100%" height="4" rx="2"/><rect class="rule-bar" width="${((rule.count / most) * 100).toFixed(1)}%" height="4" rx="2"/></svg></li>`,
      )}</ul>`
}
${rest.length === 0 ? null : html`<p class="note">and ${count(rest.reduce((sum, rule) => sum + rule.count, 0))} by ${plural(rest.length, 'other rule')}</p>`}
</section>`;
}
