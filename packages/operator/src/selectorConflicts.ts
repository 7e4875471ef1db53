/**
 * Owns what happens where two RecordedDatabases select one pod: the older one records it. Neither loses its guard for
 * that, or a pod with labels of both would be a way to lift one. Pure.
 */
import { type DatabaseFacts, isOlder } from './databaseFacts.ts';
import { hasLabels, type Labels } from './labels.ts';

export function selects(database: DatabaseFacts, labels: Labels): boolean {
  const { spec } = database;
  return spec !== null && hasLabels(labels, spec.selector.matchLabels);
}

/** Whether whatever one of them selects, the other does too. */
function isNested(a: DatabaseFacts, b: DatabaseFacts): boolean {
  return selects(a, b.spec?.selector.matchLabels ?? {}) || selects(b, a.spec?.selector.matchLabels ?? {});
}

/** The older databases of the same namespace that select such a pod too, oldest first. */
export function olderSelecting(
  database: DatabaseFacts,
  all: Iterable<DatabaseFacts>,
  labels: Labels,
): DatabaseFacts[] {
  return [...all]
    .filter((other) => other.namespace === database.namespace && other.key !== database.key)
    .filter((other) => isOlder(other, database) && other.spec?.managementState === 'Managed')
    .filter((other) => selects(other, labels))
    .sort((a, b) => (isOlder(a, b) ? -1 : 1));
}

export interface SelectorConflict {
  /** Key of the older database. */
  readonly with: string;
  /** Names of the pods that both select; none: their selectors say that they would. */
  readonly pods: readonly string[];
}

interface LabelledPod {
  readonly name: string;
  readonly labels: Labels;
}

/** Of the younger one; null: it is alone with its pods. */
export function selectorConflict(
  database: DatabaseFacts,
  all: readonly DatabaseFacts[],
  pods: readonly LabelledPod[],
): SelectorConflict | null {
  for (const other of all) {
    if (other.namespace !== database.namespace || other.key === database.key) continue;
    if (other.spec === null || !isOlder(other, database)) continue;
    const both = pods.filter(({ labels }) => selects(other, labels)).map(({ name }) => name);
    if (both.length > 0 || isNested(database, other)) return { with: other.key, pods: both.sort() };
  }
  return null;
}
