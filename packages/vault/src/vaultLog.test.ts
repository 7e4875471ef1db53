/** The log of a real vault over real files: what stands in it, its keys, its witnesses, and what it refuses. */
import { hash } from 'node:crypto';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Leaf, parseLeaf } from '@pgtape/evidence';
import { GrpcClient } from '@pgtape/otlp';
import { logger } from '@pgtape/process';
import { fileStore, nodeDisk } from '@pgtape/store';
import { startWitness, type TestWitness } from '@pgtape/testkit';
import {
  checkByPolicy,
  consistencyProofFromTiles,
  formatPolicy,
  formatVkey,
  openCheckpoint,
  type Policy,
  parsePolicy,
  parseVkey,
  tileReader,
  type VerifierKey,
  verifyConsistency,
} from '@pgtape/tlog';
import { VaultConfig } from './config.ts';
import { lockingStore } from './lockingStore.testing.ts';
import { entriesOf } from './logEntries.ts';
import { makeLogKey, readLogKeys } from './logKey.ts';
import { logStore } from './logStore.ts';
import { answerTo, TestReel, type TestSegment } from './segments.testing.ts';
import { startVault, type Vault } from './vault.ts';

const scratch = mkdtempSync(join(tmpdir(), 'pgtape-vault-log-'));
const endings: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end().catch(() => undefined);
});
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const hashFile = join(scratch, 'test.hash');
writeFileSync(hashFile, `${hash('sha256', 'token-of-test')}\n`, { mode: 0o600 });
const headers = { authorization: 'Bearer token-of-test' };

let made = 0;
function newDir(): string {
  made += 1;
  return join(scratch, String(made));
}

interface Running {
  readonly vault: Vault;
  readonly log: string[];
  send(...segments: TestSegment[]): Promise<string[]>;
  status(): Promise<{ ready: boolean; log: Record<string, unknown> }>;
  metric(name: string): Promise<number>;
  live(): Promise<object>;
}

async function running(dir: string, tlog: object = {}): Promise<Running> {
  const log: string[] = [];
  const config = VaultConfig.parse({
    otlp: { port: 0 },
    http: { port: 0, callers: [{ name: 'test', tokenHashFile: hashFile, may: ['status'] }] },
    archive: { store: dir },
    tlog: { checkpointSeconds: 0.1, ...tlog },
  });
  const vault = await startVault(config, {
    log: logger('vault', 'debug', { write: (line) => void log.push(line) }),
  });
  endings.push(() => vault.close());
  const client = new GrpcClient({ url: `http://127.0.0.1:${vault.otlp.port}` });
  endings.push(() => client.close());
  const get = async (path: string): Promise<string> =>
    await (await fetch(`http://127.0.0.1:${vault.http.port}${path}`, { headers })).text();
  return {
    vault,
    log,
    send: async (...segments) => {
      const answers: string[] = [];
      for (const { request } of segments) {
        const { code, message } = await answerTo(client, request);
        answers.push(code === 0 ? 'ok' : message);
      }
      return answers;
    },
    status: async () =>
      JSON.parse(await get('/v1/status')) as { ready: boolean; log: Record<string, unknown> },
    metric: async (name) => {
      const line = (await get('/metrics')).split('\n').find((text) => text.startsWith(`${name} `));
      return Number(line?.slice(name.length + 1) ?? Number.NaN);
    },
    live: async () => JSON.parse(await get('/livez')) as object,
  };
}

async function eventually(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
  for (let i = 0; i < 1500; i += 1) {
    if (await isSo()) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`never: ${what}`);
}

const storageOf = (dir: string) => logStore({ store: fileStore(dir, nodeDisk), retainUntil: () => null });
const keyOf = (text: string): VerifierKey => {
  const key = parseVkey(text);
  if (!key.ok) throw new Error(key.detail);
  return key.value;
};
const vkeysOf = (dir: string): VerifierKey[] =>
  readFileSync(join(dir, 'log/vkey'), 'utf8').trim().split('\n').map(keyOf);

