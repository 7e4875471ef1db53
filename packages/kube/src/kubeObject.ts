/**
 * Owns the little that is known of every object: raw JSON otherwise, so that no field is lost on the way through us
 * (the typed serializers of client-node drop what they do not know). Refuses to know any kind's fields.
 */

export interface ObjectMeta {
  readonly name: string;
  readonly namespace?: string;
  readonly uid?: string;
  /** Opaque; compared for equality only, but by `isNewer`. */
  readonly resourceVersion?: string;
  readonly generation?: number;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly deletionTimestamp?: string;
  readonly [field: string]: unknown;
}

export interface KubeObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
  readonly [field: string]: unknown;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Whether parsed JSON is an object with a name; items of lists lack `apiVersion` and `kind`, see `typed`. */
export function hasMetadata(value: unknown): value is { metadata: ObjectMeta } & Record<string, unknown> {
  return isRecord(value) && isRecord(value.metadata) && typeof value.metadata.name === 'string';
}

/** `namespace/name`, or the name alone: the key of stores and queues. */
export function keyOf({ metadata }: Pick<KubeObject, 'metadata'>): string {
  return metadata.namespace === undefined ? metadata.name : `${metadata.namespace}/${metadata.name}`;
}

export function splitKey(key: string): { namespace?: string; name: string } {
  const cut = key.indexOf('/');
  return cut < 0 ? { name: key } : { namespace: key.slice(0, cut), name: key.slice(cut + 1) };
}

/** Item of a list, with the kind that the list's items go without. */
export function typed(
  item: { metadata: ObjectMeta } & Record<string, unknown>,
  apiVersion: string,
  kind: string,
): KubeObject {
  return { ...item, apiVersion, kind };
}

/** Without `managedFields`: half of an object's bytes, and nobody here reads them. */
export function withoutManagedFields(object: KubeObject): KubeObject {
  if (object.metadata.managedFields === undefined) return object;
  const { managedFields: _, ...metadata } = object.metadata;
  return { ...object, metadata: metadata as ObjectMeta };
}

/**
 * Whether resource version `a` is later than `b`: they are decimal integers of one sequence for a kind (KEP-5504).
 * False where one of them is not.
 */
export function isNewer(a: string, b: string): boolean {
  if (!/^\d+$/.test(a) || !/^\d+$/.test(b)) return false;
  return BigInt(a) > BigInt(b);
}
