/** Owns reading RecordedDatabases: each is either understood or has a problem with a name, none is ever thrown over. Pure. */
import { type KubeObject, keyOf } from '@pgtape/kube';
import { z } from 'zod';
import { Condition } from './apiFields.ts';
import type { ProtectedDatabase } from './clusterNames.ts';
import { RecordedDatabaseSpec } from './recordedDatabase.ts';
import { specProblems } from './specProblems.ts';

export interface DatabaseFacts {
  /** `namespace/name`. */
  readonly key: string;
  readonly namespace: string;
  readonly name: string;
  readonly generation: number;
  /** RFC 3339, as the API server wrote it. */
  readonly createdAt: string;
  /** As it came, for Events and owner references. */
  readonly object: KubeObject;
  /** null: see `problem`. */
  readonly spec: RecordedDatabaseSpec | null;
  /** For people; '' where there is none. */
  readonly problem: string;
}

function problemOf(error: z.ZodError): string {
  return error.issues
    .slice(0, 8)
    .map(({ path, message }) => `${path.join('.')}: ${message}`)
    .join('; ');
}

export function databaseFacts(object: KubeObject): DatabaseFacts {
  const { name, namespace = '', generation = 0, creationTimestamp } = object.metadata;
  const parsed = RecordedDatabaseSpec.safeParse(object.spec);
  const problems = parsed.success ? specProblems(name, parsed.data) : [problemOf(parsed.error)];
  const isWell = parsed.success && problems.length === 0;
  return {
    key: keyOf(object),
    namespace,
    name,
    generation,
    createdAt: typeof creationTimestamp === 'string' ? creationTimestamp : '',
    object,
    spec: isWell ? parsed.data : null,
    problem: problems.join('; '),
  };
}

/** What webhook and guard are made for; null: nothing, the database is not understood or not ours to act on. */
export function protectedDatabase({ namespace, name, spec }: DatabaseFacts): ProtectedDatabase | null {
  if (spec === null || spec.managementState === 'Unmanaged') return null;
  const { admission, exec, breakGlassGroups = [] } = spec.enforcement;
  return { namespace, name, matchLabels: spec.selector.matchLabels, admission, exec, breakGlassGroups };
}

const Referring = z.looseObject({ archiveRef: z.string() });

/** Also of one that is not understood, as far as it says; null: it does not. */
export function archiveRefOf({ spec, object }: DatabaseFacts): string | null {
  return spec?.archiveRef ?? Referring.safeParse(object.spec).data?.archiveRef ?? null;
}

/** Which of two came first: the older one decides where both select a pod. */
export function isOlder(a: DatabaseFacts, b: DatabaseFacts): boolean {
  if (a.createdAt !== b.createdAt) return a.createdAt < b.createdAt;
  return a.key < b.key;
}

/** What status says now; none where it is not understood. */
export function conditionsOf({ status }: KubeObject): readonly Condition[] {
  const found = z.object({ conditions: z.array(Condition) }).safeParse(status);
  return found.success ? found.data.conditions : [];
}
