import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeBigArchive } from './archive.testing.ts';
import { listedArchive } from './archive.ts';
import { exitCode } from './exitCode.ts';
import { FakeIo, runFake } from './fakeIo.testing.ts';
import { paintFor } from './paint.ts';
import { runProgram } from './program.ts';
import { readReels } from './reelPool.ts';

describe('an archive that is worth threads', () => {
  let root = '';
  beforeAll(() => {
    root = mkdtempSync(join(tmpdir(), 'pgtape-big-'));
    writeBigArchive(root, 36_000, 3, 500);
  });
  afterAll(() => {
    rmSync(root, { recursive: true });
  });

  it('is checked in threads as it is in one, in the order asked', async () => {
    const io = new FakeIo();
    const archive = await listedArchive(io, root, { kind: 'direct', address: root });
    expect(archive.reels.reduce((sum, { bytes }) => sum + bytes, 0)).toBeGreaterThan(1024 * 1024);
    const paint = paintFor(io, io.err, true);
    const together = await readReels(io, archive, archive.reels, {}, paint);
    const alone = [];
    for (const reel of archive.reels) alone.push(...(await readReels(io, archive, [reel], {}, paint)));
    expect(together).toEqual(alone);
    expect(
      together.map(({ verdict, sessions }) => [verdict.verdict, verdict.segments, sessions.length]),
    ).toEqual(Array.from({ length: 3 }, () => ['complete', 24, 40]));
  });

  it('keeps the order of hits over threads and segments', async () => {
    const io = await runFake(['search', '--archive', root, '-o', 'jsonl']);
    const lines = io.out.text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { reel: string; seq: number });
    expect(lines.length).toBe(36_000);
    const places = lines.map(({ reel, seq }) => `${reel}${String(seq).padStart(9, '0')}`);
    expect(places).toEqual([...places].sort());
    const some = await runFake(['search', '--archive', root, '--limit', '12345', '-o', 'jsonl']);
    expect(some.out.text).toBe(io.out.text.split('\n').slice(0, 12_345).join('\n').concat('\n'));
  });

  it('stops its threads at a signal', async () => {
    const io = new FakeIo();
    const ended = runProgram(['verify', '--archive', root], io);
    setTimeout(() => io.controller.abort('signal'), 60);
    await ended;
    expect([io.code, io.out.text]).toEqual([exitCode.interrupted, '']);
  });
});
