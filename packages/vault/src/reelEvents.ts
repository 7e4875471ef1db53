/**
 * Owns which events of the vault become records of its own reel, what is logged of them, and that what a
 * sender repeats is told once. It refuses to decide what an event means.
 */
import { hash } from 'node:crypto';
import type { Logger } from 'pino';
import { type AlertEvents, Alerts, type StandingAlert } from './alerts.ts';
import type { ReceiverEvents } from './receiver.ts';
import { ReelWatcher, type ReelWatcherSources } from './reelWatcher.ts';
import type { Health } from './vaultHealth.ts';
import type { VaultMetrics } from './vaultMetrics.ts';
import type { VaultEntry, VaultReel } from './vaultReel.ts';

/** Contradictions that were told and are not told again; beyond, the oldest may be. */
const toldMax = 10_000;

export interface ReelEventParts {
  readonly reel: Pick<VaultReel, 'append'>;
  readonly metrics: VaultMetrics;
  readonly health: Health;
  readonly log: Logger;
  readonly wallMs: () => number;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  readonly every: ReelWatcherSources['every'];
}

export interface ReelEvents {
  readonly alerts: Alerts;
  readonly watcher: ReelWatcher;
  readonly receiver: ReceiverEvents;
  /** Writes down what has happened already; where that fails, the log has it. */
  readonly tell: (entry: VaultEntry) => void;
}

export function reelEvents(parts: ReelEventParts): ReelEvents {
  const { reel, log, wallMs, now, every } = parts;
  const tell = (entry: VaultEntry): void => {
    reel.append(entry, Number.POSITIVE_INFINITY).catch((error: unknown) => {
      log.error({ err: error, entry }, "not written into the vault's own reel");
    });
  };
  const alerts = new Alerts(wallMs, alertEvents(tell, log));
  const watcher = new ReelWatcher({ alerts, tell, now, every });
  return { alerts, watcher, tell, receiver: receiverEvents(parts, alerts, watcher, tell) };
}

function alertEvents(tell: ReelEvents['tell'], log: Logger): AlertEvents {
  const record = (state: 'raised' | 'cleared', { reason, reel, detail }: StandingAlert): void =>
    tell({ kind: 'alert', state, reason, ...(reel !== undefined && { of_reel: reel }), detail });
  return {
    raised: (alert) => {
      const { reason, reel, detail } = alert;
      // Of what was quarantined the log has each segment, with its object.
      if (reason !== 'forged') log.error({ alert: reason, reel, detail }, 'alert');
      record('raised', alert);
    },
    cleared: (alert) => {
      const { reason, reel, detail } = alert;
      log.info({ alert: reason, reel, detail }, 'the alert is over');
      record('cleared', alert);
    },
  };
}

function receiverEvents(
  { metrics, health, log }: ReelEventParts,
  alerts: Alerts,
  watcher: ReelWatcher,
  tell: ReelEvents['tell'],
): ReceiverEvents {
  const told = new Set<string>();
  const contradicted = (reel: string, segment: number, object: string, detail: string): void => {
    // A sender repeats what is refused, and may send any number of contradictions.
    const about = hash('sha256', `${reel} ${object === '' ? '' : `${segment} ${object}`}`);
    if (told.has(about)) return;
    if (told.size >= toldMax) told.delete(told.values().next().value ?? '');
    told.add(about);
    tell({ kind: 'quarantine', of_reel: reel, segment, object, detail });
    alerts.raise('forged', `segment ${segment}: ${detail}`, reel);
  };
  return {
    quarantined: (reel, segment, key, detail) => {
      metrics.quarantined();
      const message = 'a segment contradicts the archive; it was quarantined';
      log.error({ alert: 'forged', reel, segment, object: key, detail }, message);
      contradicted(reel, segment, key, detail);
    },
    ahead: (header, expected) => watcher.ahead(header, expected),
    notEnrolled: (reel, detail) => {
      watcher.refused();
      log.error({ reason: 'not_enrolled', reel, detail }, 'a segment was refused: nobody vouches for it');
      // One for all: who is not let in could make any number.
      alerts.raise('not_enrolled', `reel ${reel}: ${detail}`);
    },
    quarantineFull: (reel, segment, detail) => {
      const message = 'a segment contradicts the archive, and the quarantine is full; it was not kept';
      log.error({ alert: 'forged', reel, segment, detail }, message);
      contradicted(reel, segment, '', detail);
    },
    failed: (reel, segment, error) => {
      health.storeFailed(error);
      log.error({ reel, segment, err: error }, 'a segment was not stored; its sender keeps it');
    },
  };
}
