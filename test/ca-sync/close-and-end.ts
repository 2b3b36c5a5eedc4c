// A process that follows the source in its first argument, closes, and has nothing left to live for. Says what was left.

import { startCaSync } from '../../src/ca-sync/ca-sync.ts';
import { silentLog } from '../../src/events.ts';
import type { CaSyncSettings } from '../../src/settings.ts';
import { testClock } from './waiting.ts';

const settings = JSON.parse(process.argv[2] ?? '') as CaSyncSettings;
const sync = await startCaSync(settings, { clock: testClock, log: silentLog });
const generation = sync.signer.current?.generation ?? 0;
await sync.close();
// Immediates and requests to close a handle, of our own module loading too, are over after a turn or two
for (let turn = 0; turn < 3; turn += 1) await new Promise((resolve) => setImmediate(resolve));
const left = process.getActiveResourcesInfo().filter((name) => !name.startsWith('Pipe') && !name.startsWith('TTY'));
process.stdout.write(JSON.stringify({ generation, left }));
