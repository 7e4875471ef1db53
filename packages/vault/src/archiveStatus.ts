/** Owns what the status of a RecordingArchive says of the vault that serves it. Words are stable. Pure. */
import { z } from 'zod';
import type { VaultStatus } from './vaultStatus.ts';

export const ArchiveCondition = z.looseObject({
  type: z.string(),
  status: z.enum(['True', 'False', 'Unknown']),
  lastTransitionTime: z.string(),
});
export type ArchiveCondition = z.infer<typeof ArchiveCondition>;

/** What there is to tell. */
export interface ServedArchive {
  /** Of the spec that the vault runs with, or failed with. */
  readonly generation: number;
  /** How recorders reach it; null: not known. */
  readonly endpoint: string | null;
  /** PEM of the authority that recorders know it by; null: not known. */
  readonly authority: string | null;
  /** null: no vault runs. */
  readonly vault: VaultStatus | null;
  /** Why not: `archive_invalid`, or a code. */
  readonly problem: { readonly reason: string; readonly message: string } | null;
}

interface Verdict {
  readonly type: string;
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason: string;
  readonly message: string;
}

const messageMax = 1000;

/** The whole status; a condition that did not change keeps its time. `now`: RFC 3339. */
export function archiveStatusOf(
  served: ServedArchive,
  before: readonly ArchiveCondition[],
  now: string,
): Record<string, unknown> {
  const { generation, endpoint, authority, vault } = served;
  return {
    observedGeneration: generation,
    ...(endpoint !== null && { endpoint }),
    ...(authority !== null && { caBundle: authority }),
    ...(vault !== null && {
      logSize: vault.log.size,
      ...(vault.log.checkpoint_at !== null && { checkpointTime: vault.log.checkpoint_at }),
      recorders: vault.reels.open,
      holds: vault.holds.active,
    }),
    conditions: [readyOf(served), lockedOf(vault), signedOf(vault)].map((verdict) => {
      const known = before.find(({ type }) => type === verdict.type);
      const isSame = known?.status === verdict.status;
      return {
        ...verdict,
        message: verdict.message.slice(0, messageMax),
        observedGeneration: generation,
        lastTransitionTime: isSame ? known.lastTransitionTime : now,
      };
    }),
  };
}

function readyOf({ vault, problem }: ServedArchive): Verdict {
  const type = 'Ready';
  if (problem !== null)
    return { type, status: 'False', reason: conditionReason(problem.reason), message: problem.message };
  if (vault === null)
    return { type, status: 'Unknown', reason: 'Starting', message: 'the vault is starting' };
  if (vault.ready)
    return { type, status: 'True', reason: 'Serving', message: 'evidence is stored and acknowledged' };
  const [reason = 'NotReady'] = vault.reasons;
  const message = `the vault is not ready: ${vault.reasons.join(', ')}`;
  return { type, status: 'False', reason: conditionReason(reason), message };
}

function lockedOf(vault: VaultStatus | null): Verdict {
  const type = 'Locked';
  if (vault === null)
    return { type, status: 'Unknown', reason: 'NotTried', message: 'no vault has tried the lock' };
  const { lock } = vault.archive;
  const doubt = vault.alerts.find(({ reason }) => reason === 'worm');
  if (doubt !== undefined) return { type, status: 'False', reason: 'LockDoubtful', message: doubt.detail };
  if (lock === 'none')
    return {
      type,
      status: 'False',
      reason: 'NotLocked',
      message: 'tamper-evident only: nothing keeps objects from being deleted',
    };
  const message = 'tried at the start: what it must refuse, it refused';
  return { type, status: 'True', reason: conditionReason(lock), message };
}

function signedOf(vault: VaultStatus | null): Verdict {
  const type = 'LogSigned';
  if (vault === null) return { type, status: 'Unknown', reason: 'Starting', message: 'no vault runs' };
  const { fenced, checkpoint_at: at, origin, vkey } = vault.log;
  if (fenced) return { type, status: 'False', reason: 'LogFenced', message: 'another writer has the log' };
  if (at === null)
    return {
      type,
      status: 'Unknown',
      reason: 'NoCheckpoint',
      message: 'this vault has published no checkpoint yet',
    };
  return { type, status: 'True', reason: 'Signed', message: `${origin}, verifier key ${vkey ?? 'unknown'}` };
}

/** `log_fenced`, `LOG_KEY` as the reason of a condition: `LogFenced`, `LogKey`. */
export function conditionReason(word: string): string {
  return word
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .map((part) => part.charAt(0).toUpperCase() + part.slice(1))
    .join('');
}
