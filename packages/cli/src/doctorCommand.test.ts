import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeObject } from '@pgtape/evidence';
import { logger } from '@pgtape/process';
import { memoryStore, type Store } from '@pgtape/store';
import { startVault, type Vault, VaultConfig } from '@pgtape/vault';
import { type FakeIo, runFake } from './fakeIo.testing.ts';
import { writeToken } from './tokenFiles.testing.ts';

const tests = [
  ...['drop_retention', 'delete', 'bypass', 'shorten'],
  ...['change_mode', 'overwrite', 'suspend_versions', 'hold_after_expiry'],
];

/** Records of probes somebody reported. */
async function reportedIn(store: Store): Promise<{ text: string; record: Record<string, unknown> }[]> {
  const found: { text: string; record: Record<string, unknown> }[] = [];
  for await (const { key } of store.list('reel/')) {
    const text = Buffer.from(decodeObject(await store.get(key))).toString('utf8');
    for (const line of text.trimEnd().split('\n')) {
      const record = JSON.parse(line) as Record<string, unknown>;
      if (record.kind === 'probe' && record.at_start === false) found.push({ text: line, record });
    }
  }
  return found;
}

// A directory has no lock, so everything is allowed there at once; a bucket is e2e's.
describe('pgtape doctor archive', () => {
  const dir = mkdtempSync(join(tmpdir(), 'pgtape-doctor-'));
  const store = memoryStore();
  let vault: Vault;
  beforeAll(async () => {
    const callers = ['probe', 'hold'].map((may) => {
      return { name: `may-${may}`, ...writeToken(dir, `${may}.token`, `the-token-to-${may}`), may: [may] };
    });
    const archive = { store: join(dir, 'archive') };
    const config = VaultConfig.parse({ otlp: { port: 0 }, http: { port: 0, callers }, archive });
    vault = await startVault(config, { store, log: logger('vault', 'silent') });
  });
  afterAll(async () => {
    await vault.close();
    rmSync(dir, { recursive: true, force: true });
  });

  const url = (): string => `http://127.0.0.1:${vault.http.port}`;
  const doctor = (args: readonly string[], env: Record<string, string> = {}): Promise<FakeIo> =>
    runFake(['doctor', 'archive', '--store', join(dir, 'probed'), '-o', 'json', ...args], { cwd: dir, env });
  const outcomes = (io: FakeIo): unknown =>
    (JSON.parse(io.out.text) as { results: { test: string; outcome: string }[] }).results.map(
      ({ test, outcome }) => `${test} ${outcome}`,
    );

  it('says that its result is on no record where no vault is named', async () => {
    const io = await doctor([]);
    expect([io.code, io.err.text]).toEqual([
      1,
      'pgtape: this result is on no record; --vault URL puts it on one\n',
    ]);
    expect([outcomes(io), await reportedIn(store)]).toEqual([tests.map((test) => `${test} allowed`), []]);
  });

  it.each([
    { name: 'by flags', args: () => ['--vault', url(), '--token-file', 'probe.token'], env: () => ({}) },
    {
      name: 'by the environment',
      args: () => [],
      env: () => ({ PGTAPE_VAULT: url(), PGTAPE_TOKEN_FILE: 'probe.token' }),
    },
  ])('puts it on record, of who asked: a vault named $name', async ({ args, env }) => {
    const before = (await reportedIn(store)).length;
    const io = await doctor(args(), env());
    const reported = await reportedIn(store);
    const last = reported.at(-1);
    expect([reported.length, last?.record]).toEqual([
      before + 1,
      expect.objectContaining({
        ...{ kind: 'probe', at_start: false, who: 'may-probe', method: 'token' },
        store: join(dir, 'probed'),
        lock: 'none',
        results: tests.map((test) => ({ test, outcome: 'allowed', detail: 'a directory has no lock' })),
      }),
    ]);
    const line = createHash('sha256')
      .update(last?.text ?? '')
      .digest('hex');
    expect([io.code, io.err.text]).toEqual([
      1,
      `pgtape: record ${last?.record.seq} in the reel of ${url()}, line ${line}\n`,
    ]);
  });

  it.each([
    { name: 'a caller who may not', token: 'hold.token', code: 'VAULT_NOT_ALLOWED', shows: tests.length },
    { name: 'no token at all', token: null, code: 'VAULT_UNAUTHENTICATED', shows: tests.length },
    { name: 'a token file that is not there', token: 'nobody.token', code: 'CREDENTIALS', shows: 0 },
  ])('is not recorded: $name', async ({ token, code, shows }) => {
    const before = await reportedIn(store);
    const io = await doctor(['--vault', url(), ...(token === null ? [] : ['--token-file', token])]);
    expect([io.code, io.err.text.includes(`[${code}]`)]).toEqual([3, true]);
    // What was found out is shown all the same.
    expect(io.out.text === '' ? 0 : (outcomes(io) as unknown[]).length).toBe(shows);
    expect(await reportedIn(store)).toEqual(before);
  });
});
