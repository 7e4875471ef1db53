/**
 * Whatever storage call fails, and wherever the writer dies, every checkpoint it signed is of one growing tree that
 * can be read, and the next writer goes on from there.
 */
import {
  COSIGNATURE_V1,
  type Cosign,
  checkByPolicy,
  formatVkey,
  type LogSigner,
  LogWriter,
  openCheckpoint,
  parseCheckpointPath,
  parsePolicy,
  verifyConsistency,
} from './index.ts';
import { MemoryLogStorage, type StorageFault, violationsOf } from './memoryLogStorage.testing.ts';
import { bytesOf, hex, sign, type TestKey, testKey } from './testLog.testing.ts';

const origin = 'log.example';
const key = testKey(origin, 1);
const signerOf = (from: TestKey): LogSigner => ({
  vkey: from.verifier,
  sign: async (bytes) => sign(from, Buffer.from(bytes).toString()).signature,
});
const alone: Cosign = async () => [];

function writerOn(
  storage: MemoryLogStorage,
  more: Partial<ConstructorParameters<typeof LogWriter>[0]> = {},
): LogWriter {
  return new LogWriter({ origin, storage, signers: [signerOf(key)], formerKeys: [], cosign: alone, ...more });
}

const entries = Array.from({ length: 900 }, (_, i) => bytesOf(`entry ${i}`));
/** Sizes published one after the other: the first, a widened bundle, the edges of tiles, several at once. */
const steps = [0, 3, 5, 255, 256, 257, 600];

/** Publishes step by step as a sequencer does: what the journal has from the tree's end, again until it is done. */
async function publishAll(storage: MemoryLogStorage, writer: LogWriter, tries: number): Promise<void> {
  for (const size of steps) {
    for (let left = tries; left > 0; left -= 1) {
      const done = await writer.publish(0, entries.slice(0, size)).then(
        () => true,
        () => false,
      );
      if (done || storage.killed) break;
    }
    if (storage.killed) return;
  }
}

