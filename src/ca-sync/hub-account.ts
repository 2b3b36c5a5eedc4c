// The account that ca-sync reads the hub with, for a check that asks what it may do: the same kubeconfig reading and the same refusals as a read's.
// Opens no connection itself.

import type { RequestOptions } from 'node:https';
import { HubConnection } from './hub-connection.ts';

export interface HubAccount {
  readonly server: URL;
  /** The server's CA, and the account's certificate or Authorization header. Holds secrets. */
  readonly options: RequestOptions;
}

/** `null`: the service account that Kubernetes mounts into a pod. Rejects with HubConnectionError, whose message names the file and what to do. */
export async function readHubAccount(kubeconfigFile: string | null): Promise<HubAccount> {
  const connection = HubConnection.open(kubeconfigFile);
  const options: RequestOptions = {};
  await connection.applyToHTTPSOptions(options);
  return { server: new URL(connection.getCurrentCluster()?.server ?? ''), options };
}
