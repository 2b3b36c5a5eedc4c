// The limits of settings in which nobody has said anything about them.

import { readSettings } from '../../src/settings.ts';
import type { LimitSettings } from '../../src/settings.ts';

const MINIMAL = 'listen: { certificateFile: a, keyFile: b }\nhub: { url: "https://hub:6443", caFile: c }\n';

export function defaultLimits(): LimitSettings {
  const read = readSettings(MINIMAL, '/');
  if (!read.ok) throw new Error(JSON.stringify(read.problems));
  return read.settings.limits;
}
