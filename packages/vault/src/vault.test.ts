import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { get, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkReel, judgeTogether, parseSegmentKey, type StoredSegment } from '@pgtape/evidence';
import { exportTracePath, GrpcClient, GrpcServer, readSegmentRequest, viewOf } from '@pgtape/otlp';
import { logger } from '@pgtape/process';
import { fileStore, type MemoryFault, memoryStore } from '@pgtape/store';
import { VaultConfig } from './config.ts';
import { callerConfig, granted, token } from './httpCallers.testing.ts';
import { TestReel, type TestSegment } from './segments.testing.ts';
import { startVault, type Vault } from './vault.ts';
import type { VaultDeps } from './vaultParts.ts';

const scratch = mkdtempSync(join(tmpdir(), 'pgtape-vault-'));
const endings: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end().catch(() => undefined);
});
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

let made = 0;
function newDir(): string {
  made += 1;
  return join(scratch, String(made), 'archive');
}

function configOf(dir: string, more: object = {}): VaultConfig {
  const http = { port: 0, ...callerConfig(scratch) };
  return VaultConfig.parse({ otlp: { port: 0 }, http, archive: { store: dir }, ...more });
}

interface Running {
  readonly vault: Vault;
  readonly client: GrpcClient;
  readonly log: string[];
  send(request: Uint8Array): Promise<{ code: number; message: string; reply: Uint8Array }>;
  http(path: string, host?: string): Promise<{ status: number; body: string }>;
  /** A metric's value; labels as in the text format. */
  metric(name: string): Promise<number>;
}

async function running(config: VaultConfig, deps: VaultDeps = {}): Promise<Running> {
  const log: string[] = [];
  const vault = await startVault(config, {
    log: logger('vault', 'debug', { write: (line) => void log.push(line) }),
    ...deps,
  });
  endings.push(() => vault.close());
  const client = new GrpcClient({ url: `http://127.0.0.1:${vault.otlp.port}` });
  endings.push(() => client.close());
  const http = (path: string, host?: string) => fetched(vault.http.port, path, host);
  return {
    vault,
    client,
    log,
    http,
    send: (request) => client.unary(exportTracePath, request, { encoding: 'zstd', timeoutMs: 60_000 }),
    metric: async (name) => {
      const lines = (await http('/metrics')).body.split('\n');
      return Number(lines.find((line) => line.startsWith(`${name} `))?.slice(name.length + 1) ?? Number.NaN);
    },
  };
}

function opened(port: number, path: string, more: Record<string, string> = {}): Promise<IncomingMessage> {
  const headers = { authorization: `Bearer ${token}`, ...more };
  return new Promise((resolve, reject) => {
    get({ host: '127.0.0.1', port, path, headers, agent: false }, resolve).on('error', reject);
  });
}

async function fetched(port: number, path: string, host?: string): Promise<{ status: number; body: string }> {
  const response = await opened(port, path, host === undefined ? {} : { host });
  let body = '';
  for await (const chunk of response) body += String(chunk);
  return { status: response.statusCode ?? 0, body };
}

async function until(done: () => boolean | Promise<boolean>): Promise<void> {
  for (let i = 0; i < 6000 && !(await done()); i += 1) await new Promise((resolve) => setTimeout(resolve, 5));
}

/** Verdicts of the reels, joined: of the recorders' or the vaults'. */
async function verdictOf(dir: string, by: 'recorder' | 'vault' = 'recorder'): Promise<string> {
  const store = fileStore(dir);
  const reels = new Map<string, StoredSegment[]>();
  for await (const { key } of store.list('reel/')) {
    const { reel } = parseSegmentKey(key)!;
    reels.set(reel, [...(reels.get(reel) ?? []), { key, object: await store.get(key) }]);
  }
  const verdicts = [];
  for (const segments of reels.values()) verdicts.push(await checkReel(segments, { strict: true }));
  const judged = judgeTogether(verdicts).filter((verdict) => verdict.by === by);
  return judged.map(({ verdict }) => verdict).join();
}

