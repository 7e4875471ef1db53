import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

interface Contents {
  readonly atStart: readonly string[];
  readonly whenAsked: readonly string[];
  readonly outside: readonly string[];
}

const root = fileURLToPath(new URL('../../..', import.meta.url));
/** `packages/recorder`, `zod`, `@aws-sdk/client-s3`: whose file it is. */
function ownerOf(input: string): string {
  const parts = input.split('/');
  const at = parts.lastIndexOf('node_modules') + 1;
  if (at === 0) return parts.slice(0, 2).join('/');
  return parts.slice(at, at + (parts[at]?.startsWith('@') ? 2 : 1)).join('/');
}

const owners = (inputs: readonly string[]): string[] => [...new Set(inputs.map(ownerOf))].sort();

describe('the bundles', () => {
  const folder = mkdtempSync(join(tmpdir(), 'pgtape-bundle-'));
  let modules: Record<string, Contents>;

  beforeAll(() => {
    execFileSync(process.execPath, [join(root, 'scripts/bundle.ts'), folder], { stdio: 'pipe' });
    modules = JSON.parse(readFileSync(join(folder, 'modules.json'), 'utf8'));
  });

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  function contents(role: string): Contents {
    const found = modules[role];
    if (found === undefined) throw new Error(`no bundle ${role}`);
    return found;
  }

  it.each([
    {
      role: 'recorder',
      without: /^packages\/(kube|operator|vault|store|testkit)$|^@kubernetes\/|^@aws|^@smithy\/|^fastify$/,
      within: ['packages/recorder', 'packages/session', 'packages/sql', 'packages/wire', 'zod'],
    },
    {
      role: 'vault',
      without: /^packages\/(operator|recorder|session|sql|wire|testkit)$/,
      within: ['packages/vault', 'packages/store', '@aws-sdk/client-s3'],
    },
    {
      role: 'operator',
      without: /^packages\/(recorder|vault|store|session|sql|wire|testkit)$|^@aws/,
      within: ['packages/operator', 'packages/kube', '@kubernetes/client-node'],
    },
    { role: 'redirect', without: /^(?!commander$|packages\/cli$)/, within: ['packages/cli', 'commander'] },
    { role: 'cli', without: /^(jest|esbuild|typescript)/, within: ['packages/recorder', 'packages/vault'] },
  ])('$role holds what its role needs and nothing of the others', ({ role, without, within }) => {
    const { atStart, whenAsked } = contents(role);
    const held = owners([...atStart, ...whenAsked]);
    expect(held.filter((name) => without.test(name))).toEqual([]);
    expect(held).toEqual(expect.arrayContaining(within));
  });

  it('loads no OpenTelemetry SDK and no database client before it is asked to', () => {
    const early = owners(contents('recorder').atStart);
    expect(early.filter((name) => /^@opentelemetry\/(?!api$)|^@grpc\/|^pg$/.test(name))).toEqual([]);
    expect(owners(contents('recorder').whenAsked)).toEqual(
      expect.arrayContaining(['@opentelemetry/sdk-node', 'pg']),
    );
  });

  // Measured: it would be six mebibytes of a recorder that does nothing.
  it('loads no schemas on the thread that writes evidence', () => {
    const { atStart, whenAsked } = contents('recorder/decodeWorker');
    expect(owners(atStart)).toEqual([
      'packages/evidence',
      'packages/otlp',
      'packages/process',
      'packages/recorder',
      'packages/session',
      'packages/sql',
      'packages/tlog',
      'packages/wire',
    ]);
    expect(owners([...atStart, ...whenAsked])).not.toContain('zod');
  });

  it('knows the schemas of configuration alone before it is asked for more', () => {
    const early = contents('recorder/main').atStart.filter((input) => input.startsWith('packages/evidence/'));
    expect(early.filter((input) => /(record|recordParts|recorderStatus)\.js$/i.test(input))).toEqual([]);
  });

  it('needs nothing beside Node but what its packages do without', () => {
    const dispensable = ['pg-native', 'bufferutil', 'utf-8-validate'];
    for (const role of Object.keys(modules)) {
      const foreign = contents(role).outside.filter((name) => !isBuiltin(name));
      expect(foreign.filter((name) => !dispensable.includes(name))).toEqual([]);
    }
  });

  it.each(['recorder', 'cli'])('%s has the file of its decode worker', (role) => {
    expect(existsSync(join(folder, role, 'decodeWorker.js'))).toBe(true);
  });

  it.each([
    ['recorder', 'recorder --config-reference', '# Recorder'],
    ['vault', 'vault --config-reference', '# Vault'],
    ['operator', 'operator --config-reference', '# Operator'],
    ['redirect', 'redirect --help', '--except-uid'],
    ['cli', 'verify --help', 'Usage: pgtape verify'],
  ])('%s runs where there are no packages', (role, args, said) => {
    const done = spawnSync(process.execPath, [join(folder, role, 'main.js'), ...args.split(' ')], {
      encoding: 'utf8',
      cwd: folder,
    });
    expect(done.stderr).toBe('');
    expect(done.stdout).toContain(said);
    expect(done.status).toBe(0);
  });
});
