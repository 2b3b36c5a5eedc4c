// The clusters whose client certificate ends next. Names stand in certificates that clients made: text, whatever is in them.

import type { Status } from '../status.ts';
import { html } from './html.ts';
import type { Html } from './html.ts';
import { count, sayLeft, sayMoment } from './wording.ts';

type Cluster = Status['traffic']['clusters'][number];

/** At a glance; the rest opens on demand. */
const MOST_SHOWN = 5;

export function renderClusters({ traffic: { clusters } }: Status, nowMs: number): Html {
  const rest = clusters.slice(MOST_SHOWN);
  return html`<section class="panel clusters" aria-labelledby="clusters-title" data-part id="clusters">
<div class="heading"><h2 id="clusters-title">Clusters</h2><p class="note">whose certificate ends next</p></div>
${clusters.length === 0 ? html`<p class="empty">No cluster has connected yet.</p>` : renderTable(clusters.slice(0, MOST_SHOWN), nowMs)}
${rest.length === 0 ? null : html`<details id="more-clusters"><summary>${count(rest.length)} more</summary>${renderTable(rest, nowMs)}</details>`}
</section>`;
}

function renderTable(clusters: readonly Cluster[], nowMs: number): Html {
  return html`<table><thead><tr><th scope="col">Cluster, agent</th><th scope="col" class="number">Ends</th></tr></thead><tbody>${clusters.map(
    ({
      cluster,
      user,
      notAfter,
    }) => html`<tr><th scope="row">${cluster}<span class="note" title="${user}">${shorten(user, cluster)}</span></th>
<td class="number"><time datetime="${notAfter}" title="${sayMoment(Date.parse(notAfter))} UTC">${sayLeft(Date.parse(notAfter), nowMs)}</time></td></tr>`,
  )}</tbody></table>`;
}

/** What the grammar of subjects (facts/klusterlet-traffic.md §1) says of every user of a cluster says nothing here; the whole name is in `/status`. */
function shorten(user: string, cluster: string): string {
  const known = [`system:open-cluster-management:${cluster}:`, `system:open-cluster-management:cluster:${cluster}:`];
  const start = known.find((each) => user.startsWith(each) && user.length > each.length);
  return start === undefined ? user : user.slice(start.length);
}