const requestsOf = (segments: readonly TestSegment[]): Uint8Array[] => segments.map(({ request }) => request);

describe('startVault', () => {
  it('archives what recorders send, and goes on after a restart', async () => {
    const dir = newDir();
    const { reel, segments } = TestReel.whole(4);
    const [one, two, three, four] = requestsOf(segments) as [Uint8Array, Uint8Array, Uint8Array, Uint8Array];
    const first = await running(configOf(dir));
    expect(await first.send(one)).toMatchObject({ code: 0, reply: Buffer.alloc(0) });
    expect(await first.send(two)).toMatchObject({ code: 0 });
    expect(await first.send(two)).toMatchObject({ code: 0 });
    expect(await verdictOf(dir)).toBe('open');
    await first.vault.close();
    expect(readdirSync(dir).sort()).toEqual(['.holds.json', '.sequencer', 'log', 'reel']);
    const second = await running(configOf(dir));
    expect(await second.send(four)).toMatchObject({
      code: 9,
      message: 'out_of_order: expected segment 3, got 4',
    });
    expect(await second.send(three)).toMatchObject({ code: 0 });
    expect(await second.send(four)).toMatchObject({ code: 0 });
    expect(await verdictOf(dir)).toBe('complete');
    await second.vault.close();
    expect(await verdictOf(dir, 'vault')).toBe('complete,complete');
    const third = await running(configOf(dir));
    const known = JSON.parse((await third.http(`/v1/reels/${reel.reel}`)).body);
    expect(known).toEqual({
      reel: reel.reel,
      recorder: reel.recorder,
      segment: 4,
      seal: segments[3]?.sealDigest,
      last_seq: segments[3]?.lastSeq,
      next_key: segments[3]?.nextKey,
      recovery_key: reel.recovery.publicKey,
      recovered: false,
      closed: true,
    });
  });

  it('counts what it did', async () => {
    const { send, metric, http } = await running(configOf(newDir()));
    const { reel, segments } = TestReel.whole(2);
    const forged = reel.next(undefined, { segment: 1, firstSeq: 1, aside: true });
    for (const request of [...requestsOf(segments), segments[0]?.request ?? new Uint8Array()])
      await send(request);
    const refusal = await send(forged.request);
    expect([refusal.code, refusal.message.slice(0, 18)]).toEqual([9, 'forged: segment 1:']);
    expect(await send(Uint8Array.of(255))).toMatchObject({ code: 3, message: 'malformed: request' });
    const view = viewOf(segments[0]?.request ?? new Uint8Array()) ?? new Uint8Array();
    expect(await send(view)).toMatchObject({ code: 0, reply: Buffer.alloc(0) });
    const records = segments.reduce((sum, segment) => sum + segment.records.length, 0);
    const expected = {
      pgtape_vault_segments_stored_total: 2,
      pgtape_vault_segments_duplicate_total: 1,
      'pgtape_vault_segments_quarantined_total{reason="forged"}': 1,
      'pgtape_vault_requests_refused_total{reason="forged"}': 1,
      'pgtape_vault_requests_refused_total{reason="malformed"}': 1,
      pgtape_vault_records_total: records,
      pgtape_vault_view_spans_total: 2,
      pgtape_vault_put_seconds_count: 2,
      pgtape_vault_reels_known: 1,
      pgtape_vault_inflight_bytes: 0,
    };
    const seen: Record<string, number> = {};
    for (const name of Object.keys(expected)) seen[name] = await metric(name);
    expect(seen).toEqual(expected);
    expect((await http('/metrics')).body).toMatch(/^pgtape_vault_record_bytes_total [1-9]/m);
  });

  it('alerts in the log, and names the quarantined object', async () => {
    const dir = newDir();
    const { send, log } = await running(configOf(dir));
    const reel = new TestReel();
    await send(reel.next().request);
    const forged = reel.next(undefined, { segment: 1, firstSeq: 1, aside: true });
    await send(forged.request);
    const alert = log.map((line) => JSON.parse(line)).find((line) => line.alert === 'forged');
    expect(alert).toMatchObject({ level: 'error', reel: reel.reel, segment: 1 });
    expect(await fileStore(dir).has(alert.object)).toBe(true);
    expect(log.join('')).not.toContain('SELECT');
  });

  it('alerts and counts when the quarantine is full, and goes on', async () => {
    const { send, log, metric } = await running(configOf(newDir(), { limits: { quarantineBytesMax: 0 } }));
    const reel = new TestReel();
    await send(reel.next().request);
    const forged = reel.next(undefined, { segment: 1, firstSeq: 1, aside: true });
    const { code, message } = await send(forged.request);
    expect([code, message.slice(0, 27)]).toEqual([8, 'quarantine_full: segment 1:']);
    expect(await metric('pgtape_vault_requests_refused_total{reason="quarantine_full"}')).toBe(1);
    const alerts = log.map((line) => JSON.parse(line)).filter((line) => line.alert === 'forged');
    expect(alerts).toEqual([expect.objectContaining({ level: 'error', reel: reel.reel, segment: 1 })]);
    expect(await send(reel.next().request)).toMatchObject({ code: 0 });
  });

  it.each(['failed', 'failed_yet_persisted'] as const)(
    'answers UNAVAILABLE when the store %s',
    async (fault) => {
      let now: MemoryFault = fault;
      const store = memoryStore((operation) => (operation === 'putOnce' ? now : 'none'));
      const { send, http, metric } = await running(configOf(newDir()), { store });
      const { segments } = TestReel.whole(1);
      const request = segments[0]?.request ?? new Uint8Array();
      // Who began the reel is written down before its first segment is stored.
      expect(await send(request)).toMatchObject({ code: 14, message: 'vault_reel: VAULT_REEL_LATE' });
      expect(await http('/readyz')).toEqual({ status: 503, body: '{"ok":false,"reasons":["STORE_IO"]}' });
      expect(await http('/livez')).toEqual({ status: 200, body: '{"ok":true,"reasons":[]}' });
      now = 'none';
      expect(await send(request)).toMatchObject({ code: 0 });
      expect(await metric('pgtape_vault_requests_refused_total{reason="vault_reel"}')).toBe(1);
    },
  );

  it('lets one vault write into an archive', async () => {
    const dir = newDir();
    const first = await running(configOf(dir));
    await expect(startVault(configOf(dir))).rejects.toMatchObject({ code: 'ARCHIVE_LOCKED' });
    await first.vault.close();
    await running(configOf(dir));
  });

  it.each(['otlp', 'http'] as const)(
    'says which port is taken, and leaves nothing behind: %s',
    async (which) => {
      const dir = newDir();
      const { vault } = await running(configOf(newDir()));
      const taken = configOf(dir, { [which]: { port: vault[which].port } });
      const failed = startVault({ ...taken, log: { level: 'silent' } });
      await expect(failed).rejects.toMatchObject({ code: 'LISTEN_FAILED' });
      await expect(failed).rejects.toThrow(
        `EADDRINUSE): something listens there already; stop it or set ${which}.port`,
      );
      // The log's key and name are made once, and stay.
      expect(readdirSync(dir)).toEqual(['.sequencer']);
    },
  );

  it('says what is wrong with the archive directory or a TLS file', async () => {
    const file = join(scratch, 'file');
    writeFileSync(file, '');
    const inFile = configOf(join(file, 'archive'), { log: { level: 'silent' } });
    await expect(startVault(inFile)).rejects.toMatchObject({ code: 'ARCHIVE_UNUSABLE' });
    const tls = { certFile: '/absent/cert.pem', keyFile: '/absent/key.pem' };
    const config = configOf(newDir(), { otlp: { port: 0, tls }, log: { level: 'silent' } });
    await expect(startVault(config)).rejects.toThrow(/cert\.pem \(ENOENT\): correct otlp\.tls\.certFile/);
  });

  it('answers what is running when it closes', async () => {
    const { vault, send } = await running(configOf(newDir()));
    const sent = send(new TestReel().next().request);
    await new Promise((resolve) => setTimeout(resolve, 20));
    await vault.close();
    expect([0, 14]).toContain((await sent).code);
  });
});

