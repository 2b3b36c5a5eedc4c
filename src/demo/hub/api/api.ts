// The front door of the embedded hub's API machinery: what kube-apiserver does with a request once its user is known and allowed.
// Opens no socket and reads no certificate. Kinds: resources.ts.

import { randomInt, randomUUID } from 'node:crypto';
import type { Clock } from '../../../clock.ts';
import { answerError, answerIndented, answerText } from './answer.ts';
import { startSigning } from './certificate-signing.ts';
import { discover, pageNotFound } from './discovery.ts';
import type { Allows, ApiAnswer, ApiRequest, SignLeaf } from './exchange.ts';
import { describeOpenApi } from './openapi.ts';
import { get, list } from './read.ts';
import { type Randomness, Registry } from './registry.ts';
import { type Resource, findResource } from './resources.ts';
import { review } from './reviews.ts';
import { ApiError, methodNotAllowed } from './status.ts';
import { Store } from './store.ts';
import { Watches } from './watch.ts';
import { type Writer, create, patch, remove, removeAll, update } from './write.ts';

export interface ApiSurroundings {
  readonly clock: Clock;
  readonly signLeaf: SignLeaf;
  readonly allows: Allows;
  /** host:port, for discovery. */
  readonly serverAddress?: () => string;
  /** Documents of the hub's other components, by path; null: there is none. */
  readonly otherPath?: (path: string) => ApiAnswer | null;
  /** Default: node:crypto. */
  readonly random?: Randomness;
}

export interface Api {
  /** Never rejects for what a client did: that is an answer. */
  serve(request: ApiRequest): Promise<ApiAnswer>;
  /** The objects themselves, for the hub's own components: no admission, no managed fields, every change told to the watches. */
  readonly store: Store;
  /** Open watches. */
  readonly watchCount: number;
  /** Ends all watches and timers. */
  close(): void;
}

const systemRandomness: Randomness = { uuid: () => randomUUID(), below: (limit) => randomInt(limit) };

export function openApi(around: ApiSurroundings): Api {
  const store = new Store();
  const { clock, random = systemRandomness } = around;
  const registry = new Registry(store, { clock, random });
  const watches = new Watches(store, { clock, random });
  const stopSigning = startSigning(registry, around.signLeaf);
  const parts: Parts = { around, store, registry, watches };
  return {
    store,
    get watchCount() {
      return watches.count;
    },
    serve: async (request) => serveOrRefuse(parts, request),
    close: () => {
      stopSigning();
      watches.close();
      registry.close();
    },
  };
}

interface Parts {
  readonly around: ApiSurroundings;
  readonly store: Store;
  readonly registry: Registry;
  readonly watches: Watches;
}

function serveOrRefuse(parts: Parts, request: ApiRequest): ApiAnswer {
  const { info } = request;
  const resource = info.isResourceRequest ? findResource(info.apiGroup, info.apiVersion, info.resource) : undefined;
  try {
    if (!info.isResourceRequest) return serveOtherPath(parts, request);
    return resource === undefined || !isPathOf(request, resource) ? pageNotFound() : serveResource(parts, request, resource);
  } catch (error) {
    if (error instanceof ApiError) return answerError(error, request, resource?.family.kind !== 'custom');
    throw error;
  }
}

/** Longest path below a resource: its name and a subresource. */
const MAX_PARTS = 3;

function isPathOf({ info }: ApiRequest, resource: Resource): boolean {
  const hasName = info.parts.length > 1;
  const isInScope = resource.isNamespaced ? info.namespace !== '' || !hasName : info.namespace === '' || info.resource === 'namespaces';
  const isSubresource = info.subresource === '' || resource.subresources.includes(info.subresource);
  const isKnownVerb = info.verb !== 'proxy' && !(info.verb === 'watch' && hasName);
  return isInScope && isSubresource && isKnownVerb && info.parts.length <= MAX_PARTS && (resource.isStored || !hasName);
}

function serveResource(parts: Parts, request: ApiRequest, resource: Resource): ApiAnswer {
  const { info } = request;
  const { around, store, registry, watches } = parts;
  const nowMs = around.clock.now();
  if (!resource.isStored) {
    if (info.verb !== 'create') throw methodNotAllowed();
    return review(request, resource, { allows: around.allows, nowMs });
  }
  if (info.parts.length > 1) return serveItem({ registry, allows: around.allows, nowMs }, request, resource);
  // By verb, not by method: the verb is what was authorized, and /watch/ in a path makes one of any method.
  switch (info.verb) {
    case 'watch':
      if (request.method !== 'GET') throw methodNotAllowed();
      return watches.serve(request, resource);
    case 'list':
      if (request.method !== 'GET') throw methodNotAllowed();
      return list(store, request, resource, nowMs);
    case 'create':
      return create({ registry, allows: around.allows, nowMs }, request, resource);
    case 'deletecollection':
      return removeAll({ registry, allows: around.allows, nowMs }, request, resource);
    default:
      throw methodNotAllowed();
  }
}

function serveItem(writer: Writer, request: ApiRequest, resource: Resource): ApiAnswer {
  const isWhole = request.info.subresource === '';
  switch (request.method) {
    // A CRD's handler goes by the verb, and that of HEAD is get; go-restful, before the built-in kinds, goes by the method.
    case 'HEAD':
      if (resource.family.kind === 'builtin') throw methodNotAllowed();
      return get(writer.registry.store, request, resource, writer.nowMs);
    case 'GET':
      return get(writer.registry.store, request, resource, writer.nowMs);
    case 'PUT':
      return update(writer, request, resource);
    case 'PATCH':
      return patch(writer, request, resource);
    case 'DELETE':
      if (isWhole) return remove(writer, request, resource);
      throw methodNotAllowed();
    default:
      throw methodNotAllowed();
  }
}

/** k8s.io/apimachinery pkg/version of the recorded hub. */
const VERSION = {
  major: '1',
  minor: '36',
  emulationMajor: '1',
  emulationMinor: '36',
  minCompatibilityMajor: '1',
  minCompatibilityMinor: '35',
  gitVersion: 'v1.36.2',
  gitCommit: '98b35193b2ac7a23a673325f5e9b830ecd5ba406',
  gitTreeState: 'clean',
  buildDate: '2026-08-21T00:00:00Z',
  goVersion: 'go1.26.10',
  compiler: 'gc',
  platform: 'linux/amd64',
};

const HEALTH_PATHS = new Set(['/healthz', '/livez', '/readyz']);

function serveOtherPath({ around }: Parts, request: ApiRequest): ApiAnswer {
  if (request.method !== 'GET') return pageNotFound();
  if (HEALTH_PATHS.has(request.path)) return answerText(200, 'ok');
  if (request.path === '/version' || request.path === '/version/') return answerIndented(VERSION);
  const serverAddress = around.serverAddress?.() ?? 'kubernetes.default.svc:443';
  return around.otherPath?.(request.path) ?? describeOpenApi(request.path) ?? discover(request, serverAddress) ?? pageNotFound();
}
