// Where the page's parts stand, as a style sheet: one column on a phone (from 320 px), two beside each other on a desk.

export const pageLayout = `
.top, .bottom { display: flex; flex-wrap: wrap; gap: 4px 24px; justify-content: space-between; align-items: baseline; }
.top { padding: 12px 0 10px; align-items: center; }
.brand { display: flex; gap: 8px; align-items: center; font-weight: 700; letter-spacing: 0.01em; }
.as-of { display: flex; flex-wrap: wrap; gap: 0 14px; color: var(--soft); font-size: 13px; }
.bottom { margin-top: 12px; color: var(--soft); font-size: 13px; }
.bottom nav { display: flex; flex-wrap: wrap; gap: 4px 20px; }
main { display: grid; gap: 12px; grid-template-columns: minmax(0, 1fr); }
.alerts:empty { display: none; }
.panel { min-width: 0; padding: 12px 18px 14px; background: var(--surface); border: 1px solid var(--line); border-radius: var(--radius); }
.heading { display: flex; flex-wrap: wrap; gap: 0 16px; justify-content: space-between; align-items: baseline; margin-bottom: 8px; }

.figures { display: grid; grid-template-columns: repeat(5, minmax(0, 1fr)); background: var(--surface); border: 1px solid var(--line); border-radius: var(--radius); }
.figure { padding: 12px 20px 13px; border-left: 1px solid var(--line); }
.figure:first-child { border-left: 0; }
.figure dt { color: var(--soft); font-size: 13px; }
.figure dd { font-size: 20px; line-height: 1.35; font-weight: 600; letter-spacing: -0.01em; }
.figure dd .note { display: block; letter-spacing: 0; line-height: 1.35; }
.figure .sign { margin-left: 7px; vertical-align: -2px; }
.figure.bad dd { color: var(--amber); }

.chart { position: relative; display: grid; grid-template-columns: 190px minmax(0, 1fr) 128px; column-gap: 20px; }
.chart-now, .chart-axis { grid-column: 2; display: block; overflow: visible; }
.rows { display: contents; }
.row { display: grid; grid-template-columns: subgrid; grid-column: 1 / -1; align-items: center; }
.row { min-height: 42px; }
.row-end { grid-column: 3; }
.row-name, .row-end { display: grid; line-height: 1.35; }
.row-end { text-align: right; }
.track { display: block; overflow: visible; position: relative; }
.row-now { display: none; }
.row-reason { grid-column: 2; justify-self: start; display: flex; gap: 8px; align-items: flex-start; margin: -4px 0 8px; padding: 1px 10px 1px 0; background: var(--surface); font-size: 13px; position: relative; z-index: 2; }
.row-reason.lone { grid-row: 1; margin: 0; }
.now-line { position: absolute; z-index: 1; grid-column: 2 / 3; top: 20px; bottom: 24px; width: 100%; height: calc(100% - 44px); }
.row-reason .sign { width: 16px; height: 16px; margin-top: 1px; }
.key { display: flex; gap: 18px; color: var(--soft); font-size: 13px; }
.key span::before { content: ""; display: inline-block; margin-right: 8px; }
.key-refresh::before { width: 8px; height: 8px; border: 1.6px solid var(--ink); transform: rotate(45deg); }
.key-now::before { width: 0; height: 12px; border-left: 1.5px solid var(--ink); vertical-align: -2px; }

.columns { display: grid; gap: 12px; grid-template-columns: minmax(0, 1.1fr) minmax(0, 0.9fr) minmax(0, 1.05fr) minmax(0, 1fr); align-items: stretch; }
.bars { margin-bottom: 8px; }
.bars svg { display: block; border-bottom: 1px solid var(--line); }
.bars-label { display: flex; gap: 6px; align-items: baseline; }
.bars-label .note { margin-left: auto; }
.bars-span { display: flex; justify-content: space-between; margin-top: -4px; color: var(--soft); font-size: 12px; }
.totals-title { margin-top: 10px; padding-top: 8px; border-top: 1px solid var(--line); color: var(--soft); font-size: 13px; }
.totals { margin-top: 2px; }
.totals div { display: flex; justify-content: space-between; gap: 12px; }
.totals dt { color: var(--soft); }
.totals dd { font-weight: 600; }
.rules { display: grid; gap: 9px; margin: 2px 0 8px; }
.rules li { display: grid; grid-template-columns: minmax(0, 1fr) auto; gap: 2px 16px; }
.rules svg { grid-column: 1 / -1; display: block; }
.endpoints { display: grid; gap: 8px; padding-bottom: 10px; }
.endpoints li, .fact { display: flex; gap: 10px; align-items: flex-start; }
.endpoints li > div, .fact > div, .fact > span { min-width: 0; }
.endpoints .sign, .fact .sign { margin-top: 1px; }
.endpoints .note { display: block; }
.fact { padding: 8px 0; border-top: 1px solid var(--line); }
.fact:last-child { padding-bottom: 0; }
details li { padding: 3px 0; }
details li .note { margin-left: 10px; white-space: nowrap; }
table { width: 100%; border-collapse: collapse; }
th { text-align: left; font-weight: 400; }
thead th { padding-bottom: 4px; color: var(--soft); font-size: 13px; }
thead .number { text-align: right; }
tbody th, tbody td { padding: 4px 0; border-top: 1px solid var(--faint); vertical-align: baseline; }
tbody th { padding-right: 16px; }
tbody th .note { display: block; }
.clusters details thead { display: none; }

@media (max-width: 1160px) {
  .figure { padding: 12px 14px; }
  .figure dd { font-size: 18px; }
  .columns { grid-template-columns: repeat(2, minmax(0, 1fr)); }
}
@media (max-width: 760px) {
  body { padding: 0 14px 18px; }
  h1 { font-size: 20px; }
  .verdict { gap: 12px; padding: 16px; }
  .verdict .sign { width: 28px; height: 28px; }
  .panel { padding: 14px 16px; }
  .columns { grid-template-columns: minmax(0, 1fr); }
  .figures { grid-template-columns: repeat(2, minmax(0, 1fr)); }
  .figure { padding: 10px 16px; border-left: 0; border-top: 1px solid var(--line); }
  .figure:first-child { grid-column: 1 / -1; border-top: 0; }
  .figure:first-child dd { font-size: 26px; }
  .figure:nth-child(odd):not(:first-child) { border-left: 1px solid var(--line); }
  .alert { flex-wrap: wrap; }
  .alert div { flex-basis: calc(100% - 30px); }
  .alert a { margin-left: 30px; padding: 4px 0; }
  .chart { grid-template-columns: minmax(0, 1fr) auto; }
  .chart-now, .chart-axis, .track, .row-reason { grid-column: 1 / -1; }
  .now-line { display: none; }
  .row-now { display: inline; }
  .row-reason.lone { grid-row: 2; margin-bottom: 8px; }
  .row-name { grid-row: 1; }
  .row-end { grid-row: 1; grid-column: 2; }
  .chart-axis g:nth-child(even) { display: none; }
  summary { padding: 6px 0; }
}
`;
