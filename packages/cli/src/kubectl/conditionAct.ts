/** Owns which conditions are not well, and who must act on each. Pure. */
import type { ConditionView } from './recordedDatabases.ts';

/**
 * - `database`: whoever runs the PostgreSQL pods and their RecordedDatabase;
 * - `pgtape`: whoever runs pgtape in the cluster;
 * - `archive`: whoever owns the RecordingArchive;
 * - `cluster`: whoever administers the cluster;
 * - `nobody`: it is being looked at, or cannot be told yet.
 */
export type Actor = 'database' | 'pgtape' | 'archive' | 'cluster' | 'nobody';

const actors: Readonly<Record<string, Actor>> = {
  PolicyAccepted: 'database',
  ArchiveFound: 'archive',
  InjectorAvailable: 'pgtape',
  Injected: 'database',
  InSync: 'database',
  Captured: 'database',
  Guarded: 'pgtape',
  BypassFree: 'database',
  TLSMatched: 'database',
  Archiving: 'pgtape',
  UpToDate: 'database',
};

/** Where the reason says more than the type. */
const byReason: Readonly<Record<string, Actor>> = {
  'InSync/ConfigNotWritten': 'pgtape',
  'ArchiveFound/NotServed': 'pgtape',
  'Guarded/Unsupported': 'cluster',
};

export interface Problem extends ConditionView {
  readonly act: Actor;
}

function isWell({ status, reason, type }: ConditionView): boolean {
  if (status === 'True') return true;
  // An Unknown is no fault where nothing measures, there is nothing to measure, or the person gave no credentials for it.
  return (
    status === 'Unknown' &&
    (reason === 'NotMeasured' ||
      reason === 'NoRecorder' ||
      (type === 'BypassFree' && reason === 'NoCredentials'))
  );
}

/** What is not well, `Ready` aside: it repeats the first of the others, and is named only where it stands alone. */
export function problemsOf(conditions: readonly ConditionView[]): Problem[] {
  const ill = conditions.filter((condition) => !isWell(condition));
  const parts = ill.filter(({ type }) => type !== 'Ready');
  return (parts.length > 0 ? parts : ill).map((condition) => ({ ...condition, act: actorOf(condition) }));
}

function actorOf({ type, reason, status }: ConditionView): Actor {
  if (type === 'Ready' && reason === 'Unmanaged') return 'database';
  const named = byReason[`${type}/${reason}`] ?? actors[type] ?? 'pgtape';
  return status === 'Unknown' && named !== 'database' ? 'nobody' : named;
}

export const actorText: Readonly<Record<Actor, string>> = {
  database: 'whoever runs the database',
  pgtape: 'whoever runs pgtape',
  archive: 'whoever owns the archive',
  cluster: 'whoever administers the cluster',
  nobody: 'nobody yet',
};
