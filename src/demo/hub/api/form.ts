// Reads what a request says about itself besides its object: the form of the answer, who manages the fields, whether it is a dry run.

import type { TableOptions } from './table-format.ts';
import { offerOf } from './answer.ts';
import type { ApiRequest } from './exchange.ts';
import { type Output, negotiate } from './negotiation.ts';
import { formatTime } from './object.ts';
import type { WriteContext } from './registry.ts';
import { isDryRun } from './request-body.ts';
import { type Resource, apiVersionOf, storageOf } from './resources.ts';

export interface Form {
  readonly output: Output;
  readonly table: TableOptions;
}

export function readForm(request: ApiRequest, resource: Resource, nowMs: number): Form {
  const output = negotiate(request, offerOf(resource));
  const asked = request.query.get('includeObject');
  const include = asked === 'Object' || asked === 'None' ? asked : 'Metadata';
  return { output, table: { metaVersion: output.metaVersion, include, hasHeaders: true, nowMs } };
}

export function readWriteContext(request: ApiRequest, resource: Resource, nowMs: number): WriteContext {
  return {
    resource: storageOf(resource),
    subresource: request.info.subresource,
    user: request.user,
    now: formatTime(nowMs),
    managerName: managerNameOf(request),
    apiVersion: apiVersionOf(resource),
    isDryRun: isDryRun(request.query.getAll('dryRun')),
  };
}

/** validation.FieldManagerMaxLength. */
const MAX_MANAGER_LENGTH = 128;

/** managerOrUserAgent of endpoints/handlers/create.go. */
export function managerNameOf(request: ApiRequest): string {
  const asked = request.query.get('fieldManager') ?? '';
  if (asked !== '') return asked.slice(0, MAX_MANAGER_LENGTH);
  const agent = (request.headers.get('user-agent') ?? '').split('/')[0] ?? '';
  const printable = agent.replace(/[^\x20-\x7e]/g, '').slice(0, MAX_MANAGER_LENGTH);
  return printable === '' ? 'unknown' : printable;
}
