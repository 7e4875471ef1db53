/** The written form of the schema: docs/formats/record.md and its JSON Schema. Touches no files. */
import { z } from 'zod';
import { RecordLine } from './record.ts';
import { HeaderLine, SealLine } from './segmentLines.ts';
import { valueReference } from './valueDocs.ts';

type JsonSchema = z.core.JSONSchema.JSONSchema;

const preamble = `# Record lines

<!-- Written by \`writeDocs\` from packages/evidence/src/record.ts; a test fails when the two differ. -->

A record is one line of UTF-8 JSON, at most 1,048,576 bytes without its newline. How lines make a segment is said in
[segment.md](segment.md); how bytes are chosen within a line, in [line.md](line.md).

- Fields stand in the order of these tables. No other fields occur.
- The JSON type of a field never depends on its value.
- Integers that may pass 2^53 (nanoseconds since 1970, monotonic nanoseconds) are decimal strings, all others numbers.
- Hashes, keys, salts and ids are lower-case hex.
- An optional field that is absent was not observed; \`null\` stands only where a type says so.
- A text that was too long is cut; where the table has no field for that, it just ends.
`;

/** JSON Schema (draft 2020-12) of all lines: records by kind, header and seal. */
export function recordJsonSchema(): Record<string, unknown> {
  return {
    ...z.toJSONSchema(z.union([RecordLine, HeaderLine, SealLine])),
    title: 'A line of a pgtape segment',
  };
}

/** The whole of docs/formats/record.md. */
export function recordReference(): string {
  const kinds = RecordLine.options.map((option) => z.toJSONSchema(option));
  const head = sharedFields(kinds);
  const sections = kinds.map((kind) => section(kind, head));
  return [
    preamble,
    '## Every record\n',
    'These fields open every record; `kind` follows them and names one of the sections below.\n',
    table(kinds[0]!, head),
    ...sections,
    section(z.toJSONSchema(HeaderLine), []),
    section(z.toJSONSchema(SealLine), []),
    valueReference,
  ].join('\n');
}

/** Names that open all kinds in the same order. */
function sharedFields(kinds: readonly JsonSchema[]): string[] {
  const [first, ...rest] = kinds.map((kind) => Object.keys(kind.properties ?? {}));
  const until = first!.findIndex((name, i) => name === 'kind' || rest.some((names) => names[i] !== name));
  return first!.slice(0, until);
}

function section(schema: JsonSchema, without: readonly string[]): string {
  const names = Object.keys(schema.properties ?? {}).filter((name) => !without.includes(name));
  const kind = (schema.properties!.kind as JsonSchema).const;
  return [`\n## \`${kind}\`\n`, `${schema.description ?? ''}\n`, table(schema, names)].join('\n');
}

function table(schema: JsonSchema, names: readonly string[]): string {
  const rows = names.flatMap((name) => {
    const field = schema.properties![name] as JsonSchema;
    return rowsOf(name, field, schema.required?.includes(name) ?? false);
  });
  return ['| field | type | | meaning |', '|---|---|---|---|', ...rows, ''].join('\n');
}

/** A row for the field and one for each field within it, named by path. */
function rowsOf(name: string, field: JsonSchema, required: boolean): string[] {
  const row = `| \`${name}\` | ${typeOf(field)} | ${required ? '' : 'optional'} | ${cell(field.description ?? '')} |`;
  const inner = field.type === 'array' ? (field.items as JsonSchema) : field;
  const suffix = field.type === 'array' ? '[].' : '.';
  if (inner.properties === undefined) return [row];
  const fields = Object.entries(inner.properties) as [string, JsonSchema][];
  return [
    row,
    ...fields.flatMap(([key, value]) =>
      rowsOf(name + suffix + key, value, inner.required?.includes(key) ?? false),
    ),
  ];
}

function typeOf(field: JsonSchema): string {
  if (field.const !== undefined) return code(JSON.stringify(field.const));
  if (field.enum !== undefined)
    return (field.enum as unknown[]).map((value) => code(JSON.stringify(value))).join(', ');
  if (field.anyOf !== undefined)
    return field.anyOf.map((option) => typeOf(option as JsonSchema)).join(' or ');
  if (Array.isArray(field.type)) return field.type.map((type) => typeOf({ ...field, type })).join(' or ');
  if (field.type === 'array') {
    if (field.prefixItems)
      return `[${field.prefixItems.map((item) => typeOf(item as JsonSchema)).join(', ')}]`;
    return `array of ${typeOf(field.items as JsonSchema)}`;
  }
  if (field.type === 'string') return stringType(field.pattern);
  if (field.type === 'integer') return integerType(field);
  return String(field.type);
}

function integerType(field: JsonSchema): string {
  if (field.exclusiveMinimum === 0) return 'integer from 1';
  return field.minimum === Number.MIN_SAFE_INTEGER ? 'integer' : `integer from ${field.minimum}`;
}

function stringType(pattern: string | undefined): string {
  if (pattern === '^\\d{1,20}$') return 'decimal digits';
  const hex = pattern === undefined ? null : /^\^\[0-9a-f\]\{(\d+)\}\$$/.exec(pattern);
  if (hex !== null) return `${hex[1]} hex digits`;
  return pattern === undefined ? 'string' : `string ${code(pattern)}`;
}

const code = (text: string): string => `\`${text}\``;
const cell = (text: string): string => text.replaceAll('|', '\\|');
