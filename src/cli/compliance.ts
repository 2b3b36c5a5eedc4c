// The compliance test as a command: reads the cases, runs them, writes the report. Owns no case and no judgement.

import { writeFile } from 'node:fs/promises';
import {
  caseJsonSchema,
  hasPassed,
  loadCases,
  promises,
  reportForms,
  runCompliance,
  tagsOf,
  writeReport,
} from '../compliance/compliance.ts';
import type { LoadedCases, Report, ReportForm } from '../compliance/compliance.ts';
import { exitCodes, optionalText, repeatedTexts } from './command.ts';
import type { Command, OptionValues, Surroundings } from './command.ts';

const FORMS = reportForms.join(', ');

export const compliance: Command = {
  description: `Proves what Countersign promises: plays every case of the fixtures and of the policy packs on an embedded hub, over real
sockets, with this program as a process of its own, and reports by promise what was sent, expected and seen.
Needs nothing but this program; openssl, where it is installed, judges the issued certificates too.
Exit codes: 0 when every case passed, 1 when not or when a case file is not of the form, 64 on a wrong command line.`,
  options: {
    fixtures: { type: 'string', value: 'DIR', help: 'cases of your own, beside the built-in ones', repeated: true },
    id: { type: 'string', value: 'ID', help: 'only this case', repeated: true },
    tag: { type: 'string', value: 'TAG', help: 'only cases of this threat (T8), promise, folder or pack', repeated: true },
    promise: { type: 'string', value: 'PROMISE', help: 'only cases of this promise', repeated: true },
    list: { type: 'boolean', help: 'say which cases there are, and run none' },
    schema: { type: 'boolean', help: 'print the JSON schema of a case file, and run nothing' },
    report: { type: 'string', value: 'FORM', help: `${FORMS}; text where left out` },
    output: { type: 'string', value: 'FILE', help: 'where the report goes; standard output where left out' },
  },
  example: 'countersign compliance --promise same-identity',
  run: async (values, around) => {
    const form = optionalText(values, 'report') ?? 'text';
    if (!isForm(form)) return wrong(around, `--report ${form}: one of ${FORMS}`, exitCodes.usage);
    if (values['schema'] === true) {
      around.out(`${JSON.stringify(caseJsonSchema(), null, 2)}\n`);
      return exitCodes.ok;
    }
    const stranger = repeatedTexts(values, 'promise').find((id) => !Object.hasOwn(promises, id));
    if (stranger !== undefined) return wrong(around, `--promise ${stranger}: one of ${Object.keys(promises).join(', ')}`, exitCodes.usage);
    const verdict = await loadCases(repeatedTexts(values, 'fixtures'), {
      ...{ ids: repeatedTexts(values, 'id'), tags: repeatedTexts(values, 'tag'), promises: repeatedTexts(values, 'promise') },
    });
    if (!verdict.ok) {
      for (const problem of verdict.problems) around.err(`countersign compliance: ${problem}\n`);
      return exitCodes.failure;
    }
    return values['list'] === true ? list(verdict.loaded, around) : run(verdict.loaded, { form, values, around });
  },
};

function isForm(form: string): form is ReportForm {
  return (reportForms as readonly string[]).includes(form);
}

function wrong(around: Surroundings, problem: string, exitCode: number): number {
  around.err(`countersign compliance: ${problem}\n`);
  return exitCode;
}

function list({ cases }: LoadedCases, around: Surroundings): number {
  for (const one of cases) around.out(`${one.id}  [${tagsOf(one).join(' ')}]  ${one.shows}\n`);
  return exitCodes.ok;
}

interface Asked {
  readonly form: ReportForm;
  readonly values: OptionValues;
  readonly around: Surroundings;
}

async function run(loaded: LoadedCases, { form, values, around }: Asked): Promise<number> {
  const interrupt = new AbortController();
  const stopListening = around.onSignal((signal) => {
    if (signal !== 'SIGHUP') interrupt.abort();
  });
  try {
    const [command, ...args] = ownCommand();
    const report = await runCompliance({
      ...{ loaded, program: { command, args }, rerun: 'countersign compliance', signal: interrupt.signal },
      onResult: ({ of, verdict, failure }) => {
        if (verdict === 'failed') around.err(`failed: ${of.id}: ${failure?.play ?? ''}\n`);
      },
    });
    if (interrupt.signal.aborted) return wrong(around, 'interrupted; no report was written', exitCodes.failure);
    await deliver(report, { form, values, around });
    return hasPassed(report) ? exitCodes.ok : exitCodes.failure;
  } finally {
    stopListening();
  }
}

/** This program: the built one where that is what runs, else the sources. */
function ownCommand(): readonly [string, ...string[]] {
  return [process.execPath, process.argv[1] ?? ''];
}

async function deliver(report: Report, { form, values, around }: Asked): Promise<void> {
  const output = optionalText(values, 'output');
  if (output === null) return around.out(writeReport(report, form));
  await writeFile(output, writeReport(report, form));
  // Whoever asked for a file still wants to know how it went.
  around.out(writeReport(report, 'text'));
}
