// The demo: an embedded hub, the proxies beside it and agents, and the story that they tell.

import { serveEmbeddedHub } from '../demo/demo.ts';
import { exitCodes, optionalText } from './command.ts';
import type { Command, Surroundings } from './command.ts';
import { setStage } from './demo-stage.ts';
import { tellStory } from './demo-story.ts';

/** Where the settings that `--serve` writes let the proxy listen: the port that an API server has. */
const PROXY_PORT = 6443;

export const demo: Command = {
  description: `Starts an embedded hub, an ordinary TLS-opening proxy and Countersign on 127.0.0.1, shows one agent's request straight to
the hub, through the ordinary proxy and through Countersign, rotates the hub's signer under agents at work, twice, and
tries what a captured cluster's key is good for.
Needs nothing but this program and leaves nothing behind.
With --serve it only runs the hub, until SIGTERM or SIGINT, for trying things by hand: kubeconfigs, certificates and
settings for the proxy are written to the folder, and it says what to type.
Exit codes: 0 when everything came out as told, 1 when not.`,
  options: {
    serve: { type: 'string', value: 'FOLDER', help: 'run the embedded hub only, with files for kubectl, curl and countersign run' },
  },
  example: 'countersign demo',
  run: (values, around) => {
    const folder = optionalText(values, 'serve');
    return folder === null ? tell(around) : serve(folder, around);
  },
};

async function tell(around: Surroundings): Promise<number> {
  const say = (line: string): void => around.out(`${line}\n`);
  say('Setting up an embedded hub, an ordinary proxy and Countersign on 127.0.0.1 …\n');
  const stage = await setStage(around.clock);
  try {
    const wrong = await tellStory(stage, around.clock, say);
    for (const what of wrong) around.err(`countersign demo: ${what}\n`);
    if (wrong.length === 0) say('Identity kept, no impersonation, no request lost.');
    return wrong.length === 0 ? exitCodes.ok : exitCodes.failure;
  } finally {
    await stage.close();
  }
}

async function serve(folder: string, around: Surroundings): Promise<number> {
  const { promise: stopAsked, resolve } = Promise.withResolvers<void>();
  const stopListening = around.onSignal((signal) => {
    if (signal !== 'SIGHUP') resolve();
  });
  const onRotation = (generation: number): void => around.out(`the signer was rotated: generation ${generation}\n`);
  const served = await serveEmbeddedHub(folder, { clock: around.clock, proxyPort: PROXY_PORT, onRotation });
  for (const hint of served.hints) around.out(`${hint}\n`);
  await stopAsked;
  stopListening();
  await served.close();
  return exitCodes.ok;
}
