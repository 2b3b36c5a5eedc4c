// A process that has closed ca-sync ends by itself.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { CaSyncSettings } from '../../src/settings.ts';
import { putSigner, putTrust, startApi } from '../ca-sync/api-fixture.ts';
import { materialOf, MountedFiles } from '../ca-sync/mounted-files.ts';
import { makeAuthority } from '../pki.ts';
import { noProbe } from '../no-probe.ts';

const script = fileURLToPath(new URL('../ca-sync/close-and-end.ts', import.meta.url));
const signer = makeAuthority('signer');

async function runProcess(settings: CaSyncSettings): Promise<unknown> {
  const { stdout } = await promisify(execFile)(process.execPath, [script, JSON.stringify(settings)], { timeout: 60_000 });
  return JSON.parse(stdout);
}

test('leaves nothing that keeps a process alive, with files', async (t) => {
  const files = new MountedFiles();
  t.after(() => files.dispose());
  files.mount(materialOf(signer));
  assert.deepEqual(await runProcess({ source: 'files', files: files.settings, schedule: '* * * * *', probe: noProbe }), {
    generation: 1,
    left: [],
  });
});

for (const protocol of ['h2', 'http/1.1'] as const) {
  test(`leaves nothing that keeps a process alive, with an API server that speaks ${protocol}`, async (t) => {
    const hub = await startApi(t, protocol);
    putSigner(hub.api, signer);
    putTrust(hub.api, signer);
    assert.deepEqual(await runProcess({ ...hub.settings, schedule: '* * * * *', probe: noProbe }), { generation: 1, left: [] });
  });
}

test('leaves nothing that keeps a process alive when the API server is away', async (t) => {
  const hub = await startApi(t);
  await hub.api.stop();
  assert.deepEqual(await runProcess({ ...hub.settings, schedule: '* * * * *', probe: noProbe }), { generation: 0, left: [] });
});
