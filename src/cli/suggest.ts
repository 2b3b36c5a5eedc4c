// The command that turns refusals into a policy to read: what an add-on was refused becomes the rules that it would have needed. Reads one file;
// contacts nothing, changes nothing.

import { exitCodes, requiredText } from './command.ts';
import type { Command } from './command.ts';
import { sayError } from './finding.ts';
import { readRefusedRequests } from './refused-requests.ts';
import type { AuditReading } from './refused-requests.ts';
import { suggestPolicy } from './suggestion.ts';

export const suggest: Command = {
  description: `Reads an audit file and prints the smallest policy that would have allowed what policies refused, or would have refused in report
mode: exactly those requests, with the caller's cluster as {{cluster}}. Refusals that no policy can lift (message hygiene, certificates, bodies)
are left out and named on standard error. Read the result before you use it: attacks are refused, too.
Exit codes: 0 a policy was printed, 1 there is nothing to suggest, 64 the file cannot be read.`,
  options: {
    audit: { type: 'string', value: 'FILE', help: 'JSON lines, as audit.file of the settings has them; a pipe will do', required: true },
  },
  example: 'countersign suggest --audit audit.jsonl > suggested.yaml',
  run: async (values, around) => {
    const file = requiredText(values, 'audit');
    let reading: AuditReading;
    try {
      reading = await readRefusedRequests(file);
    } catch (error) {
      around.err(`countersign suggest: ${sayError(error)}\n`);
      return exitCodes.usage;
    }
    const { policy, notes } = suggestPolicy(reading, file);
    for (const note of notes) around.err(`countersign suggest: ${note}\n`);
    if (policy === null) {
      around.err(`countersign suggest: ${file} has no refusal that a policy could lift\n`);
      return exitCodes.failure;
    }
    around.out(policy);
    return exitCodes.ok;
  },
};
