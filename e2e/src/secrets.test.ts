import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { zstdDecompressSync } from 'node:zlib';
import { decodeObject } from '@pgtape/evidence';
import { encodeExportReply, exportTracePath, GrpcServer } from '@pgtape/otlp';
import pg from 'pg';
import { until } from './probes.ts';
import { startStack } from './stack.ts';

const planted = {
  role: 'planted-role-5f2c',
  altered: 'planted-altered-9a1b',
  mapping: 'planted-mapping-77de',
  subscription: 'planted-subscription-31ac',
  dblink: 'planted-dblink-c0de',
  parameter: 'planted-parameter-4b4b',
  failing: 'planted-failing-8e8e',
};

function filesUnder(dir: string): string[] {
  return readdirSync(dir, { recursive: true, encoding: 'utf8' })
    .map((file) => join(dir, file))
    .filter((file) => statSync(file).isFile());
}

/** The bytes of a file, and what they decompress to. */
function contents(file: string): Buffer {
  const raw = readFileSync(file);
  if (file.endsWith('.jsonl.zst')) return Buffer.concat([raw, decodeObject(raw)]);
  return file.endsWith('.zst') ? Buffer.concat([raw, zstdDecompressSync(raw)]) : raw;
}

describe('R11: secrets inside statements reach no disk, log, span or record', () => {
  it('planted ones are found nowhere but in the memory-backed journal', async () => {
    const views: Buffer[] = [];
    const backend = new GrpcServer({
      handlers: new Map([
        [
          exportTracePath,
          async (message: Uint8Array) => {
            views.push(Buffer.from(message));
            return encodeExportReply(null);
          },
        ],
      ]),
      maxMessageBytes: 64 * 1024 * 1024,
    });
    const at = await backend.listen('127.0.0.1', 0);
    // No vault at first: sealed segments then stand in the outbox, where they are searched as well.
    const stack = await startStack({ forward: `http://127.0.0.1:${at.port}` });
    try {
      await stack.vault.stop(5000);
      const client = new pg.Client({ connectionString: stack.url });
      await client.connect();
      const quiet = (sql: string, values?: string[]): Promise<unknown> =>
        client.query(sql, values).catch(() => null);
      await quiet(`CREATE ROLE planted PASSWORD '${planted.role}'`);
      await quiet(
        `alter role planted with encrypted password /* x */ $a$${planted.altered}$a$ valid until 'infinity'`,
      );
      await quiet('CREATE EXTENSION IF NOT EXISTS dblink');
      await quiet('CREATE EXTENSION IF NOT EXISTS postgres_fdw');
      await quiet("CREATE SERVER s FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host 'localhost')");
      await quiet(
        `CREATE USER MAPPING FOR planted SERVER s OPTIONS (user 'u', password '${planted.mapping}')`,
      );
      await quiet(
        `CREATE SUBSCRIPTION p CONNECTION 'host=127.0.0.1 port=1 password=${planted.subscription}' PUBLICATION q WITH (connect=false)`,
      );
      await quiet(`SELECT dblink_connect('c', 'host=127.0.0.1 port=1 password=${planted.dblink}')`);
      await quiet("SELECT dblink_connect('c', $1)", [`host=127.0.0.1 port=1 password=${planted.parameter}`]);
      await quiet(`CREATE ROLE planted PASSWORD '${planted.failing}' NONSENSE`);
      await client.query('SELECT 1 AS last');
      await client.end();
      const sealed = (): boolean =>
        filesUnder(join(stack.dir, 'spool')).some((file) => file.endsWith('.zst'));
      await until('a segment stands in the outbox', 60_000, sealed);
      await sleep(1000);
      const search = (dirs: readonly string[]): string[] =>
        dirs.flatMap(filesUnder).flatMap((file) => {
          const bytes = contents(file);
          return Object.entries({ ...planted, login: stack.postgres.password })
            .filter(([, secret]) => bytes.includes(secret))
            .map(([name]) => `${name} in ${file.replace(stack.dir, '')}`);
        });
      expect(search([stack.dir])).toEqual([]);
      stack.vault = await stack.startVault();
      await until('a view comes', 60_000, () => views.length > 0);
      await stack.settle();
      expect(views.length).toBeGreaterThan(0);
      const seen = Buffer.concat(views).toString('latin1');
      expect(Object.values(planted).filter((secret) => seen.includes(secret))).toEqual([]);
      expect(search([stack.dir, stack.journalDir])).toEqual([]);
      const redactions = stack
        .records()
        .flatMap(({ kind, redacted }) => (kind === 'statement' ? [redacted ?? null] : []));
      expect(redactions.filter((rules) => rules !== null).length).toBeGreaterThanOrEqual(7);
    } finally {
      await stack.stop();
      await backend.close();
    }
  });
});
