/**
 * Turns a JSON Schema into one function that says whether a value is as the schema says: what verification asks of
 * every line, in a quarter of the time a parser takes that also has to explain. Knows no record.
 */

export type JsonSchema = { readonly [keyword: string]: unknown };
export type Predicate = (value: unknown) => boolean;

/** Keywords that say nothing about a value. */
const annotations = new Set(['$schema', 'title', 'description']);
/** The keywords each type has, beside `type`, `const`, `enum` and the choices. */
const known: Readonly<Record<string, readonly string[]>> = {
  string: ['pattern'],
  integer: ['minimum', 'maximum', 'exclusiveMinimum'],
  number: ['minimum', 'maximum', 'exclusiveMinimum'],
  boolean: [],
  null: [],
  array: ['items', 'prefixItems', 'minItems', 'maxItems'],
  object: ['properties', 'required', 'additionalProperties'],
};

/**
 * The predicate of a schema, for values that JSON.parse makes.
 * @throws RangeError for a keyword that it does not know: a rule left out would be a rule not checked
 */
export function schemaPredicate(schema: JsonSchema): Predicate {
  const choices = (schema.anyOf ?? schema.oneOf) as readonly JsonSchema[] | undefined;
  if (choices !== undefined) {
    assertKeywords(schema, ['anyOf', 'oneOf']);
    return byKind(choices) ?? anyOf(choices.map(schemaPredicate));
  }
  if ('const' in schema) {
    assertKeywords(schema, ['type', 'const']);
    const only = schema.const;
    return (value) => value === only;
  }
  if ('enum' in schema) {
    assertKeywords(schema, ['type', 'enum']);
    const values = new Set(schema.enum as readonly unknown[]);
    return (value) => values.has(value);
  }
  const { type } = schema;
  if (Array.isArray(type)) return anyOf(type.map((one) => schemaPredicate({ ...schema, type: one })));
  const keywords = known[String(type)];
  if (keywords === undefined) throw new RangeError(`a schema of type ${JSON.stringify(type)}`);
  assertKeywords(schema, ['type', ...keywords]);
  return ofType(String(type), schema);
}

function assertKeywords(schema: JsonSchema, keywords: readonly string[]): void {
  for (const keyword of Object.keys(schema)) {
    if (!annotations.has(keyword) && !keywords.includes(keyword))
      throw new RangeError(`the keyword ${keyword} is not known here`);
  }
}

function ofType(type: string, schema: JsonSchema): Predicate {
  switch (type) {
    case 'string':
      return text(schema.pattern as string | undefined);
    case 'integer':
    case 'number':
      return number(schema, type === 'integer');
    case 'boolean':
      return (value) => typeof value === 'boolean';
    case 'null':
      return (value) => value === null;
    case 'array':
      return array(schema);
    default:
      return object(schema);
  }
}

function anyOf(choices: readonly Predicate[]): Predicate {
  const [first, second] = choices;
  if (choices.length === 2 && first !== undefined && second !== undefined)
    return (value) => first(value) || second(value);
  return (value) => choices.some((fits) => fits(value));
}

/** Choices told apart by the constant their `kind` is; undefined where they are not. */
function byKind(choices: readonly JsonSchema[]): Predicate | undefined {
  const kinds = new Map<unknown, Predicate>();
  for (const choice of choices) {
    const properties = choice.properties as Readonly<Record<string, JsonSchema>> | undefined;
    const kind = properties?.kind?.const;
    if (kind === undefined || !(choice.required as readonly string[]).includes('kind')) return undefined;
    kinds.set(kind, schemaPredicate(choice));
  }
  return (value) => {
    if (typeof value !== 'object' || value === null) return false;
    return kinds.get((value as { readonly kind?: unknown }).kind)?.(value) ?? false;
  };
}

function text(pattern: string | undefined): Predicate {
  if (pattern === undefined) return (value) => typeof value === 'string';
  const rule = new RegExp(pattern);
  return (value) => typeof value === 'string' && rule.test(value);
}

function number(schema: JsonSchema, isInteger: boolean): Predicate {
  const min = (schema.minimum as number | undefined) ?? Number.NEGATIVE_INFINITY;
  const max = (schema.maximum as number | undefined) ?? Number.POSITIVE_INFINITY;
  const above = (schema.exclusiveMinimum as number | undefined) ?? Number.NEGATIVE_INFINITY;
  return (value) =>
    typeof value === 'number' &&
    (!isInteger || Number.isInteger(value)) &&
    value >= min &&
    value <= max &&
    value > above;
}

function array(schema: JsonSchema): Predicate {
  const first = ((schema.prefixItems as readonly JsonSchema[] | undefined) ?? []).map(schemaPredicate);
  // `false`: nothing may stand behind the first ones.
  const rest = (schema.items ?? false) === false ? null : schemaPredicate(schema.items as JsonSchema);
  const min = (schema.minItems as number | undefined) ?? first.length;
  const max =
    (schema.maxItems as number | undefined) ?? (rest === null ? first.length : Number.POSITIVE_INFINITY);
  return (value) => {
    if (!Array.isArray(value) || value.length < min || value.length > max) return false;
    for (let i = 0; i < value.length; i++) {
      const fits = first[i] ?? rest;
      if (fits === null || fits === undefined || !fits(value[i])) return false;
    }
    return true;
  };
}

interface Field {
  readonly fits: Predicate;
  readonly isRequired: boolean;
}

function object(schema: JsonSchema): Predicate {
  if (schema.additionalProperties !== false) throw new RangeError('an object with fields that are not named');
  const required = new Set((schema.required as readonly string[] | undefined) ?? []);
  const fields = new Map<string, Field>();
  for (const [name, field] of Object.entries(schema.properties as Readonly<Record<string, JsonSchema>>))
    fields.set(name, { fits: schemaPredicate(field), isRequired: required.has(name) });
  return (value) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
    let missing = required.size;
    for (const name in value) {
      const field = fields.get(name);
      if (field === undefined || !field.fits((value as Readonly<Record<string, unknown>>)[name]))
        return false;
      if (field.isRequired) missing--;
    }
    return missing === 0;
  };
}
