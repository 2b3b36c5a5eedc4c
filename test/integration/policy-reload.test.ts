// A policy file that changes under a running proxy: the next request is judged by the new one, and a broken one changes nothing.

import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { get } from '../requests/agent-traffic.ts';
import { FixtureStage } from '../requests/fixture-stage.ts';
import { openConnection } from '../requests/sending.ts';

const policy = (resource: string): string => `apiVersion: countersign.dev/v1alpha1
kind: Policy
metadata: { name: own }
spec:
  subjects: { kinds: [klusterlet] }
  rules: [{ name: read, apiGroups: [""], resources: [${resource}], verbs: [get], namespaces: ["{{cluster}}"] }]
`;

test('requests are judged by the policy files of this moment, on connections that are open too', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-reload-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const file = join(folder, 'own.yaml');
  await writeFile(file, policy('configmaps'));
  const stage = await FixtureStage.open({ packs: ['klusterlet'], settings: { inspect: { policyFiles: [file] } } });
  t.after(() => stage.close());
  const connection = openConnection(await stage.senderOf({ kind: 'klusterlet', cluster: 'cluster1' }), 'h2');
  t.after(() => connection.close());
  const isAllowed = async (resource: string): Promise<boolean> => {
    const { body } = await connection.send(get(`/api/v1/namespaces/cluster1/${resource}/a`));
    return !body.includes('(rule policy-denied, ');
  };
  assert.deepEqual([await isAllowed('configmaps'), await isAllowed('secrets')], [true, false]);

  await writeFile(file, policy('secrets'));
  await stage.stage.countersign.reread();
  assert.deepEqual([await isAllowed('configmaps'), await isAllowed('secrets')], [false, true]);

  await writeFile(file, policy('secrets').replace('verbs: [get]', 'verbs: [any]'));
  await stage.stage.countersign.reread();
  assert.deepEqual([await isAllowed('configmaps'), await isAllowed('secrets')], [false, true]);
});
