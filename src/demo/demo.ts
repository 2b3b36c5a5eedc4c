// The front door of the demo: the embedded hub, the agents that talk to it, and the proxy that shows the problem. Knows nothing of Countersign.

export { serveEmbeddedHub } from './demo-files.ts';
export type { AgentRequest } from './agent-connection.ts';
export { EmbeddedHub, startEmbeddedHub } from './hub/embedded-hub.ts';
export type { SeenRequest } from './hub/embedded-hub.ts';
export { encodeKubernetesBody } from './kubernetes-body.ts';
export { startOpeningProxy } from './opening-proxy.ts';
export type { OpeningProxy } from './opening-proxy.ts';
export { SimulatedKlusterlet } from './simulated-klusterlet.ts';
export type { KlusterletCounts, WhoAmI } from './simulated-klusterlet.ts';
