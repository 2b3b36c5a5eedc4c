// What Countersign costs on this machine: CPU time of its process for each thing it does, as a median of rounds that alternate with something to
// compare with. `npm run bench`, or `npm run bench -- leaf` for one. Figures of shared machines scatter; ratios within one run hold.

import { benchBody } from './body.ts';
import { benchLeaf } from './leaf.ts';
import { benchLease } from './lease-latency.ts';
import { benchRequest } from './request.ts';
import { benchRotation } from './rotation.ts';
import { benchStream } from './stream.ts';
import { benchVerdict } from './verdict.ts';

const benches: Readonly<Record<string, () => Promise<readonly string[]>>> = {
  body: benchBody,
  leaf: benchLeaf,
  lease: benchLease,
  request: benchRequest,
  rotation: () => benchRotation(),
  stream: benchStream,
  verdict: benchVerdict,
};

const asked = process.argv.slice(2);
const unknown = asked.find((name) => !Object.hasOwn(benches, name));
if (unknown !== undefined) {
  process.stderr.write(`bench: unknown ${JSON.stringify(unknown)}; there are: ${Object.keys(benches).join(', ')}\n`);
  process.exitCode = 64;
} else {
  process.stdout.write(`Node ${process.versions.node}, ${process.arch}\n`);
  for (const [name, bench] of Object.entries(benches)) {
    if (asked.length > 0 && !asked.includes(name)) continue;
    process.stdout.write(`\n${name}\n`);
    for (const line of await bench()) process.stdout.write(`  ${line}\n`);
  }
}
