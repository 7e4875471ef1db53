/**
 * Random records for property tests, made from the schema itself: a field the schema gains is in them the
 * same day.
 */
import fc from 'fast-check';
import { z } from 'zod';
import type { DraftRecord, Kind } from './record.ts';
import { RecordLine } from './record.ts';

type JsonSchema = z.core.JSONSchema.JSONSchema;

const anyUnit = fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit));
/**
 * Lone surrogates, controls, quotes, two-, three- and four-byte characters, and the plain text most lines
 * have.
 */
export const anyText = fc.oneof(
  fc.string({ maxLength: 30 }),
  fc.string({ unit: anyUnit, maxLength: 10 }),
  fc.string({ unit: 'grapheme', maxLength: 10 }),
  fc.string({
    unit: fc.constantFrom('"', '\\', '\n', '\u0000', '\u007f', '\u2028', 'é', '€', '😀', '\ud83d'),
    maxLength: 10,
  }),
);

const variants = new Map<Kind, z.ZodObject>(
  RecordLine.options.map((option) => [option.shape.kind.value, option]),
);
export const kinds = [...variants.keys()];

/**
 * Any record of the kind as its session machine would yield it: without `v`, `reel`, `seq`, `salt`; keys in
 * random order.
 */
export function anyDraft(kind: Kind): fc.Arbitrary<DraftRecord> {
  const draft = variants.get(kind)!.omit({ v: true, reel: true, seq: true, salt: true });
  return fc
    .tuple(fromSchema(z.toJSONSchema(draft)), fc.nat())
    .map(([record, turn]) => shuffled(record as object, turn) as DraftRecord);
}

function fromSchema(schema: JsonSchema | boolean): fc.Arbitrary<unknown> {
  if (typeof schema === 'boolean') throw new Error('a schema that is only true or false');
  if (schema.const !== undefined) return fc.constant(schema.const);
  if (schema.enum !== undefined) return fc.constantFrom(...(schema.enum as unknown[]));
  if (schema.anyOf !== undefined) return fc.oneof(...schema.anyOf.map(fromSchema));
  if (Array.isArray(schema.type)) {
    return fc.oneof(...schema.type.map((type) => fromSchema({ ...schema, type })));
  }
  switch (schema.type) {
    case 'null':
      return fc.constant(null);
    case 'boolean':
      return fc.boolean();
    case 'integer':
      return anyInteger(schema);
    case 'string':
      return schema.pattern === undefined ? anyText : fc.stringMatching(new RegExp(schema.pattern));
    case 'array':
      return schema.prefixItems === undefined
        ? fc.array(fromSchema(schema.items as JsonSchema), { maxLength: 5 })
        : fc.tuple(...schema.prefixItems.map(fromSchema));
    case 'object':
      return fc.record(
        Object.fromEntries(
          Object.entries(schema.properties!).map(([name, field]) => [name, fromSchema(field)]),
        ),
        { requiredKeys: schema.required ?? [] },
      );
    default:
      throw new Error(`no arbitrary for ${JSON.stringify(schema)}`);
  }
}

function anyInteger(schema: JsonSchema): fc.Arbitrary<number> {
  const above = schema.exclusiveMinimum as number | undefined;
  const min = above === undefined ? schema.minimum! : above + 1;
  const max = schema.maximum ?? Number.MAX_SAFE_INTEGER;
  return fc.oneof(fc.integer({ min, max }), fc.integer({ min, max: min + 5 }));
}

/** The writer may not rely on the order in which a draft's fields were set. */
function shuffled(record: object, turn: number): object {
  const fields = Object.entries(record);
  const by = turn % fields.length;
  return Object.fromEntries([...fields.slice(by), ...fields.slice(0, by).reverse()]);
}
