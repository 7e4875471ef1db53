/** Owns whether a recorder is ready, and what it names beside. Pure. */
import type { HealthVerdict } from '@pgtape/process';
import type { FullReason, OnFull } from './spoolLevel.ts';

export interface ReadinessFacts {
  /** Its readiness is the pod's then, and decides whether the database is in its Service. */
  readonly isInPod: boolean;
  readonly onFull: OnFull;
  /** null: the spool is not full. */
  readonly full: FullReason | null;
  /** What it runs with in place of what it was given. */
  readonly standIns: readonly string[];
  readonly isBacklogged: boolean;
  readonly isWorkerRunning: boolean;
  readonly isSpoolLost: boolean;
  /** The vault does not take a reel. */
  readonly isRefused: boolean;
}

/**
 * In a pod: whether clients are served, and nothing else. What is wrong with the evidence is named, told in status and on
 * tape; a primary that is taken out of its Service for it would be an outage that a vault, or whoever it refuses, can cause.
 */
export function readiness(facts: ReadinessFacts): HealthVerdict {
  const { isInPod, onFull, full, standIns, isBacklogged, isWorkerRunning, isSpoolLost, isRefused } = facts;
  const wrong = [
    ...(isBacklogged ? ['backlog'] : []),
    ...(isWorkerRunning ? [] : ['worker_down']),
    ...(isSpoolLost ? ['spool_lost'] : []),
    ...(isRefused ? ['vault_refuses'] : []),
  ];
  // Clients that pass are served: who takes the server out of service for it would do what `pass` is there to prevent.
  const isServing = full === null || onFull === 'pass';
  return {
    ok: isServing && (isInPod || wrong.length === 0),
    reasons: [...(full === null ? [] : [full]), ...standIns, ...wrong],
  };
}