describe('forwarding', () => {
  it('gives the tracing backend views of segments and of other senders', async () => {
    const got: Uint8Array[] = [];
    const handlers = new Map([
      [
        exportTracePath,
        (message: Uint8Array) => {
          got.push(message);
          return Promise.resolve(new Uint8Array());
        },
      ],
    ]);
    const backend = new GrpcServer({ handlers, maxMessageBytes: 1 << 24 });
    const { port } = await backend.listen('127.0.0.1', 0);
    endings.push(() => backend.close());
    const { send, metric } = await running(
      configOf(newDir(), { forward: { url: `http://127.0.0.1:${port}` } }),
    );
    const reel = new TestReel();
    const { request } = reel.next(reel.opening());
    const view = viewOf(request) ?? new Uint8Array();
    await send(request);
    await send(request);
    await send(view);
    await until(() => got.length === 2);
    expect(got.map((message) => readSegmentRequest(message).kind)).toEqual(['view', 'view']);
    expect(got.map((message) => Buffer.from(message).equals(view))).toEqual([true, true]);
    // Counted when the backend's answer is here, not when it was given.
    await until(async () => (await metric('pgtape_vault_forward_queue_bytes')) === 0);
    expect(await metric('pgtape_vault_forwarded_bytes_total')).toBe(2 * view.length);
    expect(await metric('pgtape_vault_forward_queue_bytes')).toBe(0);
  });

  it('drops views, never evidence, when nobody takes them', async () => {
    const dir = newDir();
    const forward = { url: 'http://127.0.0.1:9', queueBytesMax: 1500 };
    const { send, metric, vault } = await running(configOf(dir, { forward }));
    for (const request of requestsOf(TestReel.whole(5).segments))
      expect(await send(request)).toMatchObject({ code: 0 });
    expect(await metric('pgtape_vault_forward_dropped_total{reason="forward_queue_full"}')).toBeGreaterThan(
      0,
    );
    await vault.close();
    expect(await verdictOf(dir)).toBe('complete');
  });
});

