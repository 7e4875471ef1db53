import fc from 'fast-check';
import { z } from 'zod';
import { anyDraft, kinds } from './arbitraries.testing.ts';
import { RecordLine } from './record.ts';
import { schemaPredicate } from './schemaPredicate.ts';

const fits = schemaPredicate(z.toJSONSchema(RecordLine));
const sealed = { v: 1, reel: '0102030405060708090a0b0c0d0e0f10', seq: 1, salt: '0011223344556677' };
const anything = fc.oneof(
  fc.constantFrom<unknown>(null, true, 0, -1, 1.5, 2 ** 53, '', 'I', 'text', [], {}, [[1, 2]], '1\n'),
  fc.jsonValue({ maxDepth: 2 }),
);

/** Every place inside a value where another one can be put, as a path. */
function placesOf(value: unknown, path: readonly (string | number)[] = []): (readonly (string | number)[])[] {
  if (typeof value !== 'object' || value === null) return [path];
  const entries = Array.isArray(value) ? [...value.entries()] : Object.entries(value);
  return [path, ...entries.flatMap(([name, inner]) => placesOf(inner, [...path, name]))];
}

/** The value with what stands at `path` replaced, removed or joined by a stranger. */
function changed(value: unknown, path: readonly (string | number)[], to: unknown, how: number): unknown {
  const copy = structuredClone({ value });
  let at = copy as unknown as Record<string | number, unknown>;
  for (const step of ['value', ...path].slice(0, -1)) at = at[step] as typeof at;
  const last = ['value', ...path].at(-1) as string;
  if (how % 3 === 0) at[last] = to;
  else if (how % 3 === 1) {
    if (Array.isArray(at)) at.splice(Number(last), 1);
    else delete at[last];
  } else if (Array.isArray(at)) at.push(to);
  else at[`${last}_x`] = to;
  return copy.value;
}

describe('schemaPredicate', () => {
  it.each(kinds)('says of %s what the schema says, as it stands and changed anywhere', (kind) => {
    fc.assert(
      fc.property(anyDraft(kind), fc.nat(), anything, fc.nat(), (draft, place, to, how) => {
        const record = JSON.parse(JSON.stringify({ ...sealed, ...draft })) as unknown;
        const places = placesOf(record);
        const other = changed(record, places[place % places.length] ?? [], to, how);
        for (const value of [record, other])
          expect([fits(value), value]).toEqual([RecordLine.safeParse(value).success, value]);
      }),
    );
  });

  it.each([
    { name: 'an unknown keyword', schema: { type: 'string', format: 'date' } },
    { name: 'an open object', schema: { type: 'object', properties: {} } },
    { name: 'no type', schema: {} },
    { name: 'a rule inside a field', schema: { type: 'array', items: { type: 'string', minLength: 1 } } },
  ])('refuses a schema with $name', ({ schema }) => {
    expect(() => schemaPredicate(schema)).toThrow(RangeError);
  });
});
