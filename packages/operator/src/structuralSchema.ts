/**
 * Owns how a zod schema becomes the structural schema of a CustomResourceDefinition (Kubernetes API reference,
 * JSONSchemaProps). Pure. Refuses what an API server would refuse or, worse, take and ignore.
 */
import { z } from 'zod';

/** What zod writes, and what a CRD takes: JSON. */
export interface JsonSchema {
  readonly [key: string]: unknown;
}

/** Rules in CEL, checked by the API server: zod's own refinements do not reach it. */
export interface CelRule {
  readonly rule: string;
  readonly message: string;
  /** Of the field the message is about, relative: `.capture.mode`. */
  readonly fieldPath?: string;
}

/** For `.meta(...)`. */
export function cel(...rules: readonly CelRule[]): { 'x-kubernetes-validations': readonly CelRule[] } {
  return { 'x-kubernetes-validations': rules };
}

/** For `.meta(...)` of an array of objects: merged by these fields instead of replaced whole. */
export function mapList(...keys: readonly string[]): Record<string, unknown> {
  return { 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': keys };
}

/** For `.meta(...)` of an array that is replaced whole. */
export const atomicList = { 'x-kubernetes-list-type': 'atomic' } as const;

/** For `.meta(...)` of an array of scalars. */
export const setList = { 'x-kubernetes-list-type': 'set' } as const;

const taken = new Set([
  'type',
  'format',
  'description',
  'default',
  'enum',
  'minimum',
  'maximum',
  'exclusiveMinimum',
  'exclusiveMaximum',
  'minLength',
  'maxLength',
  'pattern',
  'minItems',
  'maxItems',
  'minProperties',
  'maxProperties',
  'required',
  'properties',
  'items',
  'additionalProperties',
  'nullable',
  'x-kubernetes-validations',
  'x-kubernetes-list-type',
  'x-kubernetes-list-map-keys',
  'x-kubernetes-map-type',
  'x-kubernetes-int-or-string',
  'x-kubernetes-preserve-unknown-fields',
]);

/** @throws RangeError for what has no structural form, naming where */
export function structuralSchema(type: z.ZodType): JsonSchema {
  const schema = z.toJSONSchema(type, { target: 'openapi-3.0', io: 'input', unrepresentable: 'throw' });
  return structural(schema as JsonSchema, '');
}

function structural(schema: JsonSchema, path: string): JsonSchema {
  const out: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(schema)) {
    if (key === '$schema' || key === 'id') continue;
    if (!taken.has(key)) throw new RangeError(`${path || '.'}: '${key}' has no place in a structural schema`);
    // Unknown fields are pruned by the API server whatever is said here; saying it is not allowed.
    if (key === 'additionalProperties' && value === false) continue;
    if (isSafeBound(schema, key)) continue;
    out[key] = nested(key, value, path);
  }
  if (schema.type === 'integer') out.format = 'int64';
  if ('default' in out) out.default = filledIn(out);
  return out;
}

/** The API server checks a default by the rules before it fills in those of the fields inside: it must be whole. */
function filledIn(schema: JsonSchema): unknown {
  const { default: given, properties } = schema;
  if (typeof given !== 'object' || given === null || properties === undefined) return given;
  const inner = Object.entries(properties as Record<string, JsonSchema>).filter(
    ([, field]) => 'default' in field,
  );
  return { ...Object.fromEntries(inner.map(([name, field]) => [name, field.default])), ...given };
}

/** zod's own limits of an integer, which say nothing. */
function isSafeBound(schema: JsonSchema, key: string): boolean {
  if (schema.type !== 'integer') return false;
  return (
    (key === 'minimum' && schema.minimum === Number.MIN_SAFE_INTEGER) ||
    (key === 'maximum' && schema.maximum === Number.MAX_SAFE_INTEGER)
  );
}

function nested(key: string, value: unknown, path: string): unknown {
  if (key === 'items') return structural(value as JsonSchema, `${path}[]`);
  if (key === 'additionalProperties') return structural(value as JsonSchema, `${path}{}`);
  if (key !== 'properties') return value;
  return Object.fromEntries(
    Object.entries(value as Record<string, JsonSchema>).map(([name, property]) => [
      name,
      structural(property, `${path}.${name}`),
    ]),
  );
}
