/** Owns how a kind of object is addressed in the API's paths. Refuses to know what objects hold. */

/** One kind of object as the API serves it. */
export interface KubeResource {
  /** '' for the core group. */
  readonly group: string;
  readonly version: string;
  /** Lower-case plural of the path: `pods`. */
  readonly plural: string;
  readonly kind: string;
  readonly namespaced: boolean;
}

/** Which object or collection of a kind; without `namespace`, of a namespaced kind, those of all namespaces. */
export interface ResourcePlace {
  readonly namespace?: string;
  readonly name?: string;
  /** `status`, `eviction` ...; needs `name`. */
  readonly subresource?: string;
}

/** `v1`, `apps/v1`. */
export function apiVersionOf({ group, version }: KubeResource): string {
  return group === '' ? version : `${group}/${version}`;
}

/**
 * Path of the API (Kubernetes API concepts, "Resource URIs"). Names go in percent-encoded, so that none of them
 * climbs out of its place.
 * @throws RangeError for an object of a namespaced kind without namespace, a namespace where there is none, a
 *   subresource without name
 */
export function resourcePath(resource: KubeResource, place: ResourcePlace = {}): string {
  const { namespace, name, subresource } = place;
  if (namespace !== undefined && !resource.namespaced)
    throw new RangeError(`${resource.plural} are not in namespaces`);
  if (name !== undefined && resource.namespaced && namespace === undefined)
    throw new RangeError(`${resource.plural}/${name} needs its namespace`);
  if (subresource !== undefined && name === undefined)
    throw new RangeError(`${subresource} is of one object`);
  const root = resource.group === '' ? '/api' : '/apis';
  const parts = [root, apiVersionOf(resource)];
  if (namespace !== undefined) parts.push('namespaces', segment(namespace));
  parts.push(resource.plural);
  if (name !== undefined) parts.push(segment(name));
  if (subresource !== undefined) parts.push(segment(subresource));
  return parts.join('/');
}

function segment(text: string): string {
  if (text === '' || text === '.' || text === '..') throw new RangeError(`'${text}' is no name`);
  return encodeURIComponent(text);
}

const core = { group: '', version: 'v1' } as const;

export const pods: KubeResource = { ...core, plural: 'pods', kind: 'Pod', namespaced: true };
export const namespaces: KubeResource = {
  ...core,
  plural: 'namespaces',
  kind: 'Namespace',
  namespaced: false,
};
export const configMaps: KubeResource = {
  ...core,
  plural: 'configmaps',
  kind: 'ConfigMap',
  namespaced: true,
};
export const leases: KubeResource = {
  group: 'coordination.k8s.io',
  version: 'v1',
  plural: 'leases',
  kind: 'Lease',
  namespaced: true,
};
export const events: KubeResource = {
  group: 'events.k8s.io',
  version: 'v1',
  plural: 'events',
  kind: 'Event',
  namespaced: true,
};
