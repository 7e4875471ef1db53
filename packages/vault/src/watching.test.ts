/** What a vault sees of reels at work, over gRPC and across its own restarts. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeObject } from '@pgtape/evidence';
import { GrpcClient, sentAtMetadata } from '@pgtape/otlp';
import { fileStore } from '@pgtape/store';
import { VaultConfig } from './config.ts';
import { answerTo, TestReel } from './segments.testing.ts';
import { startVault, type Vault } from './vault.ts';

const scratch = mkdtempSync(join(tmpdir(), 'pgtape-watching-'));
const endings: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end().catch(() => undefined);
});
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

async function vaultAt(dir: string): Promise<Vault> {
  const settings = {
    otlp: { port: 0 },
    http: { port: 0 },
    archive: { store: dir },
    log: { level: 'silent' },
  };
  const vault = await startVault(VaultConfig.parse(settings));
  endings.push(() => vault.close());
  return vault;
}

async function metricOf(vault: Vault, name: string): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${vault.http.port}/metrics`)).text();
  const line = text.split('\n').find((each) => each.startsWith(`${name} `));
  return Number(line?.slice(name.length + 1) ?? Number.NaN);
}

/** What is true soon, and stays so. */
async function until(isTrue: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 3000; tries += 1) {
    if (await isTrue()) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error('it did not become true');
}

/** Records of the vaults' own reels, of these kinds. */
async function told(dir: string, ...kinds: string[]): Promise<Record<string, unknown>[]> {
  const store = fileStore(dir);
  const found: Record<string, unknown>[] = [];
  for await (const { key } of store.list('reel/')) {
    const lines = Buffer.from(decodeObject(await store.get(key)))
      .toString()
      .trimEnd()
      .split('\n');
    const records = lines.slice(1, -1).map((line) => JSON.parse(line));
    found.push(...records.filter(({ kind }) => kinds.includes(kind)));
  }
  return found;
}

describe('the watch over reels', () => {
  it('knows after a restart which are open, and which alerts stand', async () => {
    const dir = join(scratch, 'open');
    const first = await vaultAt(dir);
    const client = new GrpcClient({ url: `http://127.0.0.1:${first.otlp.port}` });
    endings.push(() => client.close());
    const reel = new TestReel();
    const send = (to: GrpcClient, request: Uint8Array) => answerTo(to, request);
    await send(client, reel.next(reel.opening()).request);
    const [whole] = TestReel.whole(1).segments;
    await send(client, whole!.request);
    // A heartbeat of a session that has lines nobody sent.
    const open = [{ session: reel.session, n: 9 }];
    const at = { at: '1795000000000000000', mono: '1000' };
    const heartbeat = { ...at, kind: 'heartbeat', opened: 1, closed: 0, statements: 0, open } as const;
    await send(client, reel.next([heartbeat]).request);
    expect(await metricOf(first, 'pgtape_vault_reels_open')).toBe(1);
    expect(await metricOf(first, 'pgtape_vault_alerts{reason="lines_missing"}')).toBe(1);
    await first.close();

    const second = await vaultAt(dir);
    await until(async () => (await metricOf(second, 'pgtape_vault_reels_open')) === 1);
    expect(await metricOf(second, 'pgtape_vault_alerts{reason="lines_missing"}')).toBe(1);
    const again = new GrpcClient({ url: `http://127.0.0.1:${second.otlp.port}` });
    endings.push(() => again.close());
    await send(again, reel.next(reel.closing()).request);
    expect(await metricOf(second, 'pgtape_vault_reels_open')).toBe(0);
    expect(await metricOf(second, 'pgtape_vault_alerts{reason="lines_missing"}')).toBe(0);
    await second.close();
    const alert = { kind: 'alert', reason: 'lines_missing', of_reel: reel.reel };
    expect(await told(dir, 'alert')).toEqual([
      expect.objectContaining({ ...alert, state: 'raised', detail: expect.stringContaining('8 lines') }),
      expect.objectContaining({ ...alert, state: 'cleared', detail: 'the reel ended' }),
    ]);
  });

  it('measures how far a recorder’s clock is off, records it and alerts', async () => {
    const dir = join(scratch, 'skew');
    const vault = await vaultAt(dir);
    const client = new GrpcClient({ url: `http://127.0.0.1:${vault.otlp.port}` });
    endings.push(() => client.close());
    const reel = new TestReel();
    const send = (request: Uint8Array) =>
      answerTo(client, request, {
        encoding: 'identity',
        metadataAtSend: () => ({ [sentAtMetadata]: `${Date.now() + 5000}000000` }),
      });
    // The connection's first call does not tell the time: it would count the connecting.
    await send(reel.next(reel.opening()).request);
    expect(await metricOf(vault, 'pgtape_vault_clock_skew_seconds')).toBe(0);
    const beganMs = performance.now();
    await send(reel.next().request);
    // However busy this process is: the message was under way for no longer than the whole call took.
    const heldUpMs = performance.now() - beganMs;
    const toldMs = (await metricOf(vault, 'pgtape_vault_clock_skew_seconds')) * 1000;
    expect(5000 - toldMs).toBeLessThanOrEqual(heldUpMs + 1);
    expect(await metricOf(vault, 'pgtape_vault_alerts{reason="clock_skew"}')).toBe(1);
    await send(reel.next(reel.closing()).request);
    expect(await metricOf(vault, 'pgtape_vault_alerts{reason="clock_skew"}')).toBe(0);
    await vault.close();
    const about = { of_reel: reel.reel };
    expect(await told(dir, 'skew', 'alert')).toEqual([
      expect.objectContaining({ ...about, kind: 'skew', of_recorder: reel.recorder }),
      expect.objectContaining({ ...about, kind: 'alert', state: 'raised', reason: 'clock_skew' }),
      expect.objectContaining({ ...about, kind: 'alert', state: 'cleared', reason: 'clock_skew' }),
    ]);
    const [skew] = await told(dir, 'skew');
    const [skewMs, boundMs] = [Number(skew?.skew_ms), Number(skew?.bound_ms)];
    expect(skewMs - 5000).toBeLessThanOrEqual(boundMs + 1);
    expect(5000 - skewMs).toBeLessThanOrEqual(heldUpMs + 1);
  });
});
