// A gate before a hub, in TCP: new connections pass, wait at it, or are turned away, as the test says; those that have passed are left alone.

import { connect } from 'node:net';
import type { Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { startTcpHub } from './fault-hub.ts';

export interface HubGate {
  readonly url: URL;
  /** Connections that wait. */
  readonly waiting: ReadonlySet<Socket>;
  /** For new connections; whoever waits passes when it opens. */
  set(state: 'open' | 'held' | 'shut'): void;
}

export async function openHubGate(t: TestContext, port: number): Promise<HubGate> {
  let state: 'open' | 'held' | 'shut' = 'open';
  const waiting = new Set<Socket>();
  const entries = new Set<() => void>();
  const pass = (socket: Socket): void => {
    const onwards = connect(port, '127.0.0.1');
    onwards.on('error', () => socket.destroy());
    onwards.once('close', () => socket.destroy());
    socket.once('close', () => onwards.destroy());
    onwards.pipe(socket).pipe(onwards);
  };
  const { url } = await startTcpHub(t, (socket) => {
    if (state === 'open') return pass(socket);
    if (state === 'shut') return void socket.destroy();
    // Read meanwhile, or its end would not be seen.
    const said: Buffer[] = [];
    const listen = (chunk: Buffer): void => void said.push(chunk);
    socket.on('data', listen);
    const letIn = (): void => {
      waiting.delete(socket);
      entries.delete(letIn);
      socket.off('data', listen);
      socket.pause();
      socket.unshift(Buffer.concat(said));
      pass(socket);
    };
    waiting.add(socket);
    entries.add(letIn);
    socket.once('close', () => {
      waiting.delete(socket);
      entries.delete(letIn);
    });
  });
  const set: HubGate['set'] = (next) => {
    state = next;
    if (next === 'open') for (const letIn of entries) letIn();
  };
  return { url, waiting, set };
}
