// The forms in which a report is written, by the names that people ask for them.

import type { Report } from './report.ts';
import { writeJson, writeJunit } from './report-data.ts';
import { writeHtml } from './report-html.ts';
import { writeText } from './report-text.ts';

export const reportForms = ['text', 'json', 'junit', 'html'] as const;
export type ReportForm = (typeof reportForms)[number];

const writers: Readonly<Record<ReportForm, (report: Report) => string>> = {
  text: writeText,
  json: writeJson,
  junit: writeJunit,
  html: writeHtml,
};

export function writeReport(report: Report, form: ReportForm): string {
  return writers[form](report);
}
