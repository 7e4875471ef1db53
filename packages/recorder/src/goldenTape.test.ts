import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { RecordLine } from '@pgtape/evidence';
import { type EmbeddedPostgres, startTestPostgres, testPostgresMajor } from '@pgtape/testkit';
import pg from 'pg';
import { startRecorderBeside } from './recorderBeside.testing.ts';
import { playTapeScript } from './tapeScript.testing.ts';

const goldenFile = fileURLToPath(new URL('../../../testdata/golden/tape.jsonl', import.meta.url));
const rewrite = process.env.PGTAPE_GOLDEN === 'write';

type Fields = Record<string, unknown>;

/** What differs from run to run, by field: times, ids, ports. Everything else is compared. */
function masked(record: RecordLine, names: Map<string, string>): Fields {
  const fields: Fields = { ...record };
  for (const field of ['v', 'reel', 'seq', 'salt', 'at', 'mono', 'start', 'first_ns', 'duration_ns']) {
    if (field in fields) delete fields[field];
  }
  if (record.kind === 'opened') {
    names.set(record.session, record.application_name);
    Object.assign(fields, {
      client: 'client',
      server: 'server',
      pid: record.pid > 0,
      server_version: 'version',
    });
  }
  if ('session' in record && record.session !== undefined)
    fields.session = names.get(record.session) ?? record.session;
  if (record.kind === 'notification') fields.pid = record.pid > 0;
  if (record.kind === 'closed') {
    Object.assign(fields, {
      bytes_from_client: record.bytes_from_client > 0,
      bytes_from_server: record.bytes_from_server > 0,
    });
  }
  return fields;
}

async function recordScript(dir: string, postgres: EmbeddedPostgres): Promise<RecordLine[]> {
  const { recorder, finish } = await startRecorderBeside(dir, postgres.port);
  await playTapeScript({ port: recorder.listen.port, user: 'raw', password: 'raw-password' });
  // The dropped connection has to be noticed as such before the recorder's own end would explain it.
  while (recorder.stats().sessionsOpen > 0) await sleep(20);
  return finish();
}

/** The golden file is what a server of this major says. */
const describeOn18 = testPostgresMajor === 18 ? describe : describe.skip;

describeOn18('a scripted session of every kind', () => {
  it('is on tape as in the golden file', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'pgtape-golden-'));
    const postgres = await startTestPostgres({
      dir: join(tmpdir(), `${dir.split('/').at(-1)}-postgres`),
      password: 'golden',
      // A commit that waits for a busy disk longer than a second is told of as running.
      settings: { max_prepared_transactions: '4', fsync: 'off' },
      hba: ['host all raw 127.0.0.1/32 password'],
    });
    try {
      const admin = new pg.Client({
        host: '127.0.0.1',
        port: postgres.port,
        user: 'postgres',
        password: 'golden',
      });
      await admin.connect();
      await admin.query("CREATE ROLE raw SUPERUSER LOGIN PASSWORD 'raw-password'");
      await admin.end();
      const records = await recordScript(dir, postgres);
      const names = new Map<string, string>();
      const tapes = new Map<string, Fields[]>();
      for (const record of records) {
        if (!('session' in record) || record.session === undefined) continue;
        const fields = masked(record, names);
        tapes.set(record.session, [...(tapes.get(record.session) ?? []), fields]);
      }
      const text = [...tapes.values()]
        .flat()
        .map((fields) => `${JSON.stringify(fields)}\n`)
        .join('');
      if (rewrite) {
        mkdirSync(join(goldenFile, '..'), { recursive: true });
        writeFileSync(goldenFile, text);
      }
      expect(text.split('\n')).toEqual(readFileSync(goldenFile, 'utf8').split('\n'));
      expect(records.filter(({ kind }) => kind === 'statement').length).toBeGreaterThan(60);
      expect(JSON.stringify(records)).not.toMatch(/hunter\d-planted|raw-password/);
    } finally {
      await postgres.stop();
      rmSync(dir, { recursive: true, force: true });
      rmSync(join(postgres.dataDir, '..'), { recursive: true, force: true });
    }
  });
});
