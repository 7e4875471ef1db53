/** Owns docs/reference: what a kind's schema, rules, columns and conditions say, as Markdown. Pure. */
import type { JsonSchema } from '../structuralSchema.ts';
import type { ConditionEntry } from './conditionCatalog.ts';

export interface Example {
  /** In testdata/crds/valid. */
  readonly file: string;
  readonly text: string;
}

export interface ReferencePlan {
  /** apiextensions.k8s.io/v1 CustomResourceDefinition. */
  readonly definition: Record<string, unknown>;
  readonly conditions: readonly ConditionEntry[];
  readonly examples: readonly Example[];
}

interface Definition {
  readonly spec: {
    readonly group: string;
    readonly scope: 'Namespaced' | 'Cluster';
    readonly names: {
      readonly kind: string;
      readonly plural: string;
      readonly shortNames: readonly string[];
    };
    readonly versions: readonly {
      readonly name: string;
      readonly additionalPrinterColumns: readonly Column[];
      readonly schema: { readonly openAPIV3Schema: JsonSchema };
    }[];
  };
}

interface Column {
  readonly name: string;
  readonly jsonPath: string;
  readonly description?: string;
  readonly priority?: number;
}

export interface Field {
  /** `spec.capture.mode`; items of a list as `[]`. */
  readonly path: string;
  readonly schema: JsonSchema;
  readonly isRequired: boolean;
}

export interface Rule {
  readonly path: string;
  readonly rule: string;
  readonly message: string;
}

const propertiesOf = (schema: JsonSchema): Readonly<Record<string, JsonSchema>> =>
  (schema.properties ?? {}) as Record<string, JsonSchema>;

/** Every field below `schema`, parents before children. */
export function fieldsOf(schema: JsonSchema, path: string): Field[] {
  const required = new Set((schema.required ?? []) as readonly string[]);
  return Object.entries(propertiesOf(schema)).flatMap(([name, field]) => {
    const own = { path: `${path}.${name}`, schema: field, isRequired: required.has(name) };
    const items = field.items as JsonSchema | undefined;
    return [own, ...(items === undefined ? fieldsOf(field, own.path) : fieldsOf(items, `${own.path}[]`))];
  });
}

/** Every rule in CEL of `schema` and what is below it. */
export function rulesOf(schema: JsonSchema, path: string): Rule[] {
  const own = (schema['x-kubernetes-validations'] ?? []) as readonly { rule: string; message: string }[];
  const items = schema.items as JsonSchema | undefined;
  return [
    ...own.map(({ rule, message }) => ({ path, rule, message })),
    ...Object.entries(propertiesOf(schema)).flatMap(([name, field]) => rulesOf(field, `${path}.${name}`)),
    ...(items === undefined ? [] : rulesOf(items, `${path}[]`)),
  ];
}

const code = (text: string): string => `\`${text}\``;
/** A bar would end the cell, in code as well. */
const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ');

function typeText(schema: JsonSchema): string {
  const options = schema.enum as readonly string[] | undefined;
  if (options !== undefined) return options.map(code).join(', ');
  if (schema.type === 'array')
    return `list of ${typeText(schema.items as JsonSchema).replace(/^object$/, 'objects')}`;
  if (schema.type === 'object' && schema.additionalProperties !== undefined) return 'map of strings';
  return String(schema.type);
}

function defaultText({ schema, isRequired }: Field): string {
  if (isRequired) return '**required**';
  const given = schema.default;
  if (given === undefined || typeof given === 'object') return '';
  return code(JSON.stringify(given).replace(/^"(.*)"$/, '$1') || '""');
}

const bounds: readonly (readonly [string, string, string])[] = [
  ['minimum', 'at least', ''],
  ['maximum', 'at most', ''],
  ['minLength', 'at least', 'characters'],
  ['maxLength', 'at most', 'characters'],
  ['minItems', 'at least', 'entries'],
  ['maxItems', 'at most', 'entries'],
  ['minProperties', 'at least', 'entries'],
  ['maxProperties', 'at most', 'entries'],
];

