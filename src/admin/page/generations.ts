// The signers on one time line: who issued, who issues, who is to issue next, with now, the expected refresh and the end. Lengths are
// percentages of the width, so that the same markup serves a phone and nothing needs an inline style.

import type { Status, StatusCandidate } from '../status.ts';
import { html } from './html.ts';
import type { Html } from './html.ts';
import { sign } from './icons.ts';
import { expectedRefreshMs } from './verdict.ts';
import { DAY_MS, sayDay, sayDuration, sayLeft, sayMoment, sayShortDay, sayTimeOfDay } from './wording.ts';

export interface Span {
  readonly fromMs: number;
  readonly toMs: number;
}

/** One line of the drawing. */
export interface Row {
  readonly name: string;
  readonly state: 'current' | 'candidate' | 'refused' | 'retiring';
  readonly note: string;
  readonly span: Span | null;
  readonly refreshMs: number | null;
  /** Set under the bar where a person has to know why. */
  readonly reason: string | null;
}

/** As high as two lines of text beside it. */
const ROW_HEIGHT = 42;
/** Older ones matter to nobody at a glance; there are two in normal life. */
const MOST_RETIRING = 4;

export function renderGenerations(status: Status, nowMs: number): Html {
  const rows = listRows(status, nowMs);
  const axis = axisOf(rows, nowMs);
  const more = status.retiring.length - MOST_RETIRING;
  return html`<section class="panel generations" aria-labelledby="generations-title" data-part id="generations">
<div class="heading"><h2 id="generations-title">Signers</h2><p class="key"><span class="key-refresh">expected refresh</span><span class="key-now">now</span></p></div>
${rows.length === 0 ? html`<p class="empty">No signer has been read yet.</p>` : renderChart(rows, axis, nowMs)}
${more > 0 ? html`<p class="note">${more} older signers have not ended yet.</p>` : null}
</section>`;
}

function renderChart(rows: readonly Row[], axis: Span, nowMs: number): Html {
  const now = percent(nowMs, axis);
  // Near the right edge the words stand left of the line
  const [anchor, dx] = (nowMs - axis.fromMs) / (axis.toMs - axis.fromMs) > 0.7 ? ['end', -6] : ['start', 6];
  const words = `now, ${sayShortDay(nowMs)} ${sayTimeOfDay(nowMs).slice(0, 5)}`;
  return html`<div class="chart">
<svg class="chart-now" width="100%" height="20" aria-hidden="true"><text class="now-text" x="${now}" y="13" dx="${dx}" text-anchor="${anchor}">${words}</text><line class="now" x1="${now}" x2="${now}" y1="2" y2="20"/></svg>
<svg class="now-line" aria-hidden="true"><line class="now" x1="${now}" x2="${now}" y1="0" y2="100%"/></svg>
<ol class="rows">${rows.map((row) => renderRow(row, axis, nowMs))}</ol>
<svg class="chart-axis" width="100%" height="24" aria-hidden="true">${ticksOf(axis).map(
    ({ x, text }) =>
      html`<g><line class="tick" x1="${x}" x2="${x}" y1="0" y2="6"/><text x="${x}" y="19" text-anchor="middle">${text}</text></g>`,
  )}</svg>
</div>`;
}

function renderRow(row: Row, axis: Span, nowMs: number): Html {
  const { name, state, note, span, reason } = row;
  const now = percent(nowMs, axis);
  return html`<li class="row row-${state}">
<div class="row-name"><strong>${name}</strong><span class="row-note">${note}</span></div>
${
  span === null
    ? null
    : html`<svg class="track" width="100%" height="${ROW_HEIGHT}" role="img" aria-label="${sayRow(row, nowMs)}">${renderBar(row, span, axis)}<line class="now row-now" x1="${now}" x2="${now}" y1="0" y2="${ROW_HEIGHT}"/></svg>`
}
<div class="row-end">${span === null ? html`<strong>not in use</strong>` : renderEnd(span.toMs, nowMs)}</div>
${reason === null ? null : html`<p class="${span === null ? 'row-reason lone' : 'row-reason'}">${sign(state === 'refused' ? 'warning' : 'waiting')}<span>${reason}</span></p>`}
</li>`;
}

function renderEnd(endMs: number, nowMs: number): Html {
  return html`<strong>${sayLeft(endMs, nowMs)}</strong><span class="row-note">until <time datetime="${new Date(endMs).toISOString()}">${sayDay(endMs)}</time></span>`;
}

function renderBar({ state, refreshMs }: Row, span: Span, axis: Span): Html {
  const refresh = refreshMs === null ? null : percent(refreshMs, axis);
  return html`<rect class="bar bar-${state}" x="${percent(span.fromMs, axis)}" width="${width(span, axis)}" y="13" height="16" rx="4"/>${
    refresh === null
      ? null
      : html`<svg class="refresh" x="${refresh}" y="21" width="1" height="1" overflow="visible"><path d="M0-8 8 0 0 8-8 0Z"/></svg>`
  }`;
}