describe('LogWriter', () => {
  it('writes bundles, then tiles from below, then the signed checkpoint, then publishes it', async () => {
    const storage = new MemoryLogStorage();
    const writer = writerOn(storage);
    await writer.publish(0, entries.slice(0, 255));
    storage.calls.length = 0;
    await writer.publish(255, entries.slice(255, 600));
    expect(storage.calls).toEqual([
      'get checkpoint',
      'put tile/entries/000',
      'put tile/entries/001',
      'put tile/entries/002.p/88',
      'put tile/0/000',
      'put tile/0/001',
      'put tile/0/002.p/88',
      'put tile/1/000.p/2',
      'put checkpoints/000000000600',
      'swap checkpoint',
    ]);
    expect(Object.fromEntries(storage.retention)).toMatchObject({
      'tile/entries/000.p/255': 'short',
      'tile/entries/000': 'long',
      'tile/1/000.p/2': 'short',
      'checkpoints/000000000600': 'long',
    });
    storage.calls.length = 0;
    await writer.publish(600, entries.slice(600, 601));
    expect(storage.calls).toEqual([
      'get checkpoint',
      'put tile/entries/002.p/89',
      'put tile/0/002.p/89',
      'put checkpoints/000000000601',
      'swap checkpoint',
    ]);
  });

  it('holds a whole tree after every single call', async () => {
    const storage = new MemoryLogStorage();
    const snapshots: MemoryLogStorage[] = [];
    storage.after = () => void snapshots.push(storage.reopened());
    await publishAll(storage, writerOn(storage), 1);
    const found: string[] = [];
    for (const [i, snapshot] of snapshots.entries()) {
      for (const violation of await violationsOf(snapshot, [key.verifier], entries))
        found.push(`after ${storage.calls[i]}: ${violation}`);
    }
    expect(found).toEqual([]);
    expect(await writerOn(storage).head()).toMatchObject({ published: { size: 600 }, unsigned: [] });
  });

  const faults: StorageFault[] = ['failed', 'failed_yet_persisted', 'killed_before', 'killed_after'];
  const rows = faults.flatMap((fault) =>
    ['kept', 'lost'].map((journal) => ({ name: `${fault}, the journal ${journal}`, fault, journal })),
  );
  it.each(rows)('at every storage call: $name', async ({ fault, journal }) => {
    const plain = new MemoryLogStorage();
    await publishAll(plain, writerOn(plain), 1);
    const found: string[] = [];
    for (let at = 0; at < plain.calls.length; at += 1) {
      const storage = new MemoryLogStorage();
      storage.fault = (call) => (call === at ? fault : 'none');
      await publishAll(storage, writerOn(storage), 2);
      const label = `${fault} at ${at} ${plain.calls[at]}`;
      for (const violation of await violationsOf(storage, [key.verifier], entries))
        found.push(`${label}: ${violation}`);
      const size = journal === 'kept' ? 700 : await goOnWithoutJournal(storage);
      const next = storage.reopened();
      if (journal === 'kept') await writerOn(next).publish(0, entries.slice(0, 700));
      const head = await writerOn(journal === 'kept' ? next : storage).head();
      if (head.tree.size !== size || head.published?.size !== size)
        found.push(`${label}: then ${head.tree.size}`);
    }
    expect(plain.calls.length).toBeGreaterThan(30);
    expect(found).toEqual([]);
  });

  /** Other entries come, behind those that the dead writer left: its journal is gone. The size in the end. */
  async function goOnWithoutJournal(storage: MemoryLogStorage): Promise<number> {
    storage.killed = false;
    storage.fault = () => 'none';
    const writer = writerOn(storage);
    const head = await writer.head();
    const others = Array.from({ length: 300 }, (_, i) => bytesOf(`other ${i}`));
    const next = [...head.unsigned, ...others];
    await writer.publish(head.tree.size, next);
    const all = [...entries.slice(0, head.tree.size), ...next];
    expect(await violationsOf(storage, [key.verifier], all)).toEqual([]);
    return all.length;
  }

  it('is fenced for good when another writer publishes', async () => {
    const storage = new MemoryLogStorage();
    const [first, second] = [writerOn(storage), writerOn(storage)];
    await first.publish(0, entries.slice(0, 2));
    await second.publish(0, entries.slice(0, 3));
    await expect(first.publish(0, entries.slice(0, 4))).rejects.toMatchObject({ code: 'LOG_FENCED' });
    await expect(first.head()).rejects.toMatchObject({ code: 'LOG_FENCED' });
    await expect(first.publish(0, entries.slice(0, 5))).rejects.toMatchObject({ code: 'LOG_FENCED' });
    expect(await violationsOf(storage, [key.verifier], entries)).toEqual([]);
    expect(await second.publish(0, entries.slice(0, 5))).toMatchObject({ size: 5 });
  });

  it('writes and signs nothing into a log that went on without it', async () => {
    const storage = new MemoryLogStorage();
    const [first, second] = [writerOn(storage), writerOn(storage)];
    await first.publish(0, entries.slice(0, 2));
    await second.publish(0, entries.slice(0, 9));
    storage.calls.length = 0;
    // Its own entries make another tree: whatever it wrote would be a fork.
    const others = [...entries.slice(0, 2), bytesOf('another')];
    await expect(first.publish(0, others)).rejects.toMatchObject({ code: 'LOG_FENCED' });
    expect(storage.calls).toEqual(['get checkpoint']);
    expect(await violationsOf(storage, [key.verifier], entries)).toEqual([]);
  });

  it('signs no second tree of a size, whatever another writer with the same key holds', async () => {
    const storage = new MemoryLogStorage();
    const [first, second] = [writerOn(storage), writerOn(storage)];
    await first.publish(0, entries.slice(0, 2));
    await second.head();
    const before = await storage.latestCheckpoint();
    await first.publish(0, entries.slice(0, 3));
    const others = [...entries.slice(0, 2), bytesOf('another')];
    // It looked before the first one published.
    const { latestCheckpoint } = storage;
    storage.latestCheckpoint = async () => before;
    await expect(second.publish(0, others)).rejects.toMatchObject({ code: 'LOG_DIVERGED' });
    storage.latestCheckpoint = latestCheckpoint;
    expect(await violationsOf(storage, [key.verifier], entries)).toEqual([]);
  });

  it('goes on only with what was written before, and only from where the tree ends', async () => {
    const storage = new MemoryLogStorage();
    storage.fault = (call) =>
      storage.calls[call - 1]?.startsWith('put tile/entries') ? 'killed_before' : 'none';
    await expect(writerOn(storage).publish(0, entries.slice(0, 3))).rejects.toThrow('killed_before');
    const next = writerOn(storage.reopened());
    expect((await next.head()).unsigned.map(hex)).toEqual(entries.slice(0, 3).map(hex));
    await expect(next.publish(0, [bytesOf('x')])).rejects.toMatchObject({ code: 'LOG_DIVERGED' });
    await expect(next.publish(9, [bytesOf('x')])).rejects.toMatchObject({ code: 'LOG_DIVERGED' });
    expect(await next.publish(0, entries.slice(0, 2))).toMatchObject({ size: 2 });
    await expect(next.publish(2, [bytesOf('x')])).rejects.toMatchObject({ code: 'LOG_DIVERGED' });
    expect(await next.publish(2, entries.slice(2, 4))).toMatchObject({ size: 4 });
  });

  it.each([
    { name: 'a tile', path: 'tile/0/001.p/44', code: 'TILE_DAMAGED' },
    { name: 'a bundle', path: 'tile/entries/001.p/44', code: 'TILE_DAMAGED' },
    { name: 'the checkpoint', path: 'checkpoint', code: 'LOG_KEY' },
    { name: 'its copy', path: 'checkpoints/000000000300', code: 'LOG_KEY' },
  ])('will not go on from $name with a changed byte, or without it', async ({ path, code }) => {
    const storage = new MemoryLogStorage();
    await writerOn(storage).publish(0, entries.slice(0, 300));
    const bytes = Uint8Array.from(storage.files.get(path)!);
    // In a signature, of a checkpoint; behind the length, of a bundle.
    bytes[bytes.length - 9]! ^= 1;
    storage.files.set(path, bytes);
    await expect(writerOn(storage).head()).rejects.toMatchObject({ code });
    storage.files.delete(path);
    if (path !== 'checkpoint')
      await expect(writerOn(storage).head()).rejects.toMatchObject({ code: 'TILE_DAMAGED' });
    // A published checkpoint that was deleted is published again, from its copy.
    else expect(await writerOn(storage).publish(0, entries.slice(0, 300))).toMatchObject({ size: 300 });
  });
});

