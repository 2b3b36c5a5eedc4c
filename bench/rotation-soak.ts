// Rotates the signer of embedded hubs in every order and from both sources, 20 times each, under agents that work through Countersign processes, and
// says whether the fleet noticed. `npm run rotation-soak -- --help`.

import { describeCommand, exitCodes, optionalText, parseOptions, repeatedTexts } from '../src/cli/command.ts';
import type { Command, OptionValues, Surroundings } from '../src/cli/command.ts';
import { systemClock } from '../src/clock.ts';
import { formatDuration, parseDuration } from '../src/quantity.ts';
import { orders, sources } from './rotation-soak/orders.ts';
import { isWell, sayProgress, sayTable, sayWrong } from './rotation-soak/report.ts';
import { Soak } from './rotation-soak/soak.ts';
import type { SoakPlan } from './rotation-soak/soak.ts';

const PROGRESS_MS = 5_000;
const DEFAULTS = { rotations: 20, agents: 8, trustLag: '15s' } as const;

const command: Command = {
  description: `Rotates the signer of embedded hubs under agents at work: for each order and source a hub and a Countersign process of their
own, all at the same time. Each agent renews a lease every second, asks for its ManagedCluster and its rights, changes its status and holds
two watches, one of which has to tell of these changes. Orders:
${Object.entries(orders)
  .map(([name, { says }]) => `  ${name.padEnd(22)} ${says}`)
  .join('\n')}
Sources: kubernetes (watches the hub), files (mounted volumes that are replaced as kubelet does it).
Failed: any answer but success, or none. Cut: a watch that ended by anything but its own timeout, or fell silent.
Exit codes: 0 when nothing failed, nothing was cut and every signer was in use in time; 1 when not; 64 on bad options.`,
  options: {
    rotations: { type: 'string', value: 'N', help: `of each hub's signer (default ${DEFAULTS.rotations})` },
    order: { type: 'string', value: 'NAME', help: 'only this one; may stand there more than once', repeated: true },
    source: { type: 'string', value: 'NAME', help: 'likewise', repeated: true },
    agents: { type: 'string', value: 'N', help: `of each hub (default ${DEFAULTS.agents})` },
    'trust-lag': { type: 'string', value: 'TIME', help: `by which trust follows a Secret that comes first (default ${DEFAULTS.trustLag})` },
  },
  example: 'npm run rotation-soak -- --order new-root-secret-first --source kubernetes --rotations 3',
  run: async (values, around) => {
    const plans = readPlans(values);
    if (typeof plans === 'string') return complain(around, plans);
    const [{ rotations, agents, trustLagMs } = { rotations: 0, agents: 0, trustLagMs: 0 }] = plans;
    const lag = `trust ${formatDuration(trustLagMs)} after a Secret that comes first`;
    around.out(`hubs: ${plans.length}; of each, rotations: ${rotations}, agents: ${agents}; ${lag}\n`);
    return runSoaks(
      plans.map((plan) => new Soak(plan, around.clock)),
      around,
    );
  },
};

async function runSoaks(soaks: readonly Soak[], around: Surroundings): Promise<number> {
  const startedMs = around.clock.elapsed();
  const stopReporting = around.clock.every(PROGRESS_MS, () => around.out(`${sayProgress(soaks, around.clock.elapsed() - startedMs)}\n`));
  const stopListening = around.onSignal((signal) => {
    if (signal === 'SIGHUP') return;
    void Promise.all(soaks.map((soak) => soak.stop())).then(() => around.exitNow(exitCodes.failure));
  });
  const ran = await Promise.allSettled(soaks.map((soak) => soak.run()));
  stopReporting();
  await Promise.all(soaks.map((soak) => soak.stop()));
  stopListening();
  const broken = ran.flatMap((result, n) => (result.status === 'rejected' ? [`${soaks[n]?.name}: ${String(result.reason)}`] : []));
  for (const what of [...broken, ...soaks.flatMap(sayWrong)]) around.err(`rotation-soak: ${what}\n`);
  around.out(`\n${sayTable(soaks)}\n`);
  return broken.length === 0 && soaks.every(isWell) ? exitCodes.ok : exitCodes.failure;
}

function readPlans(values: OptionValues): readonly SoakPlan[] | string {
  const rotations = readCount(optionalText(values, 'rotations') ?? `${DEFAULTS.rotations}`);
  const agents = readCount(optionalText(values, 'agents') ?? `${DEFAULTS.agents}`);
  const trustLagMs = parseDuration(optionalText(values, 'trust-lag') ?? DEFAULTS.trustLag);
  if (rotations === null || agents === null) return '--rotations and --agents are whole numbers from 1 to 1000';
  if (trustLagMs === null) return '--trust-lag is a length of time, such as 15s';
  const asked = { order: repeatedTexts(values, 'order'), source: repeatedTexts(values, 'source') };
  const known = { order: Object.keys(orders), source: [...sources] as readonly string[] };
  for (const what of ['order', 'source'] as const) {
    const unknown = asked[what].find((name) => !known[what].includes(name));
    if (unknown !== undefined) return `unknown ${what} ${JSON.stringify(unknown)}; there are: ${known[what].join(', ')}`;
  }
  const chosen = (all: readonly string[], some: readonly string[]): readonly string[] =>
    some.length === 0 ? all : all.filter((name) => some.includes(name));
  return sources
    .filter((source) => chosen(known.source, asked.source).includes(source))
    .flatMap((source) => chosen(known.order, asked.order).map((order) => ({ order, source, rotations, agents, trustLagMs })));
}

function readCount(text: string): number | null {
  const count = Number(text);
  return /^\d{1,4}$/.test(text) && count >= 1 && count <= 1_000 ? count : null;
}

function complain(around: Surroundings, problem: string): number {
  around.err(`rotation-soak: ${problem}; see --help\n`);
  return exitCodes.usage;
}

function onSignal(listener: (signal: 'SIGTERM' | 'SIGINT' | 'SIGHUP') => void): () => void {
  const signals = ['SIGTERM', 'SIGINT'] as const;
  for (const signal of signals) process.on(signal, listener);
  return () => {
    for (const signal of signals) process.off(signal, listener);
  };
}

const around: Surroundings = {
  clock: systemClock,
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
  exitNow: (exitCode) => process.exit(exitCode),
  onSignal,
};
const parsed = parseOptions(command, process.argv.slice(2));
if (!parsed.ok) process.exitCode = complain(around, parsed.problem);
else if (parsed.values['help'] === true) around.out(`rotation-soak\n\n${describeCommand(command)}`);
else process.exitCode = await command.run(parsed.values, around);
