/**
 * Owns making the cluster's objects what they should be: written where they are missing or differ, removed where nothing
 * asks for them any more. One that fails stops no other. It refuses to know what they are for.
 */
import { asError, KubeError, type KubeObject, type KubeObjects, keyOf } from '@pgtape/kube';
import { FIELD_MANAGER } from './clusterNames.ts';
import { ownedKinds, resourceOf } from './clusterResources.ts';
import { changedFields, conflictingManagers, hasConflict, isAsWanted, otherManagers } from './drift.ts';

/** `Kind/namespace/name`. */
export function objectKey(object: KubeObject): string {
  return `${object.kind}/${keyOf(object)}`;
}

/** What somebody else did to an object, as far as the API server tells; it tells no user, but what he says he wrote with. */
export interface ForeignChange {
  /** Field managers: `kubectl-edit`. Empty: not told, as of a deletion. */
  readonly managers: readonly string[];
  /** What was other than it should be, by name alone: `data.recorder.yaml`. Empty: the object was gone. */
  readonly fields: readonly string[];
}

export type Written =
  | { readonly how: 'created' | 'changed'; readonly key: string; readonly object: KubeObject }
  | {
      readonly how: 'reverted';
      readonly key: string;
      readonly object: KubeObject;
      readonly foreign: ForeignChange;
    }
  | { readonly how: 'removed'; readonly key: string; readonly object: KubeObject }
  | { readonly how: 'failed'; readonly key: string; readonly object: KubeObject; readonly error: Error };

export interface ApplyPlan {
  readonly wanted: readonly KubeObject[];
  /** Everything of the owned kinds with the operator's label, as the watches know it. */
  readonly live: readonly KubeObject[];
  /**
   * Whether this very text was written before: then a difference is somebody else's doing. Who leads since a moment ago has written
   * nothing, and goes by what the API server says of who wrote.
   */
  readonly wasWritten: (key: string, text: string) => boolean;
  readonly remember: (key: string, text: string | null) => void;
  readonly signal: AbortSignal;
}

/** What a role must be given, where that is what is missing: the verb and resource of the answer's own words. */
export function problemText(error: Error): string {
  if (!(error instanceof KubeError) || error.code !== 'KUBE_FORBIDDEN') return error.message;
  const said = /cannot (\S+) resource "([^"]+)" in API group "([^"]*)"/.exec(error.message);
  if (said === null) return error.message;
  const [, verb, resource, group] = said;
  const of = group === '' ? '' : ` of ${group}`;
  return `the operator's role lacks '${verb}' on '${resource}'${of}: whoever administers the cluster must grant it`;
}

export async function applyObjects(objects: KubeObjects, plan: ApplyPlan): Promise<Written[]> {
  const live = new Map(plan.live.map((object) => [objectKey(object), object]));
  const done: Written[] = [];
  for (const wanted of plan.wanted) {
    const found = live.get(objectKey(wanted));
    live.delete(objectKey(wanted));
    const written = await writtenOne(objects, wanted, found, plan);
    if (written !== null) done.push(written);
  }
  const order = new Map(ownedKinds.map(({ kind }, index) => [kind, index]));
  const leftovers = [...live.values()].sort((a, b) => (order.get(a.kind) ?? 0) - (order.get(b.kind) ?? 0));
  for (const object of leftovers) {
    const removed = await removedOne(objects, object, plan);
    if (removed !== null) done.push(removed);
  }
  return done;
}

async function writtenOne(
  objects: KubeObjects,
  wanted: KubeObject,
  found: KubeObject | undefined,
  { wasWritten, remember, signal }: ApplyPlan,
): Promise<Written | null> {
  const key = objectKey(wanted);
  const text = JSON.stringify(wanted);
  if (found !== undefined && isAsWanted(found, wanted)) {
    remember(key, text);
    return null;
  }
  const isOurs = wasWritten(key, text);
  try {
    const { object, managers } = await enforced(objects, wanted, found, signal);
    remember(key, text);
    // Written already, and the watch has not told yet: nobody changed anything.
    if (isOurs && found?.metadata.resourceVersion === object.metadata.resourceVersion) return null;
    const fields = found === undefined ? [] : changedFields(found, wanted);
    if (isOurs || managers.length > 0) return { how: 'reverted', key, object, foreign: { managers, fields } };
    return { how: found === undefined ? 'created' : 'changed', key, object };
  } catch (error) {
    return failure(key, wanted, error, signal);
  }
}

interface Enforced {
  readonly object: KubeObject;
  /** Others who had written what is not wanted. */
  readonly managers: readonly string[];
}

/**
 * Server-side apply leaves what others added, and is refused where that contradicts what is wanted (`Warn` beside `Deny`):
 * what still differs after it is replaced whole. Whose fields are taken is asked first: afterwards nobody knows.
 */
async function enforced(
  objects: KubeObjects,
  wanted: KubeObject,
  found: KubeObject | undefined,
  signal: AbortSignal,
): Promise<Enforced> {
  const resource = resourceOf(wanted);
  const apply = async (force: boolean): Promise<KubeObject> =>
    await objects.apply(resource, wanted, { fieldManager: FIELD_MANAGER, force, signal });
  let managers: readonly string[] = [];
  const applied = await apply(false)
    .catch(async (error: unknown) => {
      managers = conflictingManagers(error);
      if (!hasConflict(error)) throw error;
      return await apply(true);
    })
    .catch((error: unknown) => {
      if (found === undefined || !(error instanceof KubeError) || error.code !== 'KUBE_INVALID') throw error;
      return found;
    });
  if (isAsWanted(applied, wanted)) return { object: applied, managers };
  const { resourceVersion, uid } = applied.metadata;
  const metadata = {
    ...wanted.metadata,
    ...(resourceVersion === undefined ? {} : { resourceVersion }),
    ...(uid === undefined ? {} : { uid }),
  };
  const object = await objects.replace(
    resource,
    { ...wanted, metadata },
    { fieldManager: FIELD_MANAGER, signal },
  );
  return { object, managers: [...new Set([...managers, ...otherManagers(applied)])] };
}

async function removedOne(
  objects: KubeObjects,
  object: KubeObject,
  { remember, signal }: ApplyPlan,
): Promise<Written | null> {
  const key = objectKey(object);
  remember(key, null);
  const { name, namespace, uid } = object.metadata;
  try {
    const place = { name, ...(namespace === undefined ? {} : { namespace }) };
    const wasThere = await objects.delete(resourceOf(object), place, uid, signal);
    return wasThere ? { how: 'removed', key, object } : null;
  } catch (error) {
    return failure(key, object, error, signal);
  }
}

/** @throws what the signal was aborted with: then nothing failed, somebody else leads */
function failure(key: string, object: KubeObject, error: unknown, signal: AbortSignal): Written {
  signal.throwIfAborted();
  return { how: 'failed', key, object, error: asError(error) };
}
