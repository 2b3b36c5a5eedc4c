// The closed list of what Countersign logs, and the pino logger behind it. Logs are for operators: never a body, a token or a key; a
// certificate appears as fingerprint, serial and window.

import { pino } from 'pino';
import type { DestinationStream } from 'pino';

type Level = 'debug' | 'info' | 'warn' | 'error';
export type LogLevel = Level;
type Fields = Readonly<Record<string, string | number | boolean | null | readonly string[]>>;

export type EventName =
  | 'process-started'
  | 'process-draining'
  | 'process-stopped'
  | 'process-failed'
  | 'settings-refused'
  | 'settings-changed'
  | 'settings-applied'
  | 'settings-reread'
  | 'listener-ready'
  | 'serving-certificate-published'
  | 'serving-certificate-refused'
  | 'hub-ca-refused'
  | 'policy-published'
  | 'policy-refused'
  | 'signer-published'
  | 'signer-refused'
  | 'signer-removed'
  | 'signer-missing'
  | 'signer-waits'
  | 'signer-ended'
  | 'signer-probing'
  | 'signer-not-accepted'
  | 'signer-unproven'
  | 'signer-proven'
  | 'signer-rejected'
  | 'signer-rolled-back'
  | 'signer-withdrawn'
  | 'trust-published'
  | 'trust-refused'
  | 'trust-removed'
  | 'trust-missing'
  | 'trust-entry-skipped'
  | 'jwks-published'
  | 'jwks-failed'
  | 'jwks-recovered'
  | 'sync-failed'
  | 'sync-recovered'
  | 'watch-ended'
  | 'watch-failed'
  | 'hub-refused-leaf'
  | 'sessions-moving'
  | 'sessions-moved'
  | 'session-moves-failed'
  | 'hub-fault'
  | 'connection-refused'
  | 'connection-closed-by-policy'
  | 'peer-locked-out'
  | 'quarantine-changed'
  | 'quarantine-list-published'
  | 'quarantine-list-refused'
  | 'quarantine-list-removed'
  | 'quarantine-list-missing'
  | 'quarantine-unreadable'
  | 'quarantine-readable'
  | 'audit-failed'
  | 'audit-lost'
  | 'audit-recovered'
  | 'audit-reopened'
  | 'audit-reopen-failed'
  | 'admin-ready'
  | 'alert-raised'
  | 'alert-cleared'
  | 'alert-delivery-failed'
  | 'alert-delivery-recovered'
  | 'internal-error';

