/** docs/kubectl-plugin.md shows what its commands print: each ```console block that begins with one is run, in order. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { kubectlWithPlugin } from './pluginCommand.ts';
import { condition, ShopCluster } from './shopCluster.ts';

const page = join(import.meta.dirname, '../../../docs/kubectl-plugin.md');
const block = /```console\n\$ kubectl pgtape ([^\n]*)\n([\s\S]*?)```/g;
let shop: ShopCluster;

beforeAll(async () => {
  shop = await ShopCluster.start();
  const without = 'without a recorder: orders-1; kubectl rollout restart -n shop statefulset/orders';
  shop.writeConditions(
    condition('Ready', 'False', 'RestartRequired', `Injected: ${without}`),
    condition('PolicyAccepted', 'True', 'Accepted'),
    condition(
      'ArchiveFound',
      'False',
      'NotFound',
      "there is no RecordingArchive 'audit': whoever owns archives must make it",
    ),
    condition('Injected', 'False', 'RestartRequired', without),
    condition('Captured', 'True', 'AllAddresses'),
    condition(
      'BypassFree',
      'False',
      'BypassDetected',
      'sessions went past the recorder, last seen 2026-11-20T10:04:00.000Z; 1 in all',
    ),
  );
}, 120_000);

afterAll(async () => {
  await shop?.stop();
}, 30_000);

it('docs/kubectl-plugin.md shows what is printed', async () => {
  const text = readFileSync(page, 'utf8');
  let printed = text;
  const commands = [...text.matchAll(block)];
  expect(commands.length).toBeGreaterThan(4);
  for (const [whole, args = ''] of commands) {
    const { out, err } = await shop.plugin(...args.split(' '));
    printed = printed.replace(whole, () => `\`\`\`console\n$ kubectl pgtape ${args}\n${out}${err}\`\`\``);
  }
  if (process.env.PGTAPE_GOLDEN === 'write') writeFileSync(page, printed);
  expect(readFileSync(page, 'utf8')).toBe(printed);
}, 60_000);

it('kubectl completes it by the answer of kubectl_complete-pgtape', async () => {
  const asked = await kubectlWithPlugin(shop.plane, ['__complete', 'pgtape', 'status', '--all']);
  expect(asked.out).toContain('--all-namespaces\tRecordedDatabases of every namespace\n:4\n');
});
