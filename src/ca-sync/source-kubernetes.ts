// Signer and trust bundle from a Secret and a ConfigMap on the hub. Owns how the two are followed: each has a watch of its own, which only
// hints; what counts is the read that follows. Never needs a right beyond get and watch on these two names.

import type { KubernetesCaSyncSettings } from '../settings.ts';
import { hubBounds, HubCalls } from './hub-calls.ts';
import type { HubBounds } from './hub-calls.ts';
import { readObject, watchObject } from './hub-objects.ts';
import type { HubObject, ObjectData } from './hub-objects.ts';
import type { Found, Reading, SignerMaterial, Source } from './source.ts';
import { WatchLoop } from './watch-loop.ts';
import type { WatchSurroundings } from './watch-loop.ts';

export interface KubernetesSurroundings extends WatchSurroundings {
  readonly bounds?: HubBounds;
}

export function openKubernetesSource(settings: KubernetesCaSyncSettings, around: KubernetesSurroundings): Source {
  return new KubernetesSource(settings, around);
}

class KubernetesSource implements Source {
  readonly #calls: HubCalls;
  readonly #watches: WatchLoop;
  readonly #secret: HubObject;
  readonly #configMap: HubObject;
  readonly #bundleKey: string;
  #following: Promise<unknown> = Promise.resolve();

  constructor(settings: KubernetesCaSyncSettings, around: KubernetesSurroundings) {
    this.#calls = new HubCalls(settings.kubeconfigFile, around.clock, around.bounds ?? hubBounds);
    this.#watches = new WatchLoop(around);
    this.#secret = { resource: 'secrets', namespace: settings.signer.namespace, name: settings.signer.secret };
    this.#configMap = { resource: 'configmaps', namespace: settings.trust.namespace, name: settings.trust.configMap };
    this.#bundleKey = settings.trust.key;
  }

  async read(): Promise<Reading> {
    const [secret, configMap] = await Promise.all([readObject(this.#calls, this.#secret), readObject(this.#calls, this.#configMap)]);
    return { signer: takeSigner(secret), trust: takeBundle(configMap, this.#bundleKey) };
  }

  follow(hint: () => void): void {
    const followOne = (object: HubObject): Promise<void> =>
      this.#watches.follow(object.resource, () => watchObject(this.#calls, object, hint));
    this.#following = Promise.all([followOne(this.#secret), followOne(this.#configMap)]);
  }

  async close(): Promise<void> {
    this.#watches.close();
    await this.#calls.close();
    await this.#following;
  }
}

function takeSigner(secret: Found<ObjectData>): Found<SignerMaterial> {
  if (secret.kind !== 'found') return secret;
  const decode = (key: string): Buffer => Buffer.from(secret.value[key] ?? '', 'base64');
  return { kind: 'found', value: { certificate: decode('tls.crt'), key: decode('tls.key') } };
}

function takeBundle(configMap: Found<ObjectData>, key: string): Found<Buffer> {
  if (configMap.kind !== 'found') return configMap;
  const bundle = configMap.value[key];
  return bundle === undefined
    ? { kind: 'missing', detail: `the ConfigMap has no key ${key}` }
    : { kind: 'found', value: Buffer.from(bundle) };
}
