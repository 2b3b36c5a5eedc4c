// Reads the Prometheus text format (exposition_formats.md, version 0.0.4), as strictly as Prometheus: every line is understood, no series stands twice.

import assert from 'node:assert/strict';

interface Sample {
  readonly name: string;
  /** `a=1,b=2`, in the order of the text; '' without labels. */
  readonly labels: string;
  readonly value: number;
}

export interface MetricsText {
  readonly samples: readonly Sample[];
  readonly types: ReadonlyMap<string, string>;
  /** Of one metric, by its labels. */
  values(name: string): Readonly<Record<string, number>>;
}

const SAMPLE = /^([a-z_:][a-z0-9_:]*)(?:\{((?:[a-z_]+="(?:[^"\\\n]|\\.)*",?)*)\})? (\S+)$/i;
const LABEL = /([a-z_]+)="((?:[^"\\\n]|\\.)*)"/gi;

export function readMetrics(text: string): MetricsText {
  const samples: Sample[] = [];
  const types = new Map<string, string>();
  assert.ok(text.endsWith('\n'));
  for (const line of text.split('\n').filter((each) => each !== '')) {
    const [, name = '', type = ''] = /^# TYPE (\S+) (\S+)$/.exec(line) ?? [];
    if (name !== '') types.set(name, type);
    if (!line.startsWith('#')) samples.push(readSample(line));
  }
  const series = samples.map(({ name, labels }) => `${name}{${labels}}`);
  assert.equal(new Set(series).size, series.length, 'a series stands twice');
  const values = (name: string): Readonly<Record<string, number>> =>
    Object.fromEntries(samples.filter((sample) => sample.name === name).map(({ labels, value }) => [labels, value]));
  return { samples, types, values };
}

function readSample(line: string): Sample {
  const [, name, labels = '', value] = SAMPLE.exec(line) ?? [];
  assert.ok(name !== undefined && value !== undefined, `not a sample: ${line}`);
  const number = value === '+Inf' ? Infinity : Number(value);
  assert.ok(!Number.isNaN(number), line);
  return { name, labels: [...labels.matchAll(LABEL)].map(([, key, word]) => `${key}=${word}`).join(','), value: number };
}