describe('/v1/tail', () => {
  const linesOf = (segments: readonly TestSegment[], kind = ''): string =>
    segments
      .flatMap((segment) => segment.records)
      .filter((line) => line.includes(`"kind":"${kind}`))
      .map((line) => `${line}\n`)
      .join('');

  async function watching(port: number, path: string) {
    const response = await opened(port, path, { 'pgtape-grant': await granted(port, { action: 'tail' }) });
    const seen = { text: '', response, ended: false };
    response.on('data', (chunk) => {
      seen.text += String(chunk);
    });
    response.on('close', () => {
      seen.ended = true;
    });
    response.on('error', () => undefined);
    endings.push(async () => response.destroy());
    return seen;
  }

  it('shows records as they are acknowledged, each once', async () => {
    const { send, vault, metric } = await running(configOf(newDir()));
    const { reel, segments } = TestReel.whole(3);
    const all = await watching(vault.http.port, '/v1/tail');
    const statements = await watching(
      vault.http.port,
      `/v1/tail?session=${reel.session}&kinds=statement,gap`,
    );
    const nothing = await watching(vault.http.port, '/v1/tail?session=0000000000000000-1');
    expect(all.response.headers['content-type']).toBe('application/x-ndjson');
    for (const request of [...requestsOf(segments), ...requestsOf(segments)]) await send(request);
    // Each client has a connection of its own.
    const seen = (): number => all.text.length + statements.text.length;
    await until(() => seen() >= linesOf(segments).length + linesOf(segments, 'statement').length);
    expect(all.text).toBe(linesOf(segments));
    expect(statements.text).toBe(linesOf(segments, 'statement'));
    expect(nothing.text).toBe('');
    expect(await metric('pgtape_vault_tail_clients')).toBe(3);
    await vault.close();
    await until(() => all.ended && statements.ended && nothing.ended);
    expect([all.ended, statements.ended, nothing.ended]).toEqual([true, true, true]);
  });

  it('forgets clients that left', async () => {
    const { vault, http } = await running(configOf(newDir()));
    const client = await watching(vault.http.port, '/v1/tail');
    client.response.destroy();
    let status = '';
    for (let i = 0; i < 1000 && !status.includes('"tail":{"clients":0}'); i += 1) {
      status = (await http('/v1/status')).body;
    }
    expect(status).toContain('"tail":{"clients":0}');
  });

  it('lets a client that does not read miss lines, and tells it how many', async () => {
    const config = configOf(newDir(), { tail: { bufferBytesMax: 1000 } });
    const { send, vault, metric } = await running(config, { store: memoryStore() });
    const slow = await watching(vault.http.port, '/v1/tail');
    slow.response.pause();
    const reel = new TestReel();
    const sent = 24;
    for (let i = 0; i < sent; i += 1) {
      const drafts = [reel.statement(`SELECT '${'x'.repeat(900_000)}'`)];
      expect(await send(reel.next(drafts).request)).toMatchObject({ code: 0 });
    }
    const missed = await metric('pgtape_vault_tail_lagged_lines_total');
    expect(missed).toBeGreaterThan(0);
    slow.response.resume();
    await until(() => slow.text.includes('{"lagged":'));
    const lines = slow.text.trimEnd().split('\n');
    expect(lines.at(-1)).toBe(`{"lagged":${missed}}`);
    expect(lines.length - 1).toBe(sent - missed);
  });

  it('has room for so many clients', async () => {
    const { vault, http } = await running(configOf(newDir(), { tail: { clientsMax: 1 } }));
    await watching(vault.http.port, '/v1/tail');
    const second = await watching(vault.http.port, '/v1/tail');
    expect(second.response.statusCode).toBe(503);
    await until(() => second.ended);
    expect(JSON.parse(second.text)).toMatchObject({ error: 'too_many_clients', act: 'nobody' });
    expect((await http('/v1/status')).body).toContain('"tail":{"clients":1}');
  });
});