describe("LogWriter's keys", () => {
  const next = testKey(origin, 2);
  const size = (storage: MemoryLogStorage, ...keys: TestKey[]): string | number => {
    const verifiers = keys.map(({ verifier }) => verifier);
    const opening = openCheckpoint(storage.files.get('checkpoint')!, verifiers);
    return opening.ok ? opening.checkpoint.size : opening.reason;
  };

  it('rotate: both sign for a while, then the new one alone; those who know either see no break', async () => {
    const storage = new MemoryLogStorage();
    await writerOn(storage).publish(0, entries.slice(0, 2));
    const both = writerOn(storage, { signers: [signerOf(next), signerOf(key)] });
    await both.publish(0, entries.slice(0, 4));
    expect([size(storage, key), size(storage, next), size(storage, key, next)]).toEqual([4, 4, 4]);
    const after = writerOn(storage, { signers: [signerOf(next)], formerKeys: [key.verifier] });
    await after.publish(0, entries.slice(0, 6));
    expect([size(storage, key), size(storage, next)]).toEqual(['no_known_signature', 6]);
    expect(await violationsOf(storage, [key.verifier, next.verifier], entries)).toEqual([]);
  });

  it('may be exchanged at once where the old public key is still known, and not otherwise', async () => {
    const storage = new MemoryLogStorage();
    await writerOn(storage).publish(0, entries.slice(0, 2));
    const stranger = writerOn(storage, { signers: [signerOf(next)] });
    await expect(stranger.publish(0, entries.slice(0, 3))).rejects.toMatchObject({ code: 'LOG_KEY' });
    const heir = writerOn(storage, { signers: [signerOf(next)], formerKeys: [key.verifier] });
    expect(await heir.publish(0, entries.slice(0, 3))).toMatchObject({ size: 3 });
  });

  it('sign again what a writer with another key had signed and not published', async () => {
    const storage = new MemoryLogStorage();
    await writerOn(storage).publish(0, entries.slice(0, 2));
    const before = storage.reopened();
    before.fault = (call) =>
      before.calls[call - 1]?.startsWith('put checkpoints/') ? 'killed_before' : 'none';
    await writerOn(before)
      .publish(0, entries.slice(0, 3))
      .catch(() => undefined);
    const sizes = [...before.files.keys()].flatMap((path) => parseCheckpointPath(path) ?? []);
    expect([before.killed, sizes]).toEqual([true, [0, 2, 3]]);
    const after = before.reopened();
    const heir = writerOn(after, { signers: [signerOf(next)], formerKeys: [key.verifier] });
    await heir.publish(0, entries.slice(0, 3));
    expect(size(after, next)).toBe(3);
  });
});

describe("LogWriter's witnesses", () => {
  it('are asked with a durable checkpoint and a proof, and their signatures are published with it', async () => {
    const storage = new MemoryLogStorage();
    const witness = testKey('w.example', 9, COSIGNATURE_V1);
    const asked: { size: number; stored: boolean; consistent: boolean }[] = [];
    const roots = new Map<number, Uint8Array>();
    const cosign: Cosign = async ({ size, body, bytes, consistencyFrom }) => {
      const opening = openCheckpoint(bytes, [key.verifier]);
      if (!opening.ok) throw new Error(opening.reason);
      roots.set(size, opening.checkpoint.root);
      const older = Math.min(...roots.keys());
      const proof = await consistencyFrom(older);
      const consistent = verifyConsistency(older, size, roots.get(older)!, roots.get(size)!, proof);
      const stored = [...storage.files.keys()].some((path) => parseCheckpointPath(path) === size);
      asked.push({ size, stored, consistent });
      return [sign(witness, body)];
    };
    const writer = writerOn(storage, { cosign });
    for (const size of [0, 2, 300, 301]) await writer.publish(0, entries.slice(0, size));
    expect(asked).toEqual([2, 300, 301].map((size) => ({ size, stored: true, consistent: true })));
    const text = `log ${formatVkey(key.verifier)}\nwitness W ${formatVkey(witness.verifier)}\nquorum W\n`;
    const policy = parsePolicy(bytesOf(text));
    expect(policy.ok && checkByPolicy(policy.value, storage.files.get('checkpoint')!)).toMatchObject({
      ok: true,
      checkpoint: { size: 301 },
      cosigned: [{ name: 'W' }],
    });
  });
});
