import { setTimeout as sleep } from 'node:timers/promises';
import { message, RawClient } from '@pgtape/testkit';
import { mebibyte, residentBytes, tell, verify, withClient } from './probes.ts';
import { startStack } from './stack.ts';

const sessions = 100;

describe('R7: messages that never end', () => {
  it(`${sessions} sessions that each leave a megabyte unfinished: held once, not several times over`, async () => {
    const stack = await startStack({
      settings: { max_connections: `${sessions + 50}` },
      hba: ['host all all 127.0.0.1/32 password'],
    });
    const clients: RawClient[] = [];
    try {
      const to = {
        port: stack.ports.recorder,
        user: 'postgres',
        database: 'postgres',
        password: stack.postgres.password,
      };
      while (clients.length < sessions)
        clients.push(...(await Promise.all(Array.from({ length: 20 }, () => RawClient.connect(to)))));
      const before = residentBytes(stack.recorder.pid, 'peak');
      const half = message.query('x'.repeat(mebibyte - 100)).subarray(0, -50);
      for (const client of clients) client.send(half);
      // Segments are sealed, and state is saved, several times while they wait.
      await withClient({ connectionString: stack.url }, async (client) => {
        for (let index = 0; index < 200; index += 1) {
          await client.query(`SELECT 'meanwhile ${index}'`);
          await sleep(20);
        }
      });
      const peak = residentBytes(stack.recorder.pid, 'peak');
      tell(
        `recorder peak ${Math.round(before / mebibyte)} -> ${Math.round(peak / mebibyte)} MiB for ${sessions} MiB`,
      );
      for (const client of clients) client.destroy();
      await stack.settle();
      const meanwhile = stack.records().filter(({ sql }) => String(sql).startsWith("SELECT 'meanwhile"));
      expect(meanwhile).toHaveLength(200);
      expect(verify(stack.archiveDir).verdict).toBe('complete');
      // Once as received, once as pending frame, and what the collector has not yet taken back.
      expect(peak - before).toBeLessThan(3 * sessions * mebibyte);
    } finally {
      for (const client of clients) client.destroy();
      await stack.stop();
    }
  });
});
