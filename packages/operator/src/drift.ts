/**
 * Owns whether an object in the cluster is what the operator wrote. Compared whole, metadata aside: a condition that
 * somebody adds to a guard lifts it as well as one that is removed. Pure.
 */
import { isDeepStrictEqual } from 'node:util';
import type { KubeObject } from '@pgtape/kube';

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
