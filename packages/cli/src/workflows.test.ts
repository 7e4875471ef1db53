/** The workflow files, as far as they can be checked where nothing runs them: their form, and that what they name is there. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { z } from 'zod';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const folder = join(root, '.github/workflows');

const Step = z
  .strictObject({
    id: z.string().optional(),
    name: z.string().optional(),
    uses: z
      .string()
      .regex(/^[\w.-]+\/[\w./-]+@v\d+$/)
      .optional(),
    with: z.record(z.string(), z.union([z.string(), z.boolean(), z.number()])).optional(),
    run: z.string().optional(),
    env: z.record(z.string(), z.string()).optional(),
  })
  .refine(({ uses, run }) => (uses === undefined) !== (run === undefined), { error: 'uses or run' });
const Job = z.strictObject({
  needs: z.union([z.string(), z.array(z.string())]).optional(),
  strategy: z.object({ matrix: z.record(z.string(), z.unknown()) }).optional(),
  'runs-on': z.string(),
  'timeout-minutes': z.number().optional(),
  permissions: z.record(z.string(), z.enum(['read', 'write'])).optional(),
  outputs: z.record(z.string(), z.string()).optional(),
  steps: z.array(Step).min(1),
});
const Workflow = z.object({
  name: z.string(),
  permissions: z.strictObject({ contents: z.literal('read') }),
  jobs: z.record(z.string(), Job),
});
type Workflow = z.infer<typeof Workflow>;

const read = (file: string): Workflow => Workflow.parse(parse(readFileSync(join(folder, file), 'utf8')));
const files = readdirSync(folder);
const scriptsOf = ({ jobs }: Workflow): string =>
  Object.values(jobs)
    .flatMap(({ steps }) => steps.map(({ run }) => run ?? ''))
    .join('\n');

describe('the workflows', () => {
  it('are there', () => expect(files.sort()).toEqual(['ci.yml', 'release.yml']));

  it.each(files)('%s has the form of a workflow, and may only read unless a job says otherwise', (file) => {
    expect(() => read(file)).not.toThrow();
  });

  it.each(files)('%s: jobs, steps and outputs that it speaks of are there', (file) => {
    const { jobs } = read(file);
    for (const [name, job] of Object.entries(jobs)) {
      const needs = [job.needs ?? []].flat();
      for (const needed of needs) expect(Object.keys(jobs)).toContain(needed);
      const text = JSON.stringify(job);
      for (const [, needed = '', output = ''] of text.matchAll(/needs\.(\w+)\.outputs\.(\w+)/g)) {
        expect([name, needs]).toEqual([name, expect.arrayContaining([needed])]);
        expect(Object.keys(jobs[needed]?.outputs ?? {})).toContain(output);
      }
      const ids = job.steps.map(({ id }) => id);
      for (const [, step] of text.matchAll(/steps\.(\w+)\.outputs/g)) expect(ids).toContain(step);
      for (const [, key = ''] of text.matchAll(/matrix\.(\w+)/g))
        expect(JSON.stringify(job.strategy)).toContain(`"${key}"`);
    }
  });

  it.each(files)('%s: make targets and scripts that it runs are there', (file) => {
    const scripts = scriptsOf(read(file));
    const makefile = readFileSync(join(root, 'Makefile'), 'utf8');
    for (const [, target] of scripts.matchAll(/^make (\S+)/gm))
      expect(makefile).toMatch(new RegExp(`^${target}:`, 'm'));
    for (const [path] of scripts.matchAll(/(?:scripts|charts|packages)\/[\w./-]+/g))
      expect([path, existsSync(join(root, path))]).toEqual([path, true]);
  });

  it('release: what is published is signed and attested, and only those jobs get an identity', () => {
    const { jobs } = read('release.yml');
    for (const [name, job] of Object.entries(jobs)) {
      const used = job.steps.map(({ uses }) => uses?.split('@')[0]);
      const isSigned = job.steps.some(({ run }) => run?.startsWith('cosign sign --yes'));
      expect([name, job.permissions?.['id-token'] === 'write']).toEqual([name, isSigned]);
      expect([name, used.includes('actions/attest-build-provenance')]).toEqual([name, isSigned]);
    }
    expect(jobs.publish?.steps.map(({ uses }) => uses)).toEqual(
      expect.arrayContaining(['actions/attest-sbom@v2', 'anchore/sbom-action@v0']),
    );
  });

  it('release: the first command of a pipe that fails is not hidden by the last: a push that was refused went on unseen', () => {
    const { defaults } = parse(readFileSync(join(folder, 'release.yml'), 'utf8')) as { defaults?: unknown };
    expect(defaults).toEqual({ run: { shell: 'bash' } });
  });

  it('release: the chart has one line each for what is written anew', () => {
    const values = readFileSync(join(root, 'charts/pgtape/values.yaml'), 'utf8');
    expect(values.match(/^ {2}repository: /gm)).toHaveLength(1);
    expect(values.match(/^ {2}digest: /gm)).toHaveLength(1);
  });
});

describe('scripts/release version', () => {
  const said = (...args: string[]) => {
    const ran = spawnSync(join(root, 'scripts/release'), ['version', ...args], { encoding: 'utf8' });
    return { status: ran.status, out: ran.stdout, err: ran.stderr };
  };

  it('says the version where tag, packages and chart agree', () => {
    const manifest = readFileSync(join(root, 'packages/cli/package.json'), 'utf8');
    const { version } = JSON.parse(manifest) as { version: string };
    expect(said(`v${version}`)).toEqual({ status: 0, out: `${version}\n`, err: '' });
  });

  it.each(['v9.9.9', 'v0.1', 'v0.1.0-rc.1', '', 'v.*'])('refuses the tag %j', (tag) => {
    expect(said(tag)).toEqual({ status: 1, out: '', err: expect.stringContaining('does not say') });
  });

  it('asks for a tag', () => {
    expect(said()).toEqual({
      status: 2,
      out: '',
      err: expect.stringContaining('scripts/release version TAG'),
    });
  });
});
