// A Secret or ConfigMap as kubelet shows it to a container: each change is a new folder and one rename of the link `..data`, through which the visible
// names are links (pkg/volume/util/atomic_writer.go). Never writes into a file that can be read.

import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export class MountedVolume {
  readonly #folder: string;
  #mounts = 0;

  constructor(folder: string) {
    this.#folder = folder;
    mkdirSync(folder, { recursive: true });
  }

  mount(files: Readonly<Record<string, string>>): void {
    const previous = this.#target();
    this.#mounts += 1;
    const target = this.#target();
    mkdirSync(join(this.#folder, target));
    for (const [name, content] of Object.entries(files)) writeFileSync(join(this.#folder, target, name), content, { mode: 0o600 });
    symlinkSync(target, join(this.#folder, '..data_tmp'));
    renameSync(join(this.#folder, '..data_tmp'), join(this.#folder, '..data'));
    if (this.#mounts > 1) return rmSync(join(this.#folder, previous), { recursive: true });
    for (const name of Object.keys(files)) symlinkSync(join('..data', name), join(this.#folder, name));
  }

  #target(): string {
    return `..mount_${this.#mounts}`;
  }
}
