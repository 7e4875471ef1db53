/**
 * A configuration's shape as JSON Schema, to walk and to describe; knows nothing of files, environment or
 * values.
 */
import { z } from 'zod';

/** What this package reads of JSON Schema (draft 2020-12). */
export interface Shape {
  readonly type?: string | readonly string[];
  readonly properties?: Readonly<Record<string, Shape>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | Shape;
  readonly items?: Shape;
  readonly anyOf?: readonly Shape[];
  readonly oneOf?: readonly Shape[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly default?: unknown;
  readonly description?: string;
  readonly format?: string;
  readonly pattern?: string;
  readonly minLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly exclusiveMaximum?: number;
}

export type KeyPath = readonly (string | number)[];

/** The shape of what a person writes, before defaults are filled in. */
export function shapeOf(schema: z.ZodType): Shape {
  return z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as Shape;
}

/** `upstream.host`, `rules[0].match`. */
export function keyText(path: KeyPath): string {
  let out = '';
  for (const part of path) {
    if (typeof part === 'number') out += `[${part}]`;
    else out += out === '' ? part : `.${part}`;
  }
  return out;
}

function optionsOf(shape: Shape): readonly Shape[] | undefined {
  return shape.anyOf ?? shape.oneOf;
}

/** The keys an object of this shape may have; null where any may stand, or where it is no object. */
export function keysOf(shape: Shape): string[] | null {
  if (shape.properties !== undefined && typeof shape.additionalProperties !== 'object') {
    return Object.keys(shape.properties);
  }
  const closed = optionsOf(shape)
    ?.map(keysOf)
    .filter((keys) => keys !== null);
  return closed === undefined || closed.length === 0 ? null : [...new Set(closed.flat())];
}

/** The shape of one member; undefined where the shape says nothing about it. */
export function memberOf(shape: Shape, key: string | number): Shape | undefined {
  if (typeof key === 'number') {
    if (shape.items !== undefined) return shape.items;
  } else if (shape.properties !== undefined && Object.hasOwn(shape.properties, key)) {
    return shape.properties[key];
  } else if (typeof shape.additionalProperties === 'object') return shape.additionalProperties;
  const members = optionsOf(shape)
    ?.map((option) => memberOf(option, key))
    .filter((member) => member !== undefined);
  if (members === undefined || members.length === 0) return undefined;
  return members.length === 1 ? members[0] : { anyOf: members };
}

export function shapeAt(shape: Shape, path: KeyPath): Shape | undefined {
  let at: Shape | undefined = shape;
  for (const key of path) at = at === undefined ? undefined : memberOf(at, key);
  return at;
}

/** JSON types a value may have: `string`, `number`, `integer`, `boolean`, `array`, `object`, `null`. */
export function typesOf(shape: Shape): Set<string> {
  const types = new Set(optionsOf(shape)?.flatMap((option) => [...typesOf(option)]));
  for (const type of typeof shape.type === 'string' ? [shape.type] : (shape.type ?? [])) types.add(type);
  return types;
}

/** A configuration key with a value of its own. */
export interface Leaf {
  readonly path: readonly string[];
  readonly shape: Shape;
  /** It and all above it must be written. */
  readonly required: boolean;
}

/** All keys in order of the schema; groups come before their keys. */
export function* keysIn(shape: Shape, path: readonly string[] = [], required = true): Generator<Leaf> {
  for (const key of keysOf(shape) ?? []) {
    const member = memberOf(shape, key)!;
    const must = required && (shape.required?.includes(key) ?? false);
    const leaf = { path: [...path, key], shape: member, required: must };
    yield leaf;
    if (isGroup(member)) yield* keysIn(member, leaf.path, must || member.default !== undefined);
  }
}

/** An object whose keys are known. */
export function isGroup(shape: Shape): boolean {
  return shape.properties !== undefined && typeof shape.additionalProperties !== 'object';
}

/** What may stand there, for people: `integer from 0 to 65535`, `text`, `debug | info`. */
export function typeText(shape: Shape): string {
  if (shape.const !== undefined) return String(shape.const);
  if (shape.enum !== undefined) return shape.enum.map(String).join(' | ');
  const options = optionsOf(shape);
  if (options !== undefined) return [...new Set(options.map(typeText))].join(' or ');
  switch (shape.type) {
    case 'integer':
    case 'number':
      return shape.type + rangeText(shape);
    case 'boolean':
      return 'true or false';
    case 'string':
      return stringText(shape);
    case 'array':
      return `list of ${typeText(shape.items ?? {})}`;
    case 'object':
      return typeof shape.additionalProperties === 'object'
        ? `map of names to ${typeText(shape.additionalProperties)}`
        : 'group of keys';
    default:
      return 'value';
  }
}

function rangeText(shape: Shape): string {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum } = shape;
  const bounds: string[] = [];
  const low = minimum !== undefined && minimum > Number.MIN_SAFE_INTEGER ? minimum : undefined;
  const high = maximum !== undefined && maximum < Number.MAX_SAFE_INTEGER ? maximum : undefined;
  if (low !== undefined && high !== undefined) return ` from ${low} to ${high}`;
  if (low !== undefined) bounds.push(`at least ${low}`);
  if (exclusiveMinimum !== undefined) bounds.push(`greater than ${exclusiveMinimum}`);
  if (high !== undefined) bounds.push(`at most ${high}`);
  if (exclusiveMaximum !== undefined) bounds.push(`less than ${exclusiveMaximum}`);
  return bounds.length === 0 ? '' : ` ${bounds.join(', ')}`;
}

function stringText({ format, pattern, minLength }: Shape): string {
  if (format === 'uri') return 'URL';
  if (format !== undefined) return `text (${format})`;
  if (pattern !== undefined) return `text matching /${pattern}/`;
  return minLength !== undefined && minLength > 0 ? 'text, not empty' : 'text';
}