/** Every event: its level and its sentence. The keys are stable, dashboards and alerts may name them. */
const eventTable: Readonly<Record<EventName, { level: Level; message: string }>> = {
  'process-started': { level: 'info', message: 'Countersign started' },
  'process-draining': { level: 'info', message: 'no new connections; waiting for open requests and watches' },
  'process-stopped': { level: 'info', message: 'Countersign stopped' },
  'process-failed': { level: 'error', message: 'Countersign cannot go on' },
  'settings-refused': { level: 'error', message: 'a changed settings file was refused; the one before goes on' },
  'settings-changed': { level: 'warn', message: 'the settings file has changed; what is new in it takes effect with the next start' },
  'settings-applied': { level: 'info', message: 'a changed setting is in effect' },
  'settings-reread': { level: 'info', message: 'settings and files were read again' },
  'listener-ready': { level: 'info', message: 'accepting connections' },
  'serving-certificate-published': { level: 'info', message: 'a serving certificate is in use' },
  'serving-certificate-refused': { level: 'error', message: 'a serving certificate was refused; the one before goes on' },
  'hub-ca-refused': { level: 'error', message: 'a changed hub.caFile was refused; the one before goes on' },
  'policy-published': { level: 'info', message: 'policies are in force' },
  'policy-refused': { level: 'error', message: 'changed policies were refused; the ones before stay in force' },
  'signer-published': { level: 'info', message: 'a signer is in use' },
  'signer-refused': { level: 'warn', message: 'a signer was refused; the one before goes on' },
  'signer-removed': { level: 'warn', message: 'the signer is gone from its source; the last good one goes on' },
  'signer-missing': { level: 'warn', message: 'the source holds no signer yet' },
  'signer-waits': { level: 'info', message: 'a signer that is not valid yet waits for its time' },
  'signer-ended': { level: 'error', message: 'the signer in use has ended and there is no other; nothing can be issued' },
  'signer-probing': { level: 'info', message: 'a new signer is shown to the hub before it is used' },
  'signer-not-accepted': { level: 'warn', message: 'the hub does not accept the new signer yet; the one before goes on' },
  'signer-unproven': {
    level: 'error',
    message: 'a signer is in use that the hub has not accepted, because the one before is about to end',
  },
  'signer-proven': { level: 'info', message: 'the hub accepts the signer in use' },
  'signer-rejected': { level: 'error', message: 'the hub rejects the signer in use' },
  'signer-rolled-back': {
    level: 'error',
    message: 'the hub rejects the signer that was in use and accepts the one before, which is in use again',
  },
  'signer-withdrawn': {
    level: 'warn',
    message: 'the hub no longer trusts a signer that was in use; what is open under it moves to the present one',
  },
  'trust-published': { level: 'info', message: 'a trust bundle is in use' },
  'trust-refused': { level: 'warn', message: 'a trust bundle was refused; the one before goes on' },
  'trust-removed': { level: 'warn', message: 'the trust bundle is gone from its source; the last good one goes on' },
  'trust-missing': { level: 'warn', message: 'the source holds no trust bundle yet' },
  'trust-entry-skipped': { level: 'warn', message: 'an entry of the trust bundle does not parse and is left out' },
  'jwks-published': { level: 'info', message: "the hub's keys for service-account tokens are in use" },
  'jwks-failed': { level: 'warn', message: "the hub's keys for service-account tokens could not be read; those before, if any, go on" },
  'jwks-recovered': { level: 'info', message: "the hub's keys for service-account tokens are readable again" },
  'sync-failed': { level: 'warn', message: 'the source of signer and trust bundle could not be read' },
  'sync-recovered': { level: 'info', message: 'the source of signer and trust bundle is readable again' },
  'watch-ended': { level: 'debug', message: 'a watch on the hub ended and is opened again' },
  'watch-failed': {
    level: 'warn',
    message: 'a watch on the hub cannot be held open; until it can, changes are found by the scheduled re-read',
  },
  'hub-refused-leaf': { level: 'error', message: 'the hub refused a certificate that was reissued and is held to be valid' },
  'sessions-moving': { level: 'info', message: 'hub sessions move to certificates of the signer in use' },
  'sessions-moved': { level: 'info', message: 'no hub session in use has a certificate of an older signer any more' },
  'session-moves-failed': { level: 'warn', message: 'hub sessions could not move to newer certificates; they go on with those they have' },
  'hub-fault': { level: 'warn', message: 'a request could not be answered by the hub' },
  'connection-refused': { level: 'warn', message: 'a connection was turned away at a limit' },
  'connection-closed-by-policy': { level: 'info', message: 'an open connection was ended: its client certificate no longer holds' },
  'peer-locked-out': { level: 'warn', message: 'an agent is locked out for a while after too many refusals or a flood' },
  'quarantine-changed': { level: 'warn', message: 'the clusters in quarantine are others than before' },
  'quarantine-list-published': { level: 'info', message: 'a list of quarantined clusters was read from its ConfigMap' },
  'quarantine-list-refused': {
    level: 'error',
    message:
      'a line of the list of quarantined clusters is not the name of a cluster; names that can be read count, and nobody is released',
  },
  'quarantine-list-removed': {
    level: 'warn',
    message: 'the ConfigMap with the quarantined clusters is gone; those named last stay cut off',
  },
  'quarantine-list-missing': { level: 'warn', message: 'there is no ConfigMap with quarantined clusters yet' },
  'quarantine-unreadable': {
    level: 'error',
    message: 'what decides on quarantine cannot be read from the hub; what was read last goes on',
  },
  'quarantine-readable': { level: 'info', message: 'what decides on quarantine is readable again' },
  'audit-failed': { level: 'error', message: 'the audit trail cannot be written; lines are kept up to a bound and written later' },
  'audit-lost': { level: 'error', message: 'audit lines were lost: the trail cannot be written and its queue is full' },
  'audit-recovered': { level: 'info', message: 'the audit trail is written again' },
  'audit-reopened': { level: 'info', message: 'the audit file was opened anew' },
  'audit-reopen-failed': { level: 'error', message: 'the audit file cannot be opened anew; the open one goes on' },
  'admin-ready': { level: 'info', message: 'metrics, health and status are served' },
  'alert-raised': { level: 'warn', message: 'an alert was raised' },
  'alert-cleared': { level: 'info', message: 'an alert is over' },
  'alert-delivery-failed': { level: 'warn', message: 'alerts cannot be handed on; it is tried again until they can' },
  'alert-delivery-recovered': { level: 'info', message: 'alerts are handed on again' },
  'internal-error': { level: 'error', message: 'an internal error; please report it' },
};

export interface Log {
  event(name: EventName, fields?: Fields): void;
}

export interface LevelledLog extends Log {
  /** From now on. */
  setLevel(level: Level): void;
}

/** Writes JSON lines to `destination` (default: standard error, so that standard output is the audit's). */
export function openLog(level: Level, destination: DestinationStream = pino.destination({ fd: 2, sync: true })): LevelledLog {
  const logger = pino(
    { level, base: null, timestamp: () => `,"time":"${new Date().toISOString()}"`, formatters: { level: (label) => ({ level: label }) } },
    destination,
  );
  return {
    event: (name, fields = {}) => {
      const row = eventTable[name];
      logger[row.level]({ event: name, ...fields }, row.message);
    },
    setLevel: (next) => {
      logger.level = next;
    },
  };
}

/** For tests and tools that want no log. */
export const silentLog: Log = { event: () => undefined };
