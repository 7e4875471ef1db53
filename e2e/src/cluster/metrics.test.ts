/** What vault, recorder and operator expose after some work, as promtool reads it: the text's form, names, units, help. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '@pgtape/testkit';
import pg from 'pg';
import { until } from '../probes.ts';
import { type Stack, startStack } from '../stack.ts';
import { type ControlPlane, startControlPlane } from './controlPlane.ts';
import { kubectlDone } from './kubectl.ts';
import { type OperatorReplica, startReplica } from './operatorReplicas.ts';
import { promtool } from './promtool.ts';

const root = join(import.meta.dirname, '../../..');
let plane: ControlPlane;
let stack: Stack;
let operator: OperatorReplica;
let dir: string;

const metricsOf = async (url: string): Promise<string> => await (await fetch(`${url}/metrics`)).text();

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'pgtape-metrics-'));
  [plane, stack] = await Promise.all([startControlPlane(), startStack()]);
  kubectlDone(plane, ['apply', '--server-side', '-f', join(root, 'crds')]);
  for (const name of ['pgtape-system', 'shop']) kubectlDone(plane, ['create', 'namespace', name]);
  operator = await startReplica({
    dir,
    name: 'one',
    kubeconfig: plane.kubeconfig,
    servicePort: await freePort(),
  });
}, 120_000);

afterAll(async () => {
  await operator?.end('SIGKILL');
  await stack?.stop();
  await plane?.stop();
  rmSync(dir, { recursive: true, force: true });
}, 60_000);

describe('promtool', () => {
  it('has nothing to say about what a recorder and its vault expose', async () => {
    const client = new pg.Client({ connectionString: stack.url });
    await client.connect();
    await client.query('SELECT 1');
    await client.end();
    const [recorder, vault] = [stack.ports.health, stack.ports.http].map(
      (port) => `http://127.0.0.1:${port}`,
    );
    const isStored = async () =>
      /^pgtape_vault_segments_stored_total [1-9]/m.test(await metricsOf(vault as string));
    await until('a segment is stored', 30_000, isStored);
    for (const url of [recorder, vault] as string[]) {
      const text = await metricsOf(url);
      expect(text).toMatch(/^pgtape_(recorder|vault)_\w+(\{.*\})? [1-9]/m);
      expect(promtool(['check', 'metrics'], {}, text)).toEqual({ status: 0, out: '', err: '' });
    }
  }, 60_000);

  it('nor about what an operator does, that leads and has a database', async () => {
    const database = {
      apiVersion: 'pgtape.dev/v1alpha1',
      kind: 'RecordedDatabase',
      metadata: { name: 'orders', namespace: 'shop' },
      spec: { selector: { matchLabels: { app: 'orders' } }, archiveRef: 'audit' },
    };
    kubectlDone(plane, ['apply', '-f', '-'], JSON.stringify(database));
    const bypasses = 'pgtape_operator_bypasses_total{database="shop/orders"} 0';
    const isCounting = async () => (await metricsOf(operator.healthUrl)).includes(bypasses);
    await until('the database is known', 30_000, isCounting);
    const isLeading = async () => /^pgtape_operator_leading 1$/m.test(await metricsOf(operator.healthUrl));
    await until('it leads', 30_000, isLeading);
    const text = await metricsOf(operator.healthUrl);
    expect(promtool(['check', 'metrics'], {}, text)).toEqual({ status: 0, out: '', err: '' });
  }, 90_000);

  it('would say so', () => {
    const text = '# TYPE pgtape_sent counter\npgtape_sent 4\n';
    expect(promtool(['check', 'metrics'], {}, text)).toMatchObject({
      status: 3,
      err: expect.stringContaining('counter metrics should have "_total" suffix'),
    });
  });
});
