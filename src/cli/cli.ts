// The command line's front door: finds the command, answers --help and --version, turns a wrong command line into exit code 64. Knows no
// command's inside.

import { version } from '../version.ts';
import { describeCommand, exitCodes, parseOptions } from './command.ts';
import type { Command, Surroundings } from './command.ts';

export type { Surroundings } from './command.ts';

/** Loaded when called: `--version` needs none, and `explain` no listener. */
const commands: Readonly<Record<string, { readonly summary: string; readonly load: () => Promise<Command> }>> = {
  run: { summary: 'the proxy', load: async () => (await import('./run.ts')).run },
  check: {
    summary: 'every problem in settings and files, then of the hub, its signer and our rights there',
    load: async () => (await import('./check.ts')).check,
  },
  explain: {
    summary: 'what would be issued for a client certificate, or which stage refuses it and why',
    load: async () => (await import('./explain.ts')).explain,
  },
  suggest: {
    summary: 'the smallest policy that would have allowed what an audit file says was refused',
    load: async () => (await import('./suggest.ts')).suggest,
  },
  status: {
    summary: 'how the fleet stands: signers, days left, hub, alerts, traffic of a running proxy',
    load: async () => (await import('./status.ts')).status,
  },
  compliance: {
    summary: 'proves what Countersign promises: every case of the fixtures and packs, with a report',
    load: async () => (await import('./compliance.ts')).compliance,
  },
  demo: {
    summary: 'the whole story on this machine: embedded hub, proxy, agents, rotation',
    load: async () => (await import('./demo.ts')).demo,
  },
};

/** Returns the exit code; never ends the process itself. */
export async function runCommandLine(args: readonly string[], around: Surroundings): Promise<number> {
  const [name, ...rest] = args;
  if (name === '--help' || name === '-h') return say(around.out, describeAll(), exitCodes.ok);
  if (name === '--version') return say(around.out, `countersign ${version}\n`, exitCodes.ok);
  if (name === undefined) return say(around.err, describeAll(), exitCodes.usage);
  const entry = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (entry === undefined)
    return say(around.err, `countersign: unknown command ${JSON.stringify(name)}; see countersign --help\n`, exitCodes.usage);
  const command = await entry.load();
  const parsed = parseOptions(command, rest);
  if (!parsed.ok) return say(around.err, `countersign ${name}: ${parsed.problem}; see countersign ${name} --help\n`, exitCodes.usage);
  if (parsed.values['help'] === true)
    return say(around.out, `countersign ${name}: ${entry.summary}\n\n${describeCommand(command)}`, exitCodes.ok);
  return command.run(parsed.values, around);
}

function describeAll(): string {
  const width = Math.max(...Object.keys(commands).map((name) => name.length));
  const rows = Object.entries(commands).map(([name, { summary }]) => `  ${name.padEnd(width)}  ${summary}`);
  return `Countersign ${version}: certificate re-signing proxy for Open Cluster Management hubs

Usage: countersign COMMAND [OPTIONS]
       countersign --help | --version

Commands:
${rows.join('\n')}

countersign COMMAND --help says more, with an example.
`;
}

function say(write: (text: string) => void, text: string, exitCode: number): number {
  write(text);
  return exitCode;
}
