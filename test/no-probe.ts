// For tests of everything but the trust probe: a signer is published as soon as it is read.

import type { ProbeSettings } from '../src/settings.ts';

export const noProbe: ProbeSettings = { enabled: false, cluster: 'countersign-probe', endpoints: 'url' };