/** The published leaves; the checkpoint must be signed by every one of `keys`. */
async function leavesOf(dir: string, keys = vkeysOf(dir)): Promise<Leaf[]> {
  const opening = openCheckpoint(readFileSync(join(dir, 'log/checkpoint')), keys);
  if (!opening.ok) throw new Error(opening.reason);
  expect(opening.signedBy.map(({ id }) => id)).toEqual(keys.map(({ id }) => id));
  const leaves: Leaf[] = [];
  for await (const { entry } of entriesOf(storageOf(dir), opening.checkpoint.size)) {
    const leaf = parseLeaf(entry);
    if (typeof leaf === 'string') throw new Error(leaf);
    leaves.push(leaf);
  }
  return leaves;
}

const namesOf = (leaves: readonly Leaf[], reel: string): string[] =>
  leaves
    .filter((leaf) => leaf.reel === reel)
    .map((leaf) => (leaf.kind === 'segment' ? String(leaf.segment) : 'start'));

describe("a vault's log", () => {
  it('has each reel’s start, then its segments, the vault’s own reel among them', async () => {
    const dir = newDir();
    const { reel, segments } = TestReel.whole(3);
    const at = await running(dir);
    expect(await at.send(...segments, segments[1]!)).toEqual(['ok', 'ok', 'ok', 'ok']);
    await eventually('a checkpoint', async () => Number((await at.status()).log.size) >= 6);
    const { log } = await at.status();
    expect(log).toEqual({
      origin: expect.stringMatching(/^pgtape\.local\/[0-9a-f]{16}$/),
      size: expect.any(Number),
      pending: expect.any(Number),
      checkpoint_at: expect.stringMatching(/^\d{4}-/),
      checkpoint_age_ms: expect.any(Number),
      vkey: readFileSync(join(dir, 'log/vkey'), 'utf8').trim(),
      fenced: false,
    });
    expect(await at.metric('pgtape_vault_log_size')).toBeGreaterThanOrEqual(6);
    expect(await at.metric('pgtape_vault_log_checkpoint_age_seconds')).toBeLessThan(60);
    await at.vault.close();
    const leaves = await leavesOf(dir);
    expect(namesOf(leaves, reel.reel)).toEqual(['start', '1', '2', '3']);
    const own = leaves.find((leaf) => leaf.kind === 'reel_start' && leaf.recorder !== reel.recorder);
    expect(own).toMatchObject({ kind: 'reel_start', enrolment: expect.stringMatching(/^[0-9a-f]{64}$/) });
    const objects = leaves.flatMap((leaf) => (leaf.kind === 'segment' ? [leaf.object] : []));
    const stored: string[] = [];
    for await (const { key } of fileStore(dir).list('reel/')) stored.push(key);
    expect(objects.sort()).toEqual(stored.sort());
    expect(statSync(join(dir, '.sequencer/log.key')).mode & 0o777).toBe(0o600);
  });

  it('that cannot be published ages from the start of the vault on: it was of no age, and no alert saw it', async () => {
    const dir = newDir();
    mkdirSync(join(dir, 'log'), { recursive: true });
    // No tile can be written below it.
    writeFileSync(join(dir, 'log/tile'), '');
    const at = await running(dir);
    expect(await at.send(TestReel.whole(3).segments[0]!)).toEqual(['ok']);
    await eventually('a failure', () => at.log.some((line) => line.includes('the log was not published')));
    const age = (): Promise<number> => at.metric('pgtape_vault_log_checkpoint_age_seconds');
    const first = await age();
    expect(first).toBeGreaterThan(0);
    expect(first).toBeLessThan(60);
    await eventually('older', async () => (await age()) > first);
    expect(await at.metric('pgtape_vault_log_pending')).toBeGreaterThan(0);
  });

  it('grows by one tree over restarts, and logs what it finds without a leaf', async () => {
    const dir = newDir();
    const { reel, segments } = TestReel.whole(4);
    const first = await running(dir);
    await first.send(segments[0]!, segments[1]!);
    await first.vault.close();
    const before = openCheckpoint(readFileSync(join(dir, 'log/checkpoint')), vkeysOf(dir));
    // Stored, and no vault lived to log it.
    const other = newDir();
    cpSync(dir, other, { recursive: true });
    const aside = await running(other);
    await aside.send(segments[2]!);
    await aside.vault.close();
    cpSync(join(other, 'reel', reel.recorder), join(dir, 'reel', reel.recorder), { recursive: true });
    const second = await running(dir);
    expect(await second.send(segments[2]!, segments[3]!)).toEqual(['ok', 'ok']);
    await second.vault.close();
    expect(namesOf(await leavesOf(dir), reel.reel)).toEqual(['start', '1', '2', '3', '4']);
    const after = openCheckpoint(readFileSync(join(dir, 'log/checkpoint')), vkeysOf(dir));
    if (!before.ok || !after.ok) throw new Error('not signed');
    const [old, now] = [before.checkpoint, after.checkpoint];
    const proof = await consistencyProofFromTiles(old.size, now.size, tileReader(storageOf(dir)));
    expect(verifyConsistency(old.size, now.size, old.root, now.root, proof)).toBe(true);
  });

  it('begins over an archive that had none: every stored segment gets a leaf', async () => {
    const dir = newDir();
    const tapes = [TestReel.whole(2), TestReel.whole(3)];
    const first = await running(dir);
    for (const { segments } of tapes) await first.send(...segments);
    await first.vault.close();
    rmSync(join(dir, 'log'), { recursive: true });
    rmSync(join(dir, '.sequencer'), { recursive: true });
    await (await running(dir)).vault.close();
    const leaves = await leavesOf(dir);
    expect(tapes.map(({ reel }) => namesOf(leaves, reel.reel))).toEqual([
      ['start', '1', '2'],
      ['start', '1', '2', '3'],
    ]);
  });

  it('rotates its key by one more in the file, then drops the old one', async () => {
    const dir = newDir();
    const keyFile = join(dir, '.sequencer/log.key');
    const { reel, segments } = TestReel.whole(3);
    const first = await running(dir);
    await first.send(segments[0]!);
    await first.vault.close();
    const [old] = vkeysOf(dir) as [VerifierKey];
    const pem = readFileSync(keyFile, 'utf8');
    await makeLogKey(join(dir, 'new.key'), nodeDisk);
    const fresh = readFileSync(join(dir, 'new.key'), 'utf8');
    writeFileSync(keyFile, fresh + pem);
    const second = await running(dir);
    await second.send(segments[1]!);
    await second.vault.close();
    const both = vkeysOf(dir);
    expect(both.map(({ id }) => id)).toEqual([both[0]?.id, old.id]);
    expect(namesOf(await leavesOf(dir, both), reel.reel)).toEqual(['start', '1', '2']);
    expect(namesOf(await leavesOf(dir, [old]), reel.reel)).toEqual(['start', '1', '2']);
    writeFileSync(keyFile, fresh);
    const third = await running(dir);
    await third.send(segments[2]!);
    await third.vault.close();
    expect(vkeysOf(dir).map(({ id }) => id)).toEqual([both[0]?.id]);
    expect(namesOf(await leavesOf(dir), reel.reel)).toEqual(['start', '1', '2', '3']);
  });

  it('goes on with another key only where it is told which one was before', async () => {
    const dir = newDir();
    const first = await running(dir);
    await first.vault.close();
    const vkey = readFileSync(join(dir, 'log/vkey'), 'utf8').trim();
    rmSync(join(dir, '.sequencer/log.key'));
    await expect(running(dir)).rejects.toMatchObject({ code: 'LOG_KEY' });
    await makeLogKey(join(dir, '.sequencer/log.key'), nodeDisk);
    await expect(running(dir)).rejects.toMatchObject({ code: 'LOG_KEY' });
    const heir = await running(dir, { formerKeys: [vkey] });
    await heir.vault.close();
    expect(vkeysOf(dir)[0]?.name).toBe(keyOf(vkey).name);
    expect((await leavesOf(dir)).length).toBeGreaterThan(2);
  });

  it.each([
    { name: 'no key at all', text: 'nothing\n' },
    { name: 'a public key', text: '-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n' },
    { name: 'a damaged one', text: '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n' },
  ])('does not start with a key file that holds $name', async ({ text }) => {
    const dir = newDir();
    const keyFile = `${dir}.key`;
    writeFileSync(keyFile, text, { mode: 0o600 });
    await expect(running(dir, { keyFile })).rejects.toMatchObject({ code: 'LOG_KEY' });
  });

  it('keeps full tiles, bundles and checkpoints as long as evidence, partial ones for two days', async () => {
    const store = lockingStore();
    const from = Date.now();
    const config = VaultConfig.parse({
      otlp: { port: 0 },
      http: { port: 0 },
      archive: {
        store: newDir(),
        retention: { days: 30, classes: [{ name: 'long', user: 'anna', days: 90 }] },
      },
      tlog: { checkpointSeconds: 0.1 },
    });
    const vault = await startVault(config, { store, log: logger('vault', 'silent') });
    endings.push(() => vault.close());
    const isThere = (start: string): boolean =>
      [...store.disk.objects.keys()].some((key) => key.startsWith(start));
    await eventually('a tile and the key', () => isThere('log/tile/0/') && isThere('log/vkey'));
    await vault.close();
    const days = new Map<string, Set<number>>();
    for (const key of store.disk.objects.keys()) {
      const until = store.disk.kept.get(key)?.retainUntil ?? null;
      const kind = key.startsWith('log/')
        ? key.replace(/\d{3,}/g, 'N').replace(/\.p\/\d+/, '.p')
        : 'segments';
      const kept = until === null ? 0 : Math.round((until - from) / 86_400_000);
      days.set(kind, (days.get(kind) ?? new Set()).add(kept));
    }
    expect(Object.fromEntries(days)).toEqual({
      // The vault's own reel: what it says of sessions must outlast them all.
      segments: new Set([90]),
      'log/checkpoints/N': new Set([90]),
      'log/tile/0/N.p': new Set([2]),
      'log/tile/entries/N.p': new Set([2]),
      // What is swapped is no object under retention.
      'log/checkpoint': new Set([0]),
      'log/vkey': new Set([0]),
    });
  });

  it('does not start under another name than its log has', async () => {
    const dir = newDir();
    const first = await running(dir);
    await eventually('a checkpoint', () => readdirSync(dir).includes('log'));
    await first.vault.close();
    const other = running(dir, { origin: 'log.example/other' });
    await expect(other).rejects.toMatchObject({ code: 'LOG_UNUSABLE' });
    await expect(other).rejects.toThrow(/a log keeps its name/);
    await expect(running(newDir(), { origin: 'not a name' })).rejects.toMatchObject({ code: 'LOG_UNUSABLE' });
  });

  it('does not start where its log was rolled back, or a tile was changed', async () => {
    const dir = newDir();
    const { segments } = TestReel.whole(3);
    const first = await running(dir);
    await first.send(segments[0]!);
    await first.vault.close();
    const old = newDir();
    cpSync(join(dir, 'log'), old, { recursive: true });
    const second = await running(dir);
    await second.send(segments[1]!);
    await second.vault.close();
    // The journal of a vault that was started since begins behind the old log's end.
    await (await running(dir)).vault.close();
    const good = newDir();
    cpSync(join(dir, 'log'), good, { recursive: true });
    rmSync(join(dir, 'log'), { recursive: true });
    cpSync(old, join(dir, 'log'), { recursive: true });
    await expect(running(dir)).rejects.toMatchObject({ code: 'LOG_UNUSABLE' });
    rmSync(join(dir, 'log'), { recursive: true });
    cpSync(good, join(dir, 'log'), { recursive: true });
    const edge = readdirSync(join(dir, 'log/tile/0/000.p'));
    const widest = edge.sort((a, b) => Number(b) - Number(a))[0]!;
    const file = join(dir, 'log/tile/0/000.p', widest);
    const bytes = readFileSync(file);
    bytes[7]! ^= 1;
    rmSync(file);
    writeFileSync(file, bytes);
    await expect(running(dir)).rejects.toMatchObject({ code: 'LOG_UNUSABLE' });
  });

  it('acknowledges nothing any more when someone else publishes its log', async () => {
    const dir = newDir();
    const { segments } = TestReel.whole(3);
    const at = await running(dir);
    expect(await at.send(segments[0]!)).toEqual(['ok']);
    const file = join(dir, 'log/checkpoint');
    // The reel's start and segment; the vault's own reel's start, opening and probe. Then nothing is on its way.
    await eventually('quiet', async () => {
      const { log } = await at.status();
      return Number(log.size) >= 5 && log.pending === 0;
    });
    const first = readFileSync(join(dir, 'log/checkpoints/000000000000'));
    rmSync(file);
    writeFileSync(file, first);
    await at.send(segments[1]!);
    await eventually('log_fenced', () => at.log.some((line) => line.includes('"reason":"log_fenced"')));
    // Whether it was logged before or not: from here on nothing is acknowledged.
    expect((await at.send(segments[1]!))[0]).toMatch(/^log_fenced: LOG_FENCED/);
    expect(await at.live()).toEqual({ ok: false, reasons: ['log_fenced'] });
    expect(await at.status()).toMatchObject({ log: { fenced: true }, holds_lock: true });
  });
});

