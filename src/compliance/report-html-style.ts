// How the report page looks, on screen and on paper: one column, system fonts, colour only where it says something.

export const STYLE: string = `
:root { --ink: #1c2430; --soft: #5b6675; --line: #dde3ea; --paper: #fff; --wash: #f5f7fa; --good: #0b6b3a; --good-wash: #e4f4ea; --bad: #a61b1b; --bad-wash: #fbe9e9; }
* { box-sizing: border-box; }
body { margin: 0; background: var(--wash); color: var(--ink); font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
main { max-width: 1080px; margin: 32px auto; padding: 48px 56px; background: var(--paper); border: 1px solid var(--line); border-radius: 8px; }
h1 { margin: 0; font-size: 34px; line-height: 1.15; letter-spacing: -0.01em; }
h2 { margin: 44px 0 12px; padding-bottom: 6px; border-bottom: 2px solid var(--ink); font-size: 20px; }
h3 { margin: 28px 0 2px; font-size: 15px; }
p { margin: 0 0 10px; }
.eyebrow { margin: 0 0 4px; color: var(--soft); font-size: 13px; font-weight: 600; letter-spacing: 0.08em; text-transform: uppercase; }
.verdict { display: inline-block; margin: 18px 0 6px; padding: 4px 16px; border-radius: 4px; font-size: 20px; font-weight: 700; }
.verdict.good, .tag.good { background: var(--good-wash); color: var(--good); }
.verdict.bad, .tag.bad { background: var(--bad-wash); color: var(--bad); }
.lead { color: var(--soft); }
.figures { display: grid; grid-template-columns: repeat(6, 1fr); gap: 0; margin-top: 20px; border: 1px solid var(--line); border-radius: 6px; }
.figure { padding: 12px 16px; border-left: 1px solid var(--line); }
.figure:first-child { border-left: 0; }
.figure b { display: block; font-size: 24px; font-variant-numeric: tabular-nums; }
.figure span { color: var(--soft); font-size: 13px; }
dl { margin: 0; }
dl > div { display: grid; grid-template-columns: 210px 1fr; gap: 16px; padding: 5px 0; border-bottom: 1px solid var(--line); }
dt { color: var(--soft); }
dd { margin: 0; overflow-wrap: anywhere; }
table { width: 100%; border-collapse: collapse; font-size: 14px; }
th { padding: 6px 10px 6px 0; border-bottom: 1px solid var(--ink); text-align: left; font-size: 12px; color: var(--soft); font-weight: 600; white-space: nowrap; }
td { padding: 7px 10px 7px 0; border-bottom: 1px solid var(--line); vertical-align: top; }
.promises td:first-child { white-space: nowrap; }
.cases { table-layout: fixed; }
.cases th:nth-child(1) { width: 33%; } .cases th:nth-child(3) { width: 58px; } .cases th:nth-child(4) { width: 78px; } .cases th:nth-child(5) { width: 112px; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; padding-right: 18px; }
code, pre { font: 12.5px/1.45 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
code { overflow-wrap: anywhere; }
pre { margin: 0; white-space: pre-wrap; overflow-wrap: anywhere; }
small { color: var(--soft); font-size: 12.5px; }
a { color: inherit; text-decoration-color: var(--line); text-underline-offset: 3px; }
.tag { display: inline-block; padding: 1px 8px; border-radius: 3px; font-size: 12.5px; font-weight: 600; white-space: nowrap; }
.tag.none { background: var(--wash); color: var(--soft); }
.failure { margin: 16px 0; padding: 14px 18px; border: 1px solid var(--bad); border-radius: 6px; }
.failure h3 { margin-top: 0; color: var(--bad); }
.failure dl > div { grid-template-columns: 90px 1fr; }
footer { margin-top: 40px; padding-top: 12px; border-top: 1px solid var(--line); color: var(--soft); font-size: 12.5px; }
@media (max-width: 800px) { main { margin: 0; padding: 24px 18px; border: 0; border-radius: 0; } .figures { grid-template-columns: repeat(3, 1fr); } dl > div { grid-template-columns: 1fr; gap: 0; } .cases { table-layout: auto; } }
@page { size: A4; margin: 16mm 14mm; }
@media print {
  body { background: none; font-size: 10.5pt; }
  main { max-width: none; margin: 0; padding: 0; border: 0; }
  table { font-size: 9pt; } code, pre { font-size: 8pt; }
  h2, h3 { break-after: avoid; } tr, .failure, .figures { break-inside: avoid; } thead { display: table-header-group; }
  .verdict, .tag { -webkit-print-color-adjust: exact; print-color-adjust: exact; }
  a { text-decoration: none; }
}
`;
