/** Names of what the operator owns in a cluster, and labels that others see. */

/** Of every object that the operator writes. */
export const managedBy = { 'app.kubernetes.io/managed-by': 'pgtape-operator' } as const;
/** A pod with this label comes back injected from a dry run, whatever databases there are: `helm test`. */
export const CANARY_LABEL = 'pgtape.dev/canary';
export const FIELD_MANAGER = 'pgtape-operator';

/** Name of a cluster-wide object about one RecordedDatabase; both parts are DNS labels, so a dot keeps them apart. */
export function clusterName(namespace: string, name: string): string {
  return `pgtape.${namespace}.${name}`;
}

/** Of the ConfigMap that a RecordedDatabase's recorders are configured by, in its namespace. */
export function configMapName(database: string): string {
  return `pgtape-${database}`;
}

/** A RecordedDatabase as guard and webhook need it. */
export interface ProtectedDatabase {
  readonly namespace: string;
  readonly name: string;
  readonly matchLabels: Readonly<Record<string, string>>;
  readonly admission: 'Preferred' | 'Required';
  readonly exec: 'Allow' | 'Deny';
  readonly breakGlassGroups: readonly string[];
}
