// The settings file of a case's proxy: what every case has, and what this one wants otherwise. Files are named relative to it.

import { stringify } from 'yaml';
import type { CaseGiven } from './case.ts';

export const STAGE_FILES = {
  settings: 'countersign.yaml',
  servingCertificate: 'tls.crt',
  servingKey: 'tls.key',
  hubCa: 'hub-ca.crt',
  kubeconfig: 'hub.kubeconfig',
  audit: 'audit.jsonl',
} as const;

/** More than all cases together: rates are judged only where a case sets one. */
const UNBOUNDED = { sustained: '1000000/s', burst: 1_000_000 };
const RATES = ['klusterlet', 'addon', 'mutating', 'list', 'watchStarts', 'csrCreates', 'refused'];

type Mapping = Readonly<Record<string, unknown>>;

/** As an operator would write it; `settings` of the case go over the usual ones key by key. */
export function writeStageSettings(hubUrl: string, { packs, settings }: Pick<CaseGiven, 'packs' | 'settings'>): string {
  const usual = {
    listen: { address: '127.0.0.1', port: 0, certificateFile: STAGE_FILES.servingCertificate, keyFile: STAGE_FILES.servingKey },
    hub: { url: hubUrl, caFile: STAGE_FILES.hubCa },
    caSync: { source: 'kubernetes', kubeconfigFile: STAGE_FILES.kubeconfig },
    inspect: { packs },
    bootstrap: { enabled: packs.includes('bootstrap') },
    admin: { port: 0 },
    audit: { file: STAGE_FILES.audit, requests: 'all' },
    drainTimeout: '5s',
    processes: 'single',
    limits: { rates: Object.fromEntries(RATES.map((name) => [name, UNBOUNDED])) },
  };
  return stringify(merge(usual, settings), { aliasDuplicateObjects: false });
}

function merge(usual: Mapping, own: Mapping): Mapping {
  const merged = Object.entries(own).map(([key, value]) => {
    const below = usual[key];
    return [key, isMapping(below) && isMapping(value) ? merge(below, value) : value] as const;
  });
  return { ...usual, ...Object.fromEntries(merged) };
}

function isMapping(value: unknown): value is Mapping {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
