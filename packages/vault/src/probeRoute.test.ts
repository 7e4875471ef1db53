import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeObject } from '@pgtape/evidence';
import { logger } from '@pgtape/process';
import { type MemoryFaults, memoryStore, type Store } from '@pgtape/store';
import { VaultConfig } from './config.ts';
import { hashOf } from './httpCallers.testing.ts';
import { type Permission, permissions } from './httpConfig.ts';
import { startVault } from './vault.ts';

const scratch = mkdtempSync(join(tmpdir(), 'pgtape-probes-'));
const endings: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const callers = permissions.map((may) => {
  const tokenHashFile = join(scratch, may);
  writeFileSync(tokenHashFile, `${hashOf(`token-${may}`)}\n`);
  return { name: `who may ${may}`.replaceAll(' ', '-'), tokenHashFile, may: [may] };
});

const report = {
  store: 's3://probe?region=eu-central-1',
  lock: 'strict',
  results: [
    { test: 'delete', outcome: 'refused_by_lock', detail: 'AccessDenied' },
    { test: 'bypass', outcome: 'allowed', detail: '' },
  ],
};

interface Bench {
  readonly store: Store;
  report(body: object, may: Permission | null): Promise<{ status: number; body: Record<string, unknown> }>;
}

let made = 0;

async function bench(faults?: MemoryFaults, http: object = {}): Promise<Bench> {
  made += 1;
  const store = memoryStore(faults);
  const config = VaultConfig.parse({
    otlp: { port: 0 },
    http: { port: 0, callers, ...http },
    archive: { store: join(scratch, `archive-${made}`) },
  });
  const vault = await startVault(config, { store, log: logger('vault', 'silent') });
  endings.push(() => vault.close());
  return {
    store,
    async report(body, may) {
      const response = await fetch(`http://127.0.0.1:${vault.http.port}/v1/probes`, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          ...(may !== null && { authorization: `Bearer token-${may}` }),
        },
        body: JSON.stringify(body),
      });
      return { status: response.status, body: (await response.json()) as Record<string, unknown> };
    },
  };
}

/** The `probe` records that are no start's, without what each line has. */
async function reportedIn(store: Store): Promise<{ record: object; line: string; seq: number }[]> {
  const found: { record: object; line: string; seq: number }[] = [];
  for await (const { key } of store.list('reel/')) {
    const lines = Buffer.from(decodeObject(await store.get(key)))
      .toString('utf8')
      .trimEnd()
      .split('\n');
    for (const line of lines) {
      const { v: _v, reel: _reel, seq, salt: _salt, at: _at, mono: _mono, ...record } = JSON.parse(line);
      if (record.kind === 'probe' && record.at_start === false)
        found.push({ record, line: hashOf(line), seq });
    }
  }
  return found;
}

describe('POST /v1/probes', () => {
  it.each([...permissions, null])('who may %s: only who may probe is written down', async (may) => {
    const at = await bench();
    const answer = await at.report(report, may);
    const reported = await reportedIn(at.store);
    if (may !== 'probe') {
      const word = may === null ? 'unauthenticated' : 'not_allowed';
      expect([answer.status, answer.body.error, reported]).toEqual([may === null ? 401 : 403, word, []]);
      return;
    }
    const [first] = reported;
    expect(reported).toEqual([
      {
        record: { kind: 'probe', at_start: false, who: 'who-may-probe', method: 'token', ...report },
        line: answer.body.line,
        seq: answer.body.seq,
      },
    ]);
    expect([answer.status, answer.body]).toEqual([201, { seq: first?.seq, line: first?.line }]);
  });

  const [result] = report.results;
  it.each([
    { name: 'nothing', body: {} },
    { name: 'no results', body: { ...report, results: [] } },
    { name: 'too many results', body: { ...report, results: Array.from({ length: 33 }, () => result) } },
    {
      name: 'an outcome that there is not',
      body: { ...report, results: [{ ...result, outcome: 'refused' }] },
    },
    {
      name: 'a long detail',
      body: { ...report, results: [{ ...result, detail: 'x'.repeat(1001) }] },
    },
    { name: 'words for a test', body: { ...report, results: [{ ...result, test: 'Delete it' }] } },
    { name: 'another name', body: { ...report, who: 'olga' } },
    { name: 'a start', body: { ...report, at_start: true } },
  ])('refuses $name', async ({ body }) => {
    const at = await bench();
    const answer = await at.report(body, 'probe');
    expect([answer.status, answer.body.error, await reportedIn(at.store)]).toEqual([400, 'bad_request', []]);
  });

  it('says so where the record cannot be stored', async () => {
    let isBroken = false;
    const faults: MemoryFaults = (operation) => (isBroken && operation === 'putOnce' ? 'failed' : 'none');
    const at = await bench(faults, { recordSeconds: 1 });
    isBroken = true;
    const answer = await at.report(report, 'probe');
    expect([answer.status, answer.body.error, answer.body.act]).toEqual([
      503,
      'probe_not_recorded',
      'operator',
    ]);
  });
});
