/** Owns JSON patches as the API server takes them from a webhook (RFC 6902) and pointers into them (RFC 6901). Pure. */

export interface JsonPatchOperation {
  readonly op: 'add' | 'replace' | 'test';
  /** RFC 6901. */
  readonly path: string;
  readonly value: unknown;
}

/** A name as part of a pointer (RFC 6901 section 3). */
export function pointer(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1');
}
