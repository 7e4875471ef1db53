import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { GetObjectRetentionCommand, ListObjectVersionsCommand } from '@aws-sdk/client-s3';
import { testImages } from './images.ts';
import { PageShell, shellBlocks } from './pageShell.ts';
import { jaegerUrl, makeBucket, objectStoreClient, startPlatform } from './platform.ts';
import { sharedCluster } from './sharedCluster.ts';
import { userEnvironment } from './userEnvironment.ts';

/** docs/quickstart-kubernetes.md, as it stands: its commands, and what must be true after them. */
const root = join(import.meta.dirname, '../../..');
const cluster = sharedCluster();
const bucket = 'my-evidence';
const blocks = shellBlocks(readFileSync(join(root, 'docs/quickstart-kubernetes.md'), 'utf8'));
const headings = [...new Set(blocks.map(({ heading }) => heading))];
let shell: PageShell;

beforeAll(async () => {
  await startPlatform(cluster);
  await makeBucket(cluster, bucket);
  shell = new PageShell({
    cwd: root,
    through: ['nsenter', ...cluster.processes.network],
    env: userEnvironment(cluster, {
      POSTGRES: testImages().postgres.name,
      BUCKET: bucket,
      OTLP: jaegerUrl,
      PORT: '5432',
      PASSWORD: 'a-right-password',
    }),
  });
});

afterAll(async () => {
  await shell?.end();
});

/** All blocks below a heading; the page's own waits are longer than what they wait for takes. */
async function follow(heading: string): Promise<string> {
  let said = '';
  for (const block of blocks) if (block.heading === heading) said += await shell.run(block, 400_000);
  return said;
}

it('the page has the steps that are tested here', () => {
  expect(headings).toEqual([
    'Install',
    'Say where evidence goes',
    'Say what is recorded',
    'Start the database',
    'Use it',
    'See it',
    'Take it away',
  ]);
});

it('pgtape installs', async () => {
  await follow('Install');
}, 420_000);

it('the archive is ready', async () => {
  await follow('Say where evidence goes');
}, 420_000);

it('the injector is available for the database', async () => {
  await follow('Say what is recorded');
}, 420_000);

it('the database comes up with its recorder', async () => {
  await follow('Start the database');
}, 420_000);

it('psql works through port-forward, and a wrong password does not', async () => {
  await follow('Use it');
}, 420_000);

it('the session is on tape, in Jaeger and in the bucket, and the database is ready', async () => {
  const said = await follow('See it');
  expect(said).toMatch(/^orders +True +100% +0 +\d+ +AddressSwap/m);
}, 420_000);

it('every object of a recorder is under COMPLIANCE until tomorrow', async () => {
  const client = objectStoreClient(cluster);
  const { Versions = [] } = await client.send(
    new ListObjectVersionsCommand({ Bucket: bucket, Prefix: 'reel/' }),
  );
  expect(Versions.length).toBeGreaterThan(0);
  for (const { Key, VersionId, LastModified } of Versions) {
    const { Retention } = await client.send(
      new GetObjectRetentionCommand({ Bucket: bucket, Key, VersionId }),
    );
    const hours = (Number(Retention?.RetainUntilDate) - Number(LastModified)) / 3_600_000;
    expect({ Key, mode: Retention?.Mode, isKept: hours >= 23.9 }).toEqual({
      Key,
      mode: 'COMPLIANCE',
      isKept: true,
    });
  }
  client.destroy();
});

it('after the uninstall the database runs, and nothing stands in the way of pods', async () => {
  await follow('Take it away');
  const left = await cluster.done([
    'get',
    'mutatingwebhookconfigurations,validatingwebhookconfigurations,validatingadmissionpolicies,validatingadmissionpolicybindings',
    '-o',
    'name',
  ]);
  expect(left).toBe('');
  expect(await cluster.done(['-n', 'pgtape-system', 'get', 'pods', '-o', 'name'])).toBe('');
}, 420_000);
