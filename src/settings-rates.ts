// How often one identity may ask, as the settings say it: rates by kind of agent and by kind of request, each with its default and the reason.

import type { z } from 'zod';
import type { Rate, RateSettings } from './settings.ts';
import { count, perSecond, rate, section } from './settings-values.ts';

const most = (sustained: string, burst: number): z.ZodPrefault<z.ZodType<Rate, object>> =>
  section({
    sustained: rate('1/h', '1000000/s').default(perSecond(sustained)),
    burst: count(1, 1_000_000).default(burst),
  })
    .transform((found) => ({ sustainedPerSecond: found.sustained, burst: found.burst }))
    .prefault({});

/** A client that keeps to `sustained` and `burst` in the way of client-go's own limiter is never refused: rate-limits.ts says how. */
export const rates: z.ZodPrefault<z.ZodType<RateSettings, object>> = section({
  // The sum of the limits that the klusterlet's own clients keep, and of an add-on's (klusterlet-traffic.md §4).
  klusterlet: most('60/s', 150),
  addon: most('20/s', 40),
  // The work agent alone writes at up to 50/s, 100 at once (klusterlet-traffic.md §3 "QPS/burst"): as much as all requests together.
  mutating: most('60/s', 150),
  // Five informers list once at a start and after a hub that was away; a namespace's ManifestWorks come in pages of 500.
  list: most('5/s', 50),
  // About four watches, each anew after 5 to 10 minutes; all of them at once where the hub or we restart.
  watchStarts: most('5/s', 50),
  // One for itself and one for each add-on within minutes of a cluster's import, then one each in 12 to 24 days (klusterlet-traffic.md §3).
  csrCreates: most('1/m', 20),
  // An agent newer than its policy has a handful of requests refused and backs off; twice the burst of them in a row is somebody trying doors.
  refused: most('1/s', 100),
}).prefault({});
