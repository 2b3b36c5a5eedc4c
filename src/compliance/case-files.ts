// The fixtures as they lie in folders: cases and certificate recipes, each checked. Everything that is wrong in any file is said at
// once, with file and line. Runs nothing.

import { readdir, stat } from 'node:fs/promises';
import { basename, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { z } from 'zod';
import { readBounded } from '../bounded-file.ts';
import { describeFound, describePath } from '../settings-found.ts';
import { readSettingsYaml } from '../settings-yaml.ts';
import type { SettingsSource } from '../settings-yaml.ts';
import type { CertificateRecipe, ComplianceCase, IdentityRecipe } from './case.ts';
import { caseDocument } from './case-schema.ts';
import { certificateRecipe } from './identity-schema.ts';

/** `fixtures` of the built sources as of the others: the folder lies beside `src` and beside `dist`. */
export const BUILT_IN_FIXTURES: string = fileURLToPath(new URL('../../fixtures/', import.meta.url));

export interface Fixtures {
  readonly cases: readonly ComplianceCase[];
  readonly recipes: ReadonlyMap<string, CertificateRecipe>;
}

export type FixturesVerdict =
  | { readonly ok: true; readonly fixtures: Fixtures }
  /** Each a line for a person: `requests/a.yaml:12: when.request: found …; expected …`. */
  | { readonly ok: false; readonly problems: readonly string[] };

/** The folder under a folder of fixtures that holds certificate recipes and no cases. */
const RECIPES = 'pki';
/** What was recorded of real programs; no case is in there. */
const RECORDED = 'recorded';

/** The largest of ours has a base64 body of some kilobytes. */
const MAX_FILE_BYTES = 1024 * 1024;
const MOST_FILES = 10_000;

/** Of several folders; the same id in two of them is a problem. */
export async function readFixtures(folders: readonly string[]): Promise<FixturesVerdict> {
  const reading = new Reading();
  for (const folder of folders) await reading.readFolder(folder);
  return reading.verdict();
}

interface Placed<Value> {
  readonly value: Value;
  readonly place: string;
}

class Reading {
  readonly #problems: string[] = [];
  readonly #cases = new Map<string, Placed<ComplianceCase>>();
  readonly #recipes = new Map<string, Placed<CertificateRecipe>>();

  async readFolder(folder: string): Promise<void> {
    let names: readonly string[];
    try {
      if (!(await stat(folder)).isDirectory()) return void this.#problems.push(`${folder}: not a folder`);
      names = await readdir(folder, { recursive: true });
    } catch (error) {
      return void this.#problems.push(`${folder}: ${error instanceof Error ? error.message : 'cannot be read'}`);
    }
    const files = names.filter((name) => name.endsWith('.yaml') && !name.startsWith(`${RECORDED}/`)).toSorted();
    if (files.length > MOST_FILES) return void this.#problems.push(`${folder}: more than ${MOST_FILES} files`);
    for (const name of files) await this.#readFile(folder, name);
  }

  verdict(): FixturesVerdict {
    this.#findUnknownNames();
    if (this.#problems.length > 0) return { ok: false, problems: this.#problems };
    const plain = <Value>(placed: ReadonlyMap<string, Placed<Value>>): Map<string, Value> =>
      new Map([...placed].map(([id, { value }]) => [id, value]));
    return {
      ok: true,
      fixtures: { cases: [...plain(this.#cases).values()], recipes: plain(this.#recipes) },
    };
  }

  async #readFile(folder: string, name: string): Promise<void> {
    const file = join(folder, name);
    const shown = relative(process.cwd(), file).startsWith('..') ? file : relative(process.cwd(), file);
    const source = await this.#readYaml(file, shown);
    if (source === null) return;
    const read = { shown, name, source };
    if (name.startsWith(`${RECIPES}/`)) {
      const recipe = this.#check(certificateRecipe, read);
      if (recipe !== null) this.#keep(this.#recipes, recipe.id, recipe, read);
      return;
    }
    const found = this.#check(caseDocument, read);
    if (found !== null) this.#keep(this.#cases, found.id, { ...found, source: `${shown}:${source.lineOf([])}`, notApplicable: null }, read);
  }

  async #readYaml(file: string, shown: string): Promise<SettingsSource | null> {
    let text: string;
    try {
      text = new TextDecoder('utf-8', { fatal: true }).decode(await readBounded(file, MAX_FILE_BYTES));
    } catch (error) {
      this.#problems.push(`${shown}: ${error instanceof Error ? error.message : 'cannot be read'}`);
      return null;
    }
    const yaml = readSettingsYaml(text);
    if (yaml.ok) return yaml.source;
    for (const { line, found, expected } of yaml.problems)
      this.#problems.push(`${shown}:${line ?? 1}: found ${found}; expected ${expected}`);
    return null;
  }

  #check<Value>(form: z.ZodType<Value>, { shown, source }: { shown: string; source: SettingsSource }): Value | null {
    const verdict = form.safeParse(source.value);
    if (verdict.success) return verdict.data;
    for (const issue of verdict.error.issues) {
      const isUnknown = issue.code === 'unrecognized_keys';
      const path = isUnknown ? [...issue.path, issue.keys[0] ?? ''] : issue.path;
      const line = isUnknown ? source.lineOfKey(path) : source.lineOf(path);
      const found = isUnknown ? 'a key that is not known' : describeFound(source.value, path);
      const where = path.length === 0 ? '' : ` ${describePath(path)}:`;
      this.#problems.push(`${shown}:${line}:${where} found ${found}; expected ${issue.message}`);
    }
    return null;
  }

  #keep<Value>(
    kept: Map<string, Placed<Value>>,
    id: string,
    value: Value,
    read: { shown: string; name: string; source: SettingsSource },
  ): void {
    const line = read.source.lineOf(['id']);
    const other = kept.get(id);
    if (`${id}.yaml` !== basename(read.name)) this.#problems.push(`${read.shown}:${line}: id: found ${id}; expected the name of the file`);
    else if (other !== undefined) this.#problems.push(`${read.shown}:${line}: id: ${id} is that of ${other.place} already`);
    else kept.set(id, { value, place: read.shown });
  }

  #findUnknownNames(): void {
    for (const { value: one, place } of this.#cases.values()) {
      const recipes = [one.given.identity, ...Object.values(one.given.identities), one.neighbour?.identity ?? null];
      for (const recipe of recipes) this.#findUnknownName(recipe, place);
      for (const name of identityNamesOf(one)) {
        if (!(name in one.given.identities)) this.#problems.push(`${place}: ${name} is not one of given.identities`);
      }
    }
  }

  #findUnknownName(identity: IdentityRecipe | null, place: string): void {
    if (identity?.kind === 'recipe' && !this.#recipes.has(identity.recipe))
      this.#problems.push(`${place}: there is no certificate recipe ${identity.recipe} in ${RECIPES}/`);
  }
}

function identityNamesOf({ when }: ComplianceCase): readonly string[] {
  if (when.kind === 'request') return [];
  return when.steps.flatMap((step) => {
    const name = step.kind === 'ask' ? step.ask.identity : step.kind === 'watch' ? step.watch.identity : null;
    return name === null ? [] : [name];
  });
}
