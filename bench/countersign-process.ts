// Countersign as an operator runs it, from a settings file.

import { join } from 'node:path';
import { systemClock } from '../src/clock.ts';
import { startCountersign } from '../src/countersign.ts';
import { openLog } from '../src/events.ts';
import { loadSettings } from '../src/settings.ts';
import { reportTo } from './process-edge.ts';

const read = await loadSettings(join(process.argv[2] ?? '', 'countersign.yaml'));
if (!read.ok) throw new Error(JSON.stringify(read.problems));
const countersign = await startCountersign(read.settings, { clock: systemClock, log: openLog(read.settings.log.level) });
reportTo(process, countersign.address.port);