export function listRows(status: Status, nowMs: number): readonly Row[] {
  const { candidate, signer, retiring } = status;
  return [
    ...(candidate === null ? [] : [candidateRow(candidate, nowMs)]),
    ...(signer === null ? [] : [currentRow(signer)]),
    ...retiring.slice(0, MOST_RETIRING).map(
      ({ generation, withdrawn, ...certificate }): Row => ({
        name: `Generation ${generation}`,
        state: 'retiring',
        note: withdrawn ? 'withdrawn: the hub trusts it no more' : 'retiring',
        span: spanOf(certificate),
        refreshMs: null,
        reason: null,
      }),
    ),
  ];
}

const candidateNotes: Readonly<Record<StatusCandidate['state'], (waited: string) => string>> = {
  waiting: () => 'not valid yet',
  probing: (waited) => `asking the hub for ${waited}`,
  refused: (waited) => `refused ${waited} ago`,
  missing: (waited) => `missing for ${waited}`,
};

function candidateRow(candidate: StatusCandidate, nowMs: number): Row {
  const { state, since, reason, notBefore, notAfter } = candidate;
  return {
    name: state === 'missing' ? 'Secret' : 'Candidate',
    state: state === 'refused' || state === 'missing' ? 'refused' : 'candidate',
    note: candidateNotes[state](sayDuration(nowMs - Date.parse(since))),
    span: notBefore === null || notAfter === null ? null : spanOf({ notBefore, notAfter }),
    refreshMs: null,
    reason,
  };
}

function currentRow(signer: NonNullable<Status['signer']>): Row {
  const proofs = { accepted: 'in use, accepted by the hub', unproven: 'in use, not accepted yet', unasked: 'in use' } as const;
  const states = { current: proofs[signer.proof], 'not-valid-yet': 'in use, not valid yet', ended: 'ended' } as const;
  return {
    name: `Generation ${signer.generation}`,
    state: 'current',
    note: states[signer.state],
    span: spanOf(signer),
    refreshMs: expectedRefreshMs(signer),
    reason: null,
  };
}

function spanOf({ notBefore, notAfter }: { readonly notBefore: string; readonly notAfter: string }): Span {
  return { fromMs: Date.parse(notBefore), toMs: Date.parse(notAfter) };
}

/** Everything that is drawn, and a little air. */
function axisOf(rows: readonly Row[], nowMs: number): Span {
  const spans = rows.flatMap(({ span }) => (span === null ? [] : [span]));
  const fromMs = Math.min(nowMs, ...spans.map((span) => span.fromMs));
  const toMs = Math.max(nowMs + 1, ...spans.map((span) => span.toMs));
  const air = Math.max((toMs - fromMs) / 50, 60_000);
  return { fromMs: fromMs - air, toMs: toMs + air };
}

function percent(atMs: number, { fromMs, toMs }: Span): string {
  return `${(((atMs - fromMs) / (toMs - fromMs)) * 100).toFixed(2)}%`;
}

function width(span: Span, axis: Span): string {
  return percent(Math.max(span.toMs - span.fromMs, 0) + axis.fromMs, axis);
}

const TICK_STEPS_DAYS = [1, 2, 5, 10, 30, 91, 365, 1_826, 3_652] as const;
/** As many dates as fit side by side on a phone. */
const MOST_TICKS = 6;

function ticksOf(axis: Span): readonly { readonly x: string; readonly text: string }[] {
  const days = (axis.toMs - axis.fromMs) / DAY_MS;
  const step = (TICK_STEPS_DAYS.find((each) => days / each <= MOST_TICKS) ?? days / MOST_TICKS) * DAY_MS;
  const first = Math.ceil(axis.fromMs / step) * step;
  const isLong = days > 365;
  return Array.from({ length: MOST_TICKS + 1 }, (_, index) => first + index * step)
    .filter((at) => (at - axis.fromMs) / (axis.toMs - axis.fromMs) > 0.04 && (axis.toMs - at) / (axis.toMs - axis.fromMs) > 0.04)
    .map((at) => ({ x: percent(at, axis), text: isLong ? sayDay(at).replace(/^\d+ /, '') : sayShortDay(at) }));
}

function sayRow({ name, note, span, refreshMs }: Row, nowMs: number): string {
  if (span === null) return `${name}: ${note}.`;
  const refresh = refreshMs === null ? '' : ` A newer one is expected on ${sayDay(refreshMs)}.`;
  return `${name}: ${note}. Valid from ${sayMoment(span.fromMs)} to ${sayMoment(span.toMs)} UTC, ${sayLeft(span.toMs, nowMs)}.${refresh}`;
}
