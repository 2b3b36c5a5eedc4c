#!/usr/bin/env -S node --max-semi-space-size=2
// The edge of the process: argv, standard streams, signals and the exit code. Loads nothing that an older Node cannot before it has checked.

import { isNodeSupported } from './node-version.ts';

if (isNodeSupported(process.versions.node)) {
  await main();
} else {
  process.stderr.write(`countersign: Node ${process.versions.node} is too old; Node 24.15 or newer is needed\n`);
  process.exitCode = 1;
}

async function main(): Promise<void> {
  const [{ runCommandLine }, { systemClock }] = await Promise.all([import('./cli/cli.ts'), import('./clock.ts')]);
  // A reader that goes away (`| head`) is its own decision; nothing is left to say to it.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
  process.exitCode = await runCommandLine(process.argv.slice(2), {
    clock: systemClock,
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(text),
    exitNow: (exitCode) => process.exit(exitCode),
    onSignal,
  });
}

function onSignal(listener: (signal: 'SIGTERM' | 'SIGINT' | 'SIGHUP') => void): () => void {
  const signals = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;
  for (const signal of signals) process.on(signal, listener);
  return () => {
    for (const signal of signals) process.off(signal, listener);
  };
}
