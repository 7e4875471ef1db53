/** The Helm chart, as far as it can be checked without Helm: what its golden renders configure our processes with, and its values. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { OperatorConfig } from '@pgtape/operator';
import { NamedVaultConfig } from '@pgtape/vault';
import { parse, parseAllDocuments } from 'yaml';

const root = join(import.meta.dirname, '../../..');
const golden = join(root, 'testdata/chart');
const files = readdirSync(golden).sort();

interface ConfigMap {
  readonly kind: string;
  readonly data?: Readonly<Record<string, string>>;
}

/** The files of that name in ConfigMaps of a render. */
function configurations(file: string, name: string): unknown[] {
  return parseAllDocuments(readFileSync(join(golden, file), 'utf8'))
    .map((document) => document.toJSON() as ConfigMap | null)
    .filter((object) => object?.kind === 'ConfigMap')
    .flatMap((object) => (object?.data?.[name] === undefined ? [] : [parse(object.data[name]) as unknown]));
}

describe('the chart', () => {
  it.each(files)('configures the operator with keys that it knows: %s', (file) => {
    const found = configurations(file, 'operator.yaml');
    expect(found).toHaveLength(file === 'vault-values.yaml' ? 0 : 1);
    for (const config of found) expect(OperatorConfig.safeParse(config).error?.issues).toBeUndefined();
  });

  it.each(files)('configures the vault with keys that it knows: %s', (file) => {
    const found = configurations(file, 'vault.yaml');
    expect(found).toHaveLength(file === 'restricted-values.yaml' ? 0 : 1);
    for (const config of found) expect(NamedVaultConfig.safeParse(config).error?.issues).toBeUndefined();
  });

  it('has a default for every value of its schema, and a schema for every value', () => {
    const values = parse(readFileSync(join(root, 'charts/pgtape/values.yaml'), 'utf8')) as unknown;
    const schema = JSON.parse(readFileSync(join(root, 'charts/pgtape/values.schema.json'), 'utf8')) as Schema;
    expect(pathsOfValues(values, schema, schema)).toEqual(pathsOfSchema(schema, schema));
  });
});

interface Schema {
  readonly $ref?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly definitions?: Readonly<Record<string, Schema>>;
}

function resolved(schema: Schema, whole: Schema): Schema {
  if (schema.$ref === undefined) return schema;
  const name = schema.$ref.replace('#/definitions/', '');
  return whole.definitions?.[name] as Schema;
}

/** Given by Helm, or by Kubernetes' own schema. */
const open = new Set(['global', 'resources', 'issuerRef']);

function pathsOfSchema(schema: Schema, whole: Schema, path = ''): string[] {
  return Object.entries(resolved(schema, whole).properties ?? {})
    .filter(([name]) => name !== 'global')
    .flatMap(([name, one]) => [
      `${path}.${name}`,
      ...(open.has(name) ? [] : pathsOfSchema(one, whole, `${path}.${name}`)),
    ])
    .sort();
}

function pathsOfValues(values: unknown, schema: Schema, whole: Schema, path = ''): string[] {
  const { properties } = resolved(schema, whole);
  if (properties === undefined || typeof values !== 'object' || values === null) return [];
  return Object.entries(values)
    .flatMap(([name, value]) => [
      `${path}.${name}`,
      ...(open.has(name) ? [] : pathsOfValues(value, properties[name] ?? {}, whole, `${path}.${name}`)),
    ])
    .sort();
}
