/** docs/reference is what schema and catalog say, and the catalog is what the code says. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { customResourceDefinitions } from '../crd.ts';
import type { JsonSchema } from '../structuralSchema.ts';
import { actorOf, archiveConditions, type ConditionEntry, databaseConditions } from './conditionCatalog.ts';
import { type Example, fieldsOf, kindReference, rulesOf } from './kindReference.ts';

const root = join(import.meta.dirname, '../../../..');
const docs = join(root, 'docs/reference');
const definitions = customResourceDefinitions();

const plans: readonly [string, string, string, readonly ConditionEntry[]][] = [
  ['recordeddatabase.md', 'pgtape.dev_recordeddatabases.yaml', 'database-', databaseConditions],
  ['recordingarchive.md', 'pgtape.dev_recordingarchives.yaml', 'archive-', archiveConditions],
];

function definitionOf(file: string): Record<string, unknown> {
  const found = definitions.get(file);
  if (found === undefined) throw new Error(`there is no ${file}`);
  return found;
}

function schemaOf(file: string): { spec: JsonSchema; status: JsonSchema } {
  const { spec } = definitionOf(file) as {
    spec: {
      versions: { schema: { openAPIV3Schema: { properties: { spec: JsonSchema; status: JsonSchema } } } }[];
    };
  };
  const [version] = spec.versions;
  if (version === undefined) throw new Error('no version');
  return version.schema.openAPIV3Schema.properties;
}

function examples(prefix: string): Example[] {
  const dir = join(root, 'testdata/crds/valid');
  const files = readdirSync(dir).filter((file) => file.startsWith(prefix));
  // The smallest first.
  return files
    .map((file) => ({ file, text: readFileSync(join(dir, file), 'utf8') }))
    .sort((a, b) => a.text.length - b.text.length);
}

describe('docs/reference', () => {
  it.each(plans)('%s is what the schema says', (page, file, prefix, conditions) => {
    const text = kindReference({ definition: definitionOf(file), conditions, examples: examples(prefix) });
    if (process.env.PGTAPE_GOLDEN === 'write') {
      mkdirSync(docs, { recursive: true });
      writeFileSync(join(docs, page), text);
    }
    expect(readFileSync(join(docs, page), 'utf8')).toBe(text);
  });

  it('holds nothing else', () => {
    expect(readdirSync(docs).sort()).toEqual(plans.map(([page]) => page).sort());
  });

  it.each(plans)('%s: every field has a meaning', (_, file) => {
    const { spec, status } = schemaOf(file);
    const all = [...fieldsOf(spec, 'spec'), ...fieldsOf(status, 'status')];
    expect(all.length).toBeGreaterThan(20);
    expect(all.filter(({ schema }) => schema.description === undefined).map(({ path }) => path)).toEqual([]);
  });

  it.each(plans)('%s has every rule of the definition', (_, file) => {
    const { spec } = schemaOf(file);
    const inDefinition = JSON.stringify(spec).match(/"rule":/g)?.length ?? 0;
    expect(rulesOf(spec, 'spec')).toHaveLength(inDefinition);
  });
});

/** Sources that decide conditions, tests aside. */
function sourcesOf(dir: string): string {
  return readdirSync(join(root, dir))
    .filter((file) => /\.ts$/.test(file) && !/\.(test|testing)\.ts$/.test(file))
    .map((file) => readFileSync(join(root, dir, file), 'utf8'))
    .join('\n');
}

describe('the catalog of conditions', () => {
  const operator = sourcesOf('packages/operator/src');

  it('has every reason that the operator gives, with its status', () => {
    const given = [...operator.matchAll(/\bverdict\(\s*'(True|False|Unknown)',\s*'([A-Z]\w*)'/g)];
    expect(given.length).toBeGreaterThan(30);
    const known = new Set(
      [...databaseConditions, ...archiveConditions].flatMap(({ reasons }) =>
        reasons.map(({ status, reason }) => `${status} ${reason}`),
      ),
    );
    const words = new Set(given.map(([, status, reason]) => `${status} ${reason}`));
    expect([...words].filter((word) => !known.has(word))).toEqual([]);
  });

  it('names no condition that the operator does not give', () => {
    const types = databaseConditions.map(({ type }) => type);
    expect(types.filter((type) => !new RegExp(`\\b${type}\\b`).test(operator))).toEqual([]);
  });

  it.each([
    ['RecordedDatabase', databaseConditions, operator],
    ['RecordingArchive', archiveConditions, sourcesOf('packages/vault/src') + operator],
  ])('%s: names no reason that nobody gives', (_, catalog, source) => {
    const isGiven = (reason: string): boolean =>
      // A vault writes its own words, `log_fenced`, as reasons.
      new RegExp(`'(${reason}|${reason.replace(/(?!^)([A-Z])/g, '_$1').toLowerCase()})'`).test(source);
    const all = catalog.flatMap(({ reasons }) => reasons.map(({ reason }) => reason));
    expect([...new Set(all)].filter((reason) => !isGiven(reason))).toEqual([]);
  });

  it.each([
    [{ type: 'Guarded', status: 'False', reason: 'Unsupported' }, 'cluster'],
    [{ type: 'Ready', status: 'False', reason: 'NotFound' }, 'archive'],
    [{ type: 'Ready', status: 'True', reason: 'Recorded' }, 'nobody'],
    [{ type: 'Guarded', status: 'False', reason: 'Novel' }, null],
    [{ type: 'Novel', status: 'False', reason: 'Invalid' }, null],
  ])('%j: %s', (condition, act) => {
    expect(actorOf(databaseConditions, condition)).toBe(act);
  });
});
