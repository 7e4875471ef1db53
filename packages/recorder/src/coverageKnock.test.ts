import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type EmbeddedPostgres, makeCertificate, startTestPostgres } from '@pgtape/testkit';
import pg from 'pg';
import { isShuttingDown } from './coverageKnock.ts';

/** Who asks a server whether it lets anybody in: it hears when it is ending, opens no session, and leaves no line in the server's log. */
const password = 'knock-pw';
const { certificate, key } = makeCertificate({ name: 'database', names: ['127.0.0.1'] });
const root = mkdtempSync(join(tmpdir(), 'pgtape-knock-'));
let server: EmbeddedPostgres;

afterEach(async () => await server.stop());
afterAll(() => rmSync(root, { recursive: true, force: true }));

it.each([
  { name: 'plaintext', more: {}, ssl: false as const },
  {
    name: 'TLS alone',
    more: { tls: { certificate, key }, hba: ['hostnossl all all 127.0.0.1/32 reject'] },
    ssl: { rejectUnauthorized: false },
  },
])(
  '$name',
  async ({ name, more, ssl }) => {
    server = await startTestPostgres({ dir: join(root, name.replace(' ', '-')), password, ...more });
    const config = { host: '127.0.0.1', port: server.port, user: 'postgres', database: 'postgres', ssl };
    const session = new pg.Client({ ...config, password });
    session.on('error', () => {});
    await session.connect();
    const logins: number[] = [];
    const knock = (): Promise<boolean> => isShuttingDown(config, (_, pid) => logins.push(pid));
    const before = readFileSync(server.logFile, 'utf8');
    expect([await knock(), await knock()]).toEqual([false, false]);
    // What it says of a connection it says when that ends.
    const others = "select count(*)::int as n from pg_stat_activity where backend_type = 'client backend'";
    let clients: number | undefined;
    // A process of the server may end a moment after who knocked has gone.
    for (const until = Date.now() + 30_000; clients !== 1 && Date.now() < until; )
      clients = (await session.query<{ n: number }>(others)).rows[0]?.n;
    expect(clients).toBe(1);
    expect(readFileSync(server.logFile, 'utf8')).toBe(before);
    process.kill(server.pid, 'SIGTERM');
    let isEnding = false;
    for (let tries = 0; tries < 50 && !isEnding; tries++) isEnding = await knock();
    expect(isEnding).toBe(true);
    // It has waited for the session until here.
    expect((await session.query('select 1')).rowCount).toBe(1);
    await session.end();
    expect(logins).toEqual([]);
  },
  60_000,
);
