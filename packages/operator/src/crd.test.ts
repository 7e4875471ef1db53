/** `crds/` is what the schemas say, and the examples in testdata/crds are what they take. The API server's word: `make e2e-cluster`. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { bytesOf } from './apiFields.ts';
import { customResourceDefinitions, definitionText } from './crd.ts';
import { RecordedDatabaseSpec } from './recordedDatabase.ts';
import { RecordingArchiveSpec } from './recordingArchive.ts';
import { structuralSchema } from './structuralSchema.ts';

const root = join(import.meta.dirname, '../../..');
/** Helm reads nothing outside of a chart. */
const folders = ['crds', 'charts/pgtape/files/crds'];

describe.each(folders)('%s', (folder) => {
  const crds = join(root, folder);

  it.each([...customResourceDefinitions()])('%s is what the schema says', (file, definition) => {
    const text = definitionText(definition);
    if (process.env.PGTAPE_GOLDEN === 'write') {
      mkdirSync(crds, { recursive: true });
      writeFileSync(join(crds, file), text);
    }
    expect(readFileSync(join(crds, file), 'utf8')).toBe(text);
  });

  it('holds nothing else', () => {
    expect(readdirSync(crds).sort()).toEqual([...customResourceDefinitions().keys()].sort());
  });
});

interface Example {
  readonly kind: 'RecordedDatabase' | 'RecordingArchive';
  readonly spec: unknown;
}

const specOf = { RecordedDatabase: RecordedDatabaseSpec, RecordingArchive: RecordingArchiveSpec };

function examples(folder: 'valid' | 'invalid'): [string, Example, string][] {
  const dir = join(root, 'testdata/crds', folder);
  return readdirSync(dir)
    .sort()
    .map((file) => {
      const text = readFileSync(join(dir, file), 'utf8');
      return [file, parse(text) as Example, /^# says: (.*)$/m.exec(text)?.[1] ?? ''];
    });
}

/** Every rule in CEL that the CRDs have; only an API server can evaluate them. */
const rules = new Set(
  [...customResourceDefinitions().values()].flatMap((definition) =>
    [...JSON.stringify(definition).matchAll(/"message":"([^"]+)"/g)].map(([, message]) => message),
  ),
);

describe('examples', () => {
  it.each(examples('valid'))('%s is taken', (_, { kind, spec }) => {
    expect(specOf[kind].safeParse(spec)).toMatchObject({ success: true });
  });

  it.each(examples('invalid'))('%s is refused', (_, { kind, spec }, says) => {
    const parsed = specOf[kind].safeParse(spec);
    // What the schema takes must be refused by one of its rules.
    if (parsed.success) expect([...rules]).toContain(says);
    else expect(parsed.error.issues.map(({ path }) => ['spec', ...path].join('.')).join(' ')).toContain(says);
  });

  it('have defaults filled in', () => {
    const minimal = examples('valid').find(([file]) => file === 'database-minimal.yaml')?.[1];
    expect(RecordedDatabaseSpec.parse(minimal?.spec)).toEqual({
      managementState: 'Managed',
      selector: { matchLabels: { app: 'orders' } },
      platform: 'Auto',
      archiveRef: 'audit',
      capture: { mode: 'Auto', container: 'postgres', port: 5432 },
      upstream: { tlsMode: 'Mirror', trust: false },
      spool: { journalSize: '64Mi', outboxSize: '1Gi', outboxVolume: 'EmptyDir' },
      enforcement: { admission: 'Preferred', exec: 'Allow' },
      coverage: { periodSeconds: 10 },
      recorder: { upgrade: 'OnPodRestart' },
      restarts: 'Never',
    });
  });
});

describe('structuralSchema', () => {
  it.each<[string, z.ZodType]>([
    ['a union', z.union([z.string(), z.int()])],
    ['a tuple', z.strictObject({ a: z.tuple([z.string(), z.int()]) })],
    ['a date', z.strictObject({ a: z.date() })],
  ])('refuses %s', (_, type) => {
    expect(() => structuralSchema(type)).toThrow();
  });

  it('says where', () => {
    const type = z.strictObject({ list: z.array(z.strictObject({ a: z.union([z.string(), z.int()]) })) });
    expect(() => structuralSchema(type)).toThrow(
      new RangeError(".list[].a: 'anyOf' has no place in a structural schema"),
    );
  });
});

describe('bytesOf', () => {
  it.each([
    ['1', 1],
    ['64Mi', 67_108_864],
    ['2G', 2e9],
    ['1Ti', 2 ** 40],
  ])('%s is %d', (text, bytes) => {
    expect(bytesOf(text)).toBe(bytes);
  });

  it.each(['0', '1.5Gi', '-1Mi', 'Mi', '1mi', ''])("refuses '%s'", (text) => {
    expect(() => bytesOf(text)).toThrow(RangeError);
  });
});
