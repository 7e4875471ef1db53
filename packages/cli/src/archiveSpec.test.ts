/** What the vault reads of a RecordingArchive, held against the schema that the operator publishes. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { RecordingArchiveSpec } from '@pgtape/operator';
import { ArchiveSpec, archiveOverlay, NamedVaultConfig, VaultConfig } from '@pgtape/vault';
import { parse } from 'yaml';
import { z } from 'zod';

const dir = join(import.meta.dirname, '../../../testdata/crds/valid');
const examples = readdirSync(dir).filter((file) => file.startsWith('archive-'));

function fieldsOf(schema: unknown, path = ''): string[] {
  const { properties = {}, items } = schema as { properties?: Record<string, unknown>; items?: unknown };
  const inner = Object.entries(properties).flatMap(([name, member]) => [
    `${path}.${name}`,
    ...fieldsOf(member, `${path}.${name}`),
  ]);
  return [...inner, ...(items === undefined ? [] : fieldsOf(items, `${path}[]`))].sort();
}

describe('the spec of a RecordingArchive', () => {
  it('is read whole: no field of it is passed over, and none is read that is not there', () => {
    const [published, read] = [RecordingArchiveSpec, ArchiveSpec].map((schema) =>
      fieldsOf(z.toJSONSchema(schema, { io: 'input' })),
    );
    expect(read).toEqual(published);
    expect(published).toContain('.retention.classes[].days');
  });

  it.each(examples)('%s is a configuration of the vault', (file) => {
    const { spec } = parse(readFileSync(join(dir, file), 'utf8')) as { spec: object };
    // As the API server stores it: with its defaults.
    const stored: unknown = JSON.parse(JSON.stringify(RecordingArchiveSpec.parse(spec)));
    const overlay = archiveOverlay(ArchiveSpec.parse(stored), '/volumes');
    const base = NamedVaultConfig.parse({ stateDir: '/state', holds: { releaseHours: 1 } });
    const merged: Record<string, unknown> = { ...base };
    for (const [group, keys] of Object.entries(overlay ?? {}))
      merged[group] = { ...(merged[group] as object), ...keys };
    expect(VaultConfig.parse(merged)).toMatchObject({ stateDir: '/state', holds: { releaseHours: 1 } });
  });

  it.each<[string, object, object | null]>([
    [
      'a bucket of AWS',
      { s3: { bucket: 'audit-1' }, retention: { days: 30 } },
      { store: 's3://audit-1', lock: 'strict', retention: { days: 30, classes: [] } },
    ],
    [
      'a bucket elsewhere',
      {
        s3: {
          bucket: 'audit',
          prefix: 'a/b',
          region: 'eu-1',
          endpoint: 'https://minio.example:9000',
          pathStyle: true,
        },
        lock: 'Bypassable',
        retention: { days: 1 },
      },
      {
        store: 's3://audit/a/b?endpoint=https%3A%2F%2Fminio.example%3A9000&region=eu-1&pathStyle=1',
        lock: 'bypassable',
      },
    ],
    [
      'a volume',
      { volume: { claimName: 'tapes' }, lock: 'None', retention: { days: 1 } },
      { store: '/volumes/tapes', lock: 'none' },
    ],
    ['no place', { retention: { days: 1 } }, null],
  ])('%s', (_name, spec, archive) => {
    const overlay = archiveOverlay(ArchiveSpec.parse(spec), '/volumes');
    if (archive === null) expect(overlay).toBeNull();
    else expect(overlay?.archive).toMatchObject(archive);
  });

  it('takes a claim for no path', () => {
    for (const claimName of ['../../etc', '.', '/etc', 'a/b'])
      expect(ArchiveSpec.safeParse({ volume: { claimName }, retention: { days: 1 } }).success).toBe(false);
  });
});
