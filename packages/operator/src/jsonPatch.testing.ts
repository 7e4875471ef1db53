/** RFC 6902's add, replace and test, as an API server applies what a webhook answers. For tests. */
import { isDeepStrictEqual } from 'node:util';
import type { JsonPatchOperation } from './jsonPatch.ts';

/** @throws Error when a test fails or a place is not there */
export function applyPatch(object: unknown, patch: readonly JsonPatchOperation[]): unknown {
  const result = structuredClone(object);
  for (const operation of patch) applyOne(result, operation);
  return result;
}

function applyOne(root: unknown, { op, path, value }: JsonPatchOperation): void {
  const parts = path
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
  const last = parts.pop() as string;
  let parent = root as Record<string, unknown>;
  for (const part of parts) {
    parent = parent[part] as Record<string, unknown>;
    if (typeof parent !== 'object' || parent === null) throw new Error(`${path} is nowhere`);
  }
  if (op === 'test') {
    if (!isDeepStrictEqual(parent[last], value)) throw new Error(`test of ${path} failed`);
    return;
  }
  if (op === 'replace' && !(last in parent)) throw new Error(`${path} is not there`);
  const copy = structuredClone(value);
  if (!Array.isArray(parent)) parent[last] = copy;
  else if (op === 'replace') parent[Number(last)] = copy;
  else {
    const at = last === '-' ? parent.length : Number(last);
    if (at > parent.length) throw new Error(`${path} is beyond the end`);
    parent.splice(at, 0, copy);
  }
}