describe('HTTP', () => {
  it.each([
    { path: '/livez', status: 200 },
    { path: '/readyz', status: 200 },
    { path: '/metrics', status: 200 },
    { path: '/v1/status', status: 200 },
    { path: '/v1/reels/00', status: 400 },
    { path: `/v1/reels/${'0'.repeat(32)}`, status: 404 },
    { path: `/v1/reels/${'0'.repeat(32)}?recorder=${'0'.repeat(16)}`, status: 404 },
    { path: `/v1/reels/${'0'.repeat(32)}?recorder=..`, status: 400 },
    { path: '/v1/reels/..%2f..%2fetc', status: 400 },
    { path: '/v1/tail', status: 403 },
    { path: '/v1/objects/', status: 403 },
    { path: '/v1/nothing', status: 404 },
  ])('answers $path with $status', async ({ path, status }) => {
    const { http } = await running(configOf(newDir()));
    const answer = await http(path);
    expect(answer.status).toBe(status);
    if (status >= 400) expect(JSON.parse(answer.body)).toHaveProperty('error');
  });

  it.each([
    { host: '127.0.0.1:1', status: 200 },
    { host: 'localhost', status: 200 },
    { host: '[::1]:7417', status: 200 },
    { host: 'evil.example', status: 421 },
    { host: '127.0.0.1.evil.example', status: 421 },
  ])('on loopback answers only those who ask for loopback: $host', async ({ host, status }) => {
    const { http } = await running(configOf(newDir()));
    expect((await http('/v1/status', host)).status).toBe(status);
  });
});

it('keeps nothing but its lock, its log and an index of holds beside the objects', async () => {
  const dir = newDir();
  const { send } = await running(configOf(dir));
  await send(new TestReel().next().request);
  // The vault's own reel may be on its way into the archive.
  const names = readdirSync(dir).filter((name) => !name.startsWith('.tmp-'));
  expect(names.sort()).toEqual(['.holds.json', '.sequencer', '.vault.lock', 'log', 'reel']);
  expect(JSON.parse(readFileSync(join(dir, '.vault.lock'), 'utf8'))).toMatchObject({ pid: process.pid });
});
