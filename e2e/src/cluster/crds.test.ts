import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ControlPlane, startControlPlane } from './controlPlane.ts';
import { kubectlAt } from './kubectl.ts';

const root = join(import.meta.dirname, '../../..');
let plane: ControlPlane;

/** What it said, wherever. */
function kubectl(args: readonly string[], input?: string): { status: number | null; out: string } {
  const { status, out, err } = kubectlAt(plane, args, input);
  return { status, out: out + err };
}

beforeAll(async () => {
  plane = await startControlPlane();
  expect(kubectl(['create', 'namespace', 'shop']).status).toBe(0);
  const applied = kubectl(['apply', '--server-side', '-f', join(root, 'crds')]);
  if (applied.status !== 0) throw new Error(applied.out);
  const names = ['crd/recordeddatabases.pgtape.dev', 'crd/recordingarchives.pgtape.dev'];
  expect(kubectl(['wait', '--for=condition=Established', '--timeout=30s', ...names])).toMatchObject({
    status: 0,
  });
}, 120_000);

afterAll(async () => {
  await plane?.stop();
}, 30_000);

const examples = (folder: 'valid' | 'invalid'): string[] =>
  readdirSync(join(root, 'testdata/crds', folder)).sort();

describe('crds/ on a real API server', () => {
  it('have no violation that the server tells in a condition', () => {
    const { out } = kubectl(['get', 'crds', '-o', 'json']);
    const { items } = JSON.parse(out) as {
      items: { status: { conditions: { type: string; status: string; message: string }[] } }[];
    };
    const all = items.flatMap(({ status }) => status.conditions);
    expect(all.filter(({ type }) => type === 'NonStructuralSchema')).toEqual([]);
    expect(all.filter(({ type, status }) => type === 'Established' && status === 'True')).toHaveLength(2);
  });

  it.each(examples('valid'))('take %s', (file) => {
    const path = join(root, 'testdata/crds/valid', file);
    expect(kubectl(['create', '--validate=strict', '-f', path])).toEqual({
      status: 0,
      out: expect.stringMatching(/created\n$/),
    });
  });

  it.each(examples('invalid'))('refuse %s', (file) => {
    const text = readFileSync(join(root, 'testdata/crds/invalid', file), 'utf8');
    const says = /^# says: (.*)$/m.exec(text)?.[1] ?? 'nothing';
    const ran = kubectl(['create', '--validate=false', '-f', '-'], text);
    expect(ran).toEqual({ status: 1, out: expect.stringContaining(says) });
  });

  it('fill in defaults', () => {
    const { out } = kubectl([
      '-n',
      'shop',
      'get',
      'recdb',
      'minimal',
      '-o',
      'jsonpath={.spec.capture}{.spec.spool.journalSize}',
    ]);
    expect(out).toBe('{"container":"postgres","mode":"Auto","port":5432}64Mi');
  });

  it.each([
    [
      'recdb/minimal',
      { spec: { selector: { matchLabels: { app: 'other' } } } },
      'the selector cannot be changed',
    ],
    ['recarchive/minimal', { spec: { lock: 'None' } }, 'lock can only become stricter'],
    ['recarchive/minimal', { spec: { retention: { days: 364 } } }, 'retention.days can only grow'],
    ['recarchive/minimal', { spec: { s3: { bucket: 'elsewhere' } } }, 'an archive does not move'],
    ['recarchive/volume', { spec: { volume: { claimName: 'elsewhere' } } }, 'an archive does not move'],
    ['recarchive/full', { spec: { lock: 'Strict', retention: { days: 4000 } } }, ''],
    ['recarchive/volume', { spec: { retention: { days: 1 } } }, ''],
  ])('%s: %j is refused with "%s"', (what, patch, says) => {
    const ran = kubectl(['-n', 'shop', 'patch', what, '--type=merge', '-p', JSON.stringify(patch)]);
    expect(ran).toEqual({ status: says === '' ? 0 : 1, out: expect.stringContaining(says) });
  });

  it('are found by short name and category, with the columns that matter', () => {
    const table = kubectl(['-n', 'shop', 'get', 'recdb']).out.split('\n')[0]?.split(/\s+/);
    expect(table).toEqual(['NAME', 'READY', 'COVERAGE', 'BYPASS', 'LAG', 'MODE', 'AGE']);
    expect(kubectl(['get', 'pgtape', '-A']).out).toContain('recordeddatabase.pgtape.dev/minimal');
  });
});
