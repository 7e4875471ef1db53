/** Owns which conditions of a RecordedDatabase are worth a person's look, and who must act on each. Pure. */
import { type Actor, actorOf, databaseConditions } from '@pgtape/operator';
import type { ConditionView } from './recordedDatabases.ts';

export type { Actor } from '@pgtape/operator';

export interface Problem extends ConditionView {
  readonly act: Actor;
}

/** What is Unknown because there is nothing yet to know it of is told by another condition, or is no news. */
const quiet = new Set([
  'NotMeasured',
  'NoRecorder',
  'NoCredentials',
  'CoverageStarting',
  'NotKnown',
  'NotProbed',
]);

function isQuiet({ status, reason, type }: ConditionView): boolean {
  if (status === 'True') return true;
  return status === 'Unknown' && (quiet.has(reason) || (reason === 'NoPods' && type !== 'Injected'));
}

/** What is not well, `Ready` aside: it repeats the first of the others, and is named only where it stands alone. */
export function problemsOf(conditions: readonly ConditionView[]): Problem[] {
  const ill = conditions.filter((condition) => !isQuiet(condition));
  const parts = ill.filter(({ type }) => type !== 'Ready');
  const shown = parts.length > 0 ? parts : ill;
  // A word of a newer operator: whoever runs it knows.
  return shown.map((condition) => ({
    ...condition,
    act: actorOf(databaseConditions, condition) ?? 'pgtape',
  }));
}

export const actorText: Readonly<Record<Actor, string>> = {
  database: 'whoever runs the database',
  pgtape: 'whoever runs pgtape',
  archive: 'whoever owns the archive',
  cluster: 'whoever administers the cluster',
  nobody: 'nobody',
};
