// The page's colours and type, as a style sheet. Colour carries meaning only (accent: issues now; amber and red: look here), and never alone. Text
// keeps 4.5:1 on what it stands on in both schemes (WCAG 2.2 §1.4.3; test/admin/page-browser.test.ts computes it).

export const pageStyle = `:root {
  color-scheme: light dark;
  --paper: #f5f4f1; --surface: #fff; --line: #e2dfd8; --faint: #ecebe6;
  --ink: #1d2023; --soft: #5b6066;
  --accent: #2b5a8c; --accent-soft: #c9d8e8;
  --safe: #1c6b45; --safe-tint: #e4f1e9;
  --amber: #8a5200; --amber-tint: #fbf0d9; --amber-line: #e6cd96;
  --red: #ab1f1a; --red-tint: #fbe7e4; --red-line: #e9b4ae;
  --radius: 10px;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #131518; --surface: #1b1e22; --line: #2e3237; --faint: #25292e;
    --ink: #e8e7e4; --soft: #a3a8af;
    --accent: #86b4e2; --accent-soft: #2c435c;
    --safe: #7ecfa4; --safe-tint: #162c22;
    --amber: #ebbb6c; --amber-tint: #302613; --amber-line: #5e4a20;
    --red: #ff9a90; --red-tint: #381b1a; --red-line: #6f302c;
  }
}
*, *::before, *::after { box-sizing: border-box; }
html { background: var(--paper); color: var(--ink); -webkit-text-size-adjust: 100%; }
body {
  margin: 0 auto; max-width: 1264px; padding: 0 20px 14px;
  font: 14px/1.45 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Noto Sans", "Liberation Sans", sans-serif;
  font-variant-numeric: tabular-nums;
  overflow-wrap: anywhere;
}
h1, h2, p, ul, ol, dl, dd, table { margin: 0; padding: 0; }
ul, ol { list-style: none; }
h1 { font-size: 23px; line-height: 1.25; font-weight: 650; letter-spacing: -0.012em; text-wrap: balance; }
h2 { font-size: 14px; line-height: 1.4; font-weight: 650; }
strong { font-weight: 650; }
a { color: var(--accent); text-underline-offset: 3px; text-decoration-thickness: 1px; }
a:hover { text-decoration-thickness: 2px; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 3px; border-radius: 4px; }
main:focus { outline: none; }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.skip { position: absolute; left: 16px; top: -60px; z-index: 1; padding: 8px 14px; background: var(--surface); border-radius: 0 0 8px 8px; }
.skip:focus { top: 0; }
.note, .empty, .row-note { color: var(--soft); font-size: 13px; font-weight: 400; }
.why { display: block; color: var(--amber); font-size: 13px; }
.code { color: var(--soft); }
.number { text-align: right; font-weight: 400; white-space: nowrap; }
.sign { flex: none; width: 18px; height: 18px; fill: none; stroke: currentColor; stroke-width: 2; stroke-linecap: round; stroke-linejoin: round; }
.sign-ok { color: var(--safe); }
.sign-warning { color: var(--amber); }
.sign-critical { color: var(--red); }
.sign-waiting { color: var(--accent); }
summary { cursor: pointer; border-radius: 4px; }
summary::marker { color: var(--soft); }

.verdict { display: flex; gap: 16px; align-items: flex-start; padding: 18px 22px; border: 1px solid; border-radius: var(--radius); }
.verdict .sign { width: 34px; height: 34px; stroke-width: 1.7; margin-top: -1px; }
.verdict p { margin-top: 4px; color: var(--ink); }
.verdict-safe { background: var(--safe-tint); border-color: transparent; }
.verdict-safe h1 { color: var(--safe); }
.verdict-attention { background: var(--amber-tint); border-color: var(--amber-line); }
.verdict-attention h1 { color: var(--amber); }
.verdict-at-risk { background: var(--red-tint); border-color: var(--red-line); }
.verdict-at-risk h1 { color: var(--red); }
/* No answer: nothing is known, so nothing is green */
[data-live="lost"] .verdict { background: none; border: 1px dashed var(--soft); }
[data-live="lost"] .verdict h1, [data-live="lost"] .verdict .sign, [data-live="lost"] .verdict p { color: var(--soft); }
[data-live="lost"] #live { color: var(--red); font-weight: 650; }
#live:not(:empty)::before { content: ""; display: inline-block; width: 8px; height: 8px; margin-right: 6px; border-radius: 50%; background: var(--safe); }
[data-live="lost"] #live::before { border-radius: 0; background: var(--red); }

.alerts ul { display: grid; gap: 8px; }
.alert { display: flex; gap: 12px; padding: 12px 16px; background: var(--surface); border: 1px solid var(--line); border-radius: var(--radius); }
.alert .sign { margin-top: 1px; }
.alert div { flex: 1; min-width: 0; }
.alert-name { display: flex; flex-wrap: wrap; gap: 0 10px; align-items: baseline; }
.alert a { white-space: nowrap; }
.alert-critical strong { color: var(--red); }
.alert-warning strong { color: var(--amber); }

.bar-current { fill: var(--accent); }
.bar-retiring { fill: var(--accent-soft); }
.bar-candidate { fill: var(--surface); stroke: var(--accent); stroke-width: 2; stroke-dasharray: 5 4; }
.bar-refused { fill: var(--surface); stroke: var(--amber); stroke-width: 2; stroke-dasharray: 2 4; }
.refresh path { fill: var(--surface); stroke: var(--ink); stroke-width: 1.6; }
.now { stroke: var(--ink); stroke-width: 1.5; }
.now-text { fill: var(--ink); font-size: 12px; font-weight: 650; }
.chart-axis text { fill: var(--soft); font-size: 12px; }
.tick { stroke: var(--soft); }
.bars-allowed .past { fill: var(--accent); }
.bars-allowed .present { fill: var(--accent-soft); }
.bars-refused .past { fill: var(--amber); }
.bars-refused .present { fill: var(--amber-line); }
.rule-rest { fill: var(--faint); }
.rule-bar { fill: var(--amber); }
@media (forced-colors: active) {
  .bar-current, .bars .past { fill: CanvasText; }
  .now, .refresh path { stroke: CanvasText; }
}
@media print { .skip, nav { display: none; } }
`;
