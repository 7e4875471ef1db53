/** Owns whether a pod is a primary or a replica, by its platform's labels, and in which order pods may be restarted. Pure. */
import type { Labels } from './labels.ts';

/** `unknown`: its labels do not say. */
export type PodRole = 'primary' | 'replica' | 'unknown';

/** Label of a platform that names a pod's role, and its words for a primary; the older ones last. */
export const roleLabels: readonly { readonly label: string; readonly primary: readonly string[] }[] = [
  { label: 'cnpg.io/instanceRole', primary: ['primary'] },
  { label: 'spilo-role', primary: ['master', 'primary'] },
  { label: 'postgres-operator.crunchydata.com/role', primary: ['master', 'primary'] },
];

export function podRole(labels: Labels): PodRole {
  for (const { label, primary } of roleLabels) {
    const role = labels[label];
    if (role !== undefined) return primary.includes(role) ? 'primary' : 'replica';
  }
  return 'unknown';
}

const byRole: readonly PodRole[] = ['replica', 'unknown', 'primary'];

/** Of a StatefulSet's pod; -1: its name ends with none. */
function ordinalOf(name: string): number {
  return Number(/-(\d{1,9})$/.exec(name)?.[1] ?? -1);
}

/** Replicas before primaries, then as a StatefulSet does it: the highest ordinal first. */
export function restartOrder(
  a: { readonly name: string; readonly role: PodRole },
  b: { readonly name: string; readonly role: PodRole },
): number {
  return (
    byRole.indexOf(a.role) - byRole.indexOf(b.role) ||
    ordinalOf(b.name) - ordinalOf(a.name) ||
    (a.name < b.name ? -1 : 1)
  );
}
