// The first step of every command that has settings: read them, or say everything that is wrong with them.

import { loadSettings, sayProblem } from '../settings.ts';
import type { Settings } from '../settings.ts';
import { requiredText } from './command.ts';
import type { OptionValues, Surroundings } from './command.ts';

/** null where the settings are refused; then every problem has been printed. */
export async function loadSettingsFor(command: string, values: OptionValues, around: Surroundings): Promise<Settings | null> {
  const file = requiredText(values, 'config');
  const loaded = await loadSettings(file);
  if (loaded.ok) return loaded.settings;
  for (const problem of loaded.problems) around.err(`countersign ${command}: ${sayProblem(file, problem)}\n`);
  return null;
}
