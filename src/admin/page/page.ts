// The status page: one screen that says whether the fleet is safe. Makes markup of a `Status`; reads nothing else and keeps nothing. Everything that
// comes from certificates, hubs and settings is text in it (html.ts).

import type { Status } from '../status.ts';
import { renderClusters } from './clusters.ts';
import { renderGenerations } from './generations.ts';
import { renderAlerts, renderFigures, renderVerdict } from './glance.ts';
import { html } from './html.ts';
import { renderHub } from './hub.ts';
import { tabIcon } from './icons.ts';
import { pageLayout } from './layout.ts';
import { pageScript } from './script.ts';
import { pageStyle } from './style.ts';
import { renderRefusals, renderTraffic } from './traffic.ts';
import { judgeFleet } from './verdict.ts';
import { sayMoment, sayTimeOfDay } from './wording.ts';

export interface PageFile {
  readonly contentType: string;
  readonly body: string;
}

/** By path. Few and small; read once by each visitor. */
export const pageFiles: ReadonlyMap<string, PageFile> = new Map([
  ['/assets/page.css', { contentType: 'text/css; charset=utf-8', body: `${pageStyle}${pageLayout}` }],
  ['/assets/page.js', { contentType: 'text/javascript; charset=utf-8', body: pageScript }],
  ['/assets/icon.svg', { contentType: 'image/svg+xml', body: tabIcon }],
]);

/** Of the page and its files alike, over what every answer of the admin port has. Nothing from elsewhere, nothing inline, no frame, no form: CSP Level 3. */
export const pageHeaders: Readonly<Record<string, string>> = {
  'content-security-policy':
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
};

/** How often it reloads itself where scripts are off. */
const RELOAD_SECONDS = 30;

/** A whole document. Its links are relative, so that it also works behind `kubectl proxy`. */
export function renderPage(status: Status, nowMs: number): string {
  const verdict = judgeFleet(status, nowMs);
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<title>${verdict.label} · Countersign</title>
<link rel="icon" href="assets/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="assets/page.css">
<noscript><meta http-equiv="refresh" content="${RELOAD_SECONDS}"></noscript>
<script src="assets/page.js" defer></script>
</head>
<body>
<a class="skip" href="#main">Skip to the verdict</a>
<header class="top"><p class="brand"><img src="assets/icon.svg" alt="" width="20" height="20">Countersign</p>
<p class="as-of"><span id="live" role="status"></span><noscript><span>Reloads each ${RELOAD_SECONDS} s</span></noscript>
<span data-part id="as-of">as of <time datetime="${new Date(nowMs).toISOString()}">${sayMoment(nowMs).split(',')[0] ?? ''}, ${sayTimeOfDay(nowMs)} UTC</time></span></p></header>
<main id="main" tabindex="-1">
${renderVerdict(verdict)}
${renderAlerts(status, nowMs)}
${renderFigures(status, nowMs)}
${renderGenerations(status, nowMs)}
<div class="columns">
${renderTraffic(status)}
${renderRefusals(status)}
${renderHub(status, nowMs)}
${renderClusters(status, nowMs)}
</div>
</main>
<footer class="bottom"><p>Countersign ${status.version}. All times are UTC.</p><nav aria-label="Other forms"><a href="status">Status as JSON</a><a href="metrics">Metrics</a><a href="readyz">Readiness</a></nav></footer>
</body>
</html>
`.markup;
}
