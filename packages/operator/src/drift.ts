/**
 * Owns whether an object in the cluster is what the operator wrote, and who made it other. Compared whole, metadata aside: a
 * condition that somebody adds to a guard lifts it as well as one that is removed. Pure.
 */
import { isDeepStrictEqual } from 'node:util';
import { KubeError, type KubeObject } from '@pgtape/kube';
import { z } from 'zod';
import { FIELD_MANAGER } from './clusterNames.ts';

function hasAll(live: unknown, wanted: unknown): boolean {
  if (wanted === undefined) return true;
  if (typeof wanted !== 'object' || wanted === null || Array.isArray(wanted))
    return isDeepStrictEqual(live, wanted);
  if (typeof live !== 'object' || live === null) return false;
  return Object.entries(wanted).every(([key, value]) =>
    isDeepStrictEqual((live as Record<string, unknown>)[key], value),
  );
}

interface WebhookEntry {
  readonly namespaceSelector?: { readonly matchExpressions?: unknown };
}

interface ServiceSpec {
  readonly selector?: unknown;
  readonly ports?: readonly Readonly<Record<string, unknown>>[];
}

/** Whom it leads where: all else of a Service is the API server's to fill in. */
function servedBy({ selector, ports = [] }: ServiceSpec): object {
  return {
    selector,
    ports: ports.map(({ name, port, protocol, targetPort }) => ({ name, port, protocol, targetPort })),
  };
}

/** Platforms add expressions of their own to the selectors of webhooks, for good: taking them away would never end. */
function withoutPlatformParts(object: KubeObject): Record<string, unknown> {
  const { metadata: _, status: __, apiVersion: ___, kind: ____, ...rest } = object;
  if (object.kind === 'Service') return { spec: servedBy((rest.spec ?? {}) as ServiceSpec) };
  if (object.kind !== 'MutatingWebhookConfiguration' || !Array.isArray(rest.webhooks)) return rest;
  const webhooks = (rest.webhooks as WebhookEntry[]).map((entry) => {
    const { matchExpressions: _added, ...selector } = entry.namespaceSelector ?? {};
    return { ...entry, namespaceSelector: selector };
  });
  return { ...rest, webhooks };
}

function hasOwners(live: KubeObject, wanted: KubeObject): boolean {
  const owners = (object: KubeObject): { uid?: unknown }[] =>
    (object.metadata.ownerReferences as { uid?: unknown }[] | undefined) ?? [];
  return owners(wanted).every(({ uid }) => owners(live).some((one) => one.uid === uid));
}

export function isAsWanted(live: KubeObject, wanted: KubeObject): boolean {
  return (
    hasAll(live.metadata.labels, wanted.metadata.labels) &&
    hasAll(live.metadata.annotations, wanted.metadata.annotations) &&
    hasOwners(live, wanted) &&
    isDeepStrictEqual(withoutPlatformParts(live), withoutPlatformParts(wanted))
  );
}

const namesMax = 8;
const nameCharsMax = 63;

/** Names are the word of whoever writes. */
function named(managers: readonly string[]): string[] {
  const others = managers.filter((manager) => manager !== FIELD_MANAGER && manager !== '');
  return [...new Set(others.map((manager) => manager.slice(0, nameCharsMax)))].slice(0, namesMax);
}

function conflicts(error: unknown): KubeError['causes'] {
  if (!(error instanceof KubeError)) return [];
  return error.causes.filter(({ reason }) => reason === 'FieldManagerConflict');
}

/** Whether an apply was refused because fields of it are somebody's. */
export function hasConflict(error: unknown): boolean {
  return conflicts(error).length > 0;
}

/** Whose fields an apply was refused over; it names no user. */
export function conflictingManagers(error: unknown): string[] {
  return named(conflicts(error).map(({ message }) => /^conflict with "([^"]*)"/.exec(message)?.[1] ?? ''));
}

const Managed = z.array(z.looseObject({ manager: z.string(), subresource: z.string().optional() }));

/** Who beside the operator has fields of it, status and the like aside. */
export function otherManagers({ metadata }: KubeObject): string[] {
  const managed = Managed.safeParse(metadata.managedFields).data ?? [];
  return named(managed.flatMap(({ manager, subresource }) => (subresource === undefined ? [manager] : [])));
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function differing(live: unknown, wanted: unknown, path: string): string[] {
  if (isDeepStrictEqual(live, wanted)) return [];
  if (!isRecord(live) || !isRecord(wanted)) return [path];
  const keys = [...new Set([...Object.keys(live), ...Object.keys(wanted)])].sort();
  return keys.filter((key) => !isDeepStrictEqual(live[key], wanted[key])).map((key) => `${path}.${key}`);
}

/** What is other than wanted, by name, never by content; at most eight. */
export function changedFields(live: KubeObject, wanted: KubeObject): string[] {
  const [is, should] = [withoutPlatformParts(live), withoutPlatformParts(wanted)];
  const keys = [...new Set([...Object.keys(is), ...Object.keys(should)])].sort();
  const changed = keys.flatMap((key) => differing(is[key], should[key], key));
  const marks = (['labels', 'annotations'] as const).filter(
    (mark) => !hasAll(live.metadata[mark], wanted.metadata[mark]),
  );
  const all = [...changed, ...marks.map((mark) => `metadata.${mark}`)];
  return all.slice(0, namesMax).map((field) => field.slice(0, nameCharsMax));
}
