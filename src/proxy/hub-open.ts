// Opens a hub session: a connection, the protocol that the hub chose on it, and the hub's word that it is there. Whatever fails here has failed
// before any request was sent.

import type { Clock } from '../clock.ts';
import { Fault } from '../errors.ts';
import type { HubAddress, HubDialer } from './hub-dial.ts';
import type { HubSession } from './hub-exchange.ts';
import { H1HubSession } from './hub-session-h1.ts';
import { H2HubSession } from './hub-session-h2.ts';

/** @throws Fault where the hub cannot be reached, does not want the certificate, or does not speak HTTP/2 after it has said so */
export async function openHubSession(hub: HubAddress, dialer: HubDialer, clock: Clock): Promise<HubSession> {
  const startedMs = clock.elapsed();
  const { socket, protocol } = await dialer.dial(['h2', 'http/1.1']);
  if (protocol === 'http/1.1') {
    return new H1HubSession(socket, hub.url, async () => (await dialer.dial(['http/1.1'])).socket);
  }
  const session = new H2HubSession(socket, hub.url);
  const leftMs = hub.connectTimeoutMs - (clock.elapsed() - startedMs);
  const stopTimer = clock.after(leftMs, () => socket.destroy());
  const failure = await session.ready;
  stopTimer();
  if (failure === null) return session;
  socket.destroy();
  const isLate = clock.elapsed() - startedMs >= hub.connectTimeoutMs;
  throw isLate ? new Fault('hub-connect-timeout', `no HTTP/2 settings from ${hub.url.host} within ${hub.connectTimeoutMs} ms`) : failure;
}
