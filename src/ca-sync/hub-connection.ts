// One request's way to the hub's API server: whom to ask, as whom, over which connection. Owns that connection, so that it ends with the
// request whatever state it is in. Never runs a program, and never talks to a server that it cannot verify.

import { readFileSync } from 'node:fs';
import type { AgentOptions } from 'node:https';
import { dirname, resolve } from 'node:path';
import { getCACertificates } from 'node:tls';
import { KubeConfig } from '@kubernetes/client-node';
import type { Cluster, DispatcherOptions, RequestContext, User } from '@kubernetes/client-node';
import { parse } from 'yaml';
import { z } from 'zod';

/** The message names the file and what to do; safe for logs. */
export class HubConnectionError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'HubConnectionError';
  }
}

/** As client-go spells it; client-node 2.0.1 knows only `token-file` (config_types.js, findToken), and reads that once. */
const tokenFiles = z.object({
  users: z.array(z.object({ name: z.string(), user: z.object({ tokenFile: z.string().optional() }).nullish() })),
});

/**
 * client-node 2 makes an undici agent for each request and closes none (config.js, applySecurityAuthentication and createDispatcher), so the
 * socket of a request that hangs would stay. Here one request has one configuration: read afresh, so that rotated tokens, certificates and
 * kubeconfigs count at once, and with an agent that `close` destroys.
 */
export class HubConnection extends KubeConfig {
  readonly #end = new AbortController();
  #context: RequestContext | null = null;

  /** `null`: the service account that Kubernetes mounts into a pod. Throws HubConnectionError. */
  static open(kubeconfigFile: string | null): HubConnection {
    const connection = new HubConnection();
    if (kubeconfigFile === null) connection.loadFromCluster();
    else connection.#loadKubeconfig(kubeconfigFile);
    const problem = findProblem(connection.getCurrentCluster(), connection.getCurrentUser());
    if (problem !== null) throw new HubConnectionError(kubeconfigFile === null ? NO_SERVICE_ACCOUNT : `${kubeconfigFile}: ${problem}`);
    connection.clusters = connection.clusters.map(withAuthorities);
    return connection;
  }

  /** Called by client-node for each request that it makes with this configuration. */
  override async applySecurityAuthentication(context: RequestContext): Promise<void> {
    await super.applySecurityAuthentication(context);
    this.#context = context;
  }

  /** undici forgets a socket that is being connected when its agent is destroyed; with a signal of ours (net.Socket takes one) it goes too. */
  override createDispatcherOptions(cluster: Cluster | null, agentOptions: AgentOptions): DispatcherOptions {
    const options = super.createDispatcherOptions(cluster, agentOptions);
    if (options.type !== 'agent' && options.type !== 'proxy') return options;
    const connect = { ...options.connect, signal: this.#end.signal };
    return { ...options, connect };
  }

  /** Ends the request's connection at once, whether it is being opened, silent or done. */
  async close(): Promise<void> {
    this.#end.abort();
    await this.#context?.getDispatcher()?.destroy();
  }

  #loadKubeconfig(file: string): void {
    try {
      const text = readFileSync(file, 'utf8');
      this.loadFromString(text);
      const files = new Map(tokenFiles.parse(parse(text)).users.map(({ name, user }) => [name, user?.tokenFile]));
      this.users = this.users.map((user) => withTokenFile(user, files.get(user.name), dirname(file)));
      this.makePathsAbsolute(dirname(file));
    } catch (error) {
      // Only the code: a parser's message may quote the file, and the file holds credentials
      const { code } = error as NodeJS.ErrnoException;
      throw new HubConnectionError(`${file} cannot be read as a kubeconfig (${code ?? 'its content is not valid'})`);
    }
  }
}

const NO_SERVICE_ACCOUNT = 'there is no service account of a pod here; set caSync.kubeconfigFile';

function findProblem(cluster: Cluster | null, user: User | null): string | null {
  if (cluster === null || user === null) return 'its current context does not name a cluster and a user that it holds';
  if (!URL.canParse(cluster.server) || new URL(cluster.server).protocol !== 'https:')
    return 'the server of its current cluster is not an https URL';
  if (cluster.skipTLSVerify) return 'insecure-skip-tls-verify is not supported: who reads the signer there could be anybody';
  if (needsPlugin(user)) {
    return `its user ${user.name} needs a credential plugin, which the process that holds the CA key does not run; use a service-account token or a client certificate`;
  }
  return null;
}

function needsPlugin({ exec, authProvider }: { exec?: unknown; authProvider?: { name?: unknown } | null }): boolean {
  return Boolean(exec) || (Boolean(authProvider) && authProvider?.name !== TOKEN_FILE);
}

/** client-node's name for the provider that reads a token from a file, and reads it again each minute. */
const TOKEN_FILE = 'tokenFile';

function withTokenFile(user: User, tokenFile: string | undefined, directory: string): User {
  return tokenFile === undefined
    ? user
    : { ...user, authProvider: { name: TOKEN_FILE, config: { tokenFile: resolve(directory, tokenFile) } } };
}

/** Without a CA of its own, client-node would leave the request to undici's global agent, which cannot be closed. */
function withAuthorities(cluster: Cluster): Cluster {
  if (cluster.caFile || cluster.caData) return cluster;
  return { ...cluster, caData: Buffer.from(getCACertificates('default').join('\n')).toString('base64') };
}