describe("a vault's witnesses", () => {
  const origin = 'log.example/vault';

  async function witnessed(dir: string, stateFile?: string): Promise<TestWitness> {
    const keyFile = `${dir}.key`;
    // The witness must know the log's key before the vault starts.
    await makeLogKey(keyFile, nodeDisk);

    const logs = readLogKeys(keyFile, origin, () => undefined).map(({ vkey }) => formatVkey(vkey));
    const witness = await startWitness({
      name: 'w.example/1',
      logs,
      ...(stateFile === undefined ? {} : { stateFile }),
    });
    endings.push(() => witness.stop());
    return witness;
  }
  const policyOf = (dir: string, witness: TestWitness): Policy => ({
    logs: [{ key: vkeysOf(dir)[0]! }],
    witnesses: [{ name: 'W', key: keyOf(witness.vkey) }],
    groups: [],
    quorum: 'W',
  });
  const tlogOf = (dir: string, witness: TestWitness): object => ({
    origin,
    keyFile: `${dir}.key`,
    witnesses: [{ url: witness.url, vkey: witness.vkey }],
    witnessTimeoutMs: 20_000,
  });

  it('cosign what is published, over restarts of either; a policy accepts it', async () => {
    const dir = newDir();
    const witness = await witnessed(dir);
    const { segments } = TestReel.whole(3);
    for (const segment of segments) {
      const at = await running(dir, tlogOf(dir, witness));
      expect(await at.send(segment)).toEqual(['ok']);
      await at.vault.close();
    }
    const policy = parsePolicy(formatPolicy(policyOf(dir, witness)));
    const check = policy.ok && checkByPolicy(policy.value, readFileSync(join(dir, 'log/checkpoint')));
    expect(check).toMatchObject({ ok: true, cosigned: [{ name: 'W' }] });
    expect(check !== false && check.ok && check.checkpoint.size).toBe(witness.sizeOf(origin));
    // A new process asks from 0, and is told where the witness stands.
    expect(witness.answers.filter((status) => status !== 200)).toEqual([409, 409]);
  });

  it('that are gone delay no acknowledgement, and are counted', async () => {
    const dir = newDir();
    const witness = await witnessed(dir);
    await witness.stop();
    const { segments } = TestReel.whole(1);
    const at = await running(dir, tlogOf(dir, witness));
    expect(await at.send(...segments)).toEqual(['ok']);
    const name = 'pgtape_vault_witness_failures_total{reason="unreachable"}';
    await eventually('a count', async () => (await at.metric(name)) > 0);
    await eventually('published all the same', async () => Number((await at.status()).log.size) > 0);
  });

  it('refuse a log that was rolled back and written anew', async () => {
    const dir = newDir();
    const witness = await witnessed(dir);
    const first = await running(dir, tlogOf(dir, witness));
    await first.send(...TestReel.whole(3).segments);
    await first.vault.close();
    const size = witness.sizeOf(origin);
    expect(size).toBeGreaterThan(4);
    // Everything anew but the key: another history, shorter first, longer then.
    rmSync(dir, { recursive: true });
    const second = await running(dir, tlogOf(dir, witness));
    await second.send(...TestReel.whole(1).segments);
    await eventually('a conflict', () => witness.answers.includes(409));
    await second.send(...TestReel.whole(9).segments);
    await eventually('a refusal', () => witness.answers.includes(422));
    await second.vault.close();
    expect(witness.sizeOf(origin)).toBe(size);
    const reasons = second.log
      .filter((line) => line.includes('did not cosign'))
      .map((line) => JSON.parse(line).reason);
    expect(new Set(reasons)).toEqual(new Set(['conflict', 'proof_refused']));
    const check = checkByPolicy(policyOf(dir, witness), readFileSync(join(dir, 'log/checkpoint')));
    expect(check).toMatchObject({ ok: false, reason: 'quorum_missing' });
  });
});