function limitsText(schema: JsonSchema): string {
  // Of a choice the words say all.
  if (schema.enum !== undefined) return '';
  const said = bounds
    .filter(([key]) => schema[key] !== undefined && !(key === 'minLength' && schema[key] === 1))
    .map(([key, words, unit]) => `${words} ${String(schema[key])} ${unit}`.trim());
  const pattern = schema.pattern === undefined ? [] : [code(String(schema.pattern))];
  return [...said, ...pattern].join('; ');
}

function table(titles: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.map(cell).join(' | ')} |`;
  return [line(titles), line(titles.map(() => '---')), ...rows.map(line)].join('\n');
}

function fieldsTable(fields: readonly Field[]): string {
  return table(
    ['Field', 'Type', 'Default', 'Meaning', 'Limits'],
    fields.map((field) => [
      code(field.path),
      typeText(field.schema),
      defaultText(field),
      String(field.schema.description ?? ''),
      limitsText(field.schema),
    ]),
  );
}

function statusTable(fields: readonly Field[]): string {
  return table(
    ['Field', 'Type', 'Meaning'],
    fields.map(({ path, schema }) => [code(path), typeText(schema), String(schema.description ?? '')]),
  );
}

const actorText = {
  database: 'whoever runs the database',
  pgtape: 'whoever runs pgtape',
  archive: 'whoever owns the archive',
  cluster: 'whoever administers the cluster',
  nobody: '',
} as const;

function conditionText({ type, means, reasons }: ConditionEntry): string {
  const rows = reasons.map((entry) => [entry.status, code(entry.reason), entry.means, actorText[entry.act]]);
  return `### ${type}\n\nTrue: ${means}.\n\n${table(['Status', 'Reason', 'Means', 'Who must act'], rows)}`;
}

function columnsTable(columns: readonly Column[]): string {
  const rows = columns.map(({ name, jsonPath, description = '', priority = 0 }) => [
    name.toUpperCase(),
    code(jsonPath),
    [description, priority > 0 ? 'Only with `-o wide`.' : ''].filter((text) => text !== '').join(' '),
  ]);
  return table(['Column', 'From', 'Meaning'], rows);
}

function examplesText(examples: readonly Example[]): string {
  return examples
    .map(({ file, text }) => `\`testdata/crds/valid/${file}\`:\n\n\`\`\`yaml\n${text.trimEnd()}\n\`\`\``)
    .join('\n\n');
}

/** The whole page. */
export function kindReference({ definition, conditions, examples }: ReferencePlan): string {
  const { spec } = definition as unknown as Definition;
  const { names, group, scope } = spec;
  const [version] = spec.versions;
  if (version === undefined) throw new RangeError(`${names.kind} has no version`);
  const schema = version.schema.openAPIV3Schema;
  const { spec: specSchema, status: statusSchema } = propertiesOf(schema) as Record<
    'spec' | 'status',
    JsonSchema
  >;
  const rules = rulesOf(specSchema, 'spec').map(({ path, rule, message }) => [
    code(path),
    message,
    code(rule),
  ]);
  const where = scope === 'Namespaced' ? 'in a namespace' : 'cluster-wide';
  const short = names.shortNames.map(code).join(', ');
  return `${[
    `# ${names.kind}`,
    '<!-- Written from the schema by a test: PGTAPE_GOLDEN=write scripts/jest reference --selectProjects unit. Do not edit. -->',
    String(schema.description ?? ''),
    `${code(`${group}/${version.name}`)}, ${where}, short name ${short}, category \`pgtape\`. ` +
      `The definition is \`crds/${group}_${names.plural}.yaml\`; ` +
      'fields that are not here are refused or dropped by the API server.',
    '## Spec',
    fieldsTable(fieldsOf(specSchema, 'spec')),
    '## Rules',
    'Beside types and limits, the API server refuses what one of these rules is not true of, with its message.',
    table(['Of', 'Message', 'Rule (CEL)'], rules),
    '## Status',
    statusTable(fieldsOf(statusSchema, 'status')),
    '## Conditions',
    'Positive: `True` is well. `Unknown` is never well and never counted as well. Reasons are stable; messages are for people and change.',
    ...conditions.map(conditionText),
    '## Columns of kubectl get',
    columnsTable(version.additionalPrinterColumns),
    '## Examples',
    examplesText(examples),
  ].join('\n\n')}\n`;
}
