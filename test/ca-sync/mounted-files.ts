// Signer and bundle as files: plain ones, and mounted as kubelet does it.

import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { FilesCaSyncSettings } from '../../src/settings.ts';
import type { TestAuthority } from '../pki.ts';

export interface Material {
  readonly 'tls.crt': string;
  readonly 'tls.key': string;
  readonly 'ca-bundle.crt': string;
}

export function keyPem(authority: TestAuthority): string {
  return authority.key.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}

export function materialOf(signer: TestAuthority, ...authorities: readonly TestAuthority[]): Material {
  return { 'tls.crt': signer.pem, 'tls.key': keyPem(signer), 'ca-bundle.crt': [signer, ...authorities].map(({ pem }) => pem).join('') };
}

export class MountedFiles {
  readonly folder: string = mkdtempSync(join(tmpdir(), 'countersign-ca-sync-'));
  #mounts = 0;

  get settings(): FilesCaSyncSettings['files'] {
    return {
      certificateFile: join(this.folder, 'live/tls.crt'),
      keyFile: join(this.folder, 'live/tls.key'),
      trustBundleFile: join(this.folder, 'live/ca-bundle.crt'),
    };
  }

  path(name: keyof Material): string {
    return join(this.folder, 'live', name);
  }

  write(name: keyof Material, content: string): void {
    mkdirSync(dirname(this.path(name)), { recursive: true });
    writeFileSync(this.path(name), content);
  }

  writeAll(material: Material): void {
    for (const name of ['tls.crt', 'tls.key', 'ca-bundle.crt'] as const) this.write(name, material[name]);
  }

  /** kubelet's AtomicWriter: a new folder, then one rename of the link `..data`; the visible names are links through it. */
  mount(material: Material): void {
    const live = join(this.folder, 'live');
    mkdirSync(live, { recursive: true });
    const target = `..2026_${this.#mounts}`;
    this.#mounts += 1;
    mkdirSync(join(live, target));
    for (const [name, content] of Object.entries(material)) writeFileSync(join(live, target, name), content);
    symlinkSync(target, join(live, '..data_tmp'));
    renameSync(join(live, '..data_tmp'), join(live, '..data'));
    if (this.#mounts > 1) return rmSync(join(live, `..2026_${this.#mounts - 2}`), { recursive: true });
    for (const name of Object.keys(material)) symlinkSync(join('..data', name), join(live, name));
  }

  remove(name: keyof Material): void {
    rmSync(this.path(name));
  }

  dispose(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
