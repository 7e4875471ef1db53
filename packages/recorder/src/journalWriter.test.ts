import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type JournalDisk, journalDisk } from './journalFile.ts';
import { entryKind, fileHeaderBytes, journalMagic } from './journalFormat.ts';
import { JournalWriter } from './journalWriter.ts';
import { readJournal, testReel } from './relayFixture.testing.ts';

let dir: string;
let nowMs: number;
const progress = new Float64Array(2);

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'pgtape-journal-'));
  nowMs = 0;
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

function open(more: { disk?: JournalDisk; fileBytesMax?: number } = {}): JournalWriter {
  return new JournalWriter({ dir, reel: testReel, nowMs: () => nowMs, progress, ...more });
}

/** Kind, session and text of each entry behind the reel's and the clock's. */
const written = (): string[] =>
  readJournal(dir)
    .filter((entry) => entry.kind !== 'reel' && entry.kind !== 'clock')
    .map((entry) => `${entry.kind} ${entry.session} ${entry.body.toString('latin1')}`);

function keep(journal: JournalWriter, kind: number, session: number, text: string): void {
  const bytes = Buffer.from(text);
  journal.turn.stream(kind, session, bytes, 0, bytes.length);
}

describe('JournalWriter', () => {
  it('begins a file with magic, number, reel and clock', () => {
    open().dispose();
    const bytes = readFileSync(join(dir, '00000001.journal'));
    expect(bytes.toString('latin1', 0, 8)).toBe(journalMagic);
    expect(bytes.readBigUInt64LE(8)).toBe(1n);
    expect(readJournal(dir).map((entry) => entry.kind)).toEqual(['reel', 'clock']);
    expect(JSON.parse(readJournal(dir)[0]?.body.toString() ?? '')).toEqual(testReel);
    expect(readJournal(dir)[1]?.body.readDoubleLE(0)).toBe(testReel.wallUs);
    expect(progress[0]).toBe(bytes.length);
  });

  it('joins neighbouring pieces of one stream and keeps others apart', () => {
    const journal = open();
    keep(journal, entryKind.frontend, 1, 'ab');
    keep(journal, entryKind.frontend, 1, 'c'.repeat(100));
    keep(journal, entryKind.frontend, 2, 'd');
    keep(journal, entryKind.backend, 2, 'e');
    journal.turn.numbers(entryKind.counted, 0x44, 2, 1, 3, 4096.5, null);
    keep(journal, entryKind.backend, 2, 'f');
    expect(journal.flush()).toBe(true);
    expect(written().filter((line) => !line.startsWith('counted'))).toEqual([
      `frontend 1 ab${'c'.repeat(100)}`,
      'frontend 2 d',
      'backend 2 e',
      'backend 2 f',
    ]);
    const counted = readJournal(dir).find((entry) => entry.kind === 'counted');
    expect(counted?.flag).toBe(0x44);
    expect([counted?.body.readUInt32LE(0), counted?.body.readUInt32LE(4)]).toEqual([1, 3]);
    expect(counted?.body.readDoubleLE(8)).toBe(4096.5);
  });

  it('writes nothing for an empty turn, and each turn with its time', () => {
    const journal = open();
    const before = progress[0];
    expect(journal.flush()).toBe(true);
    expect(progress[0]).toBe(before);
    nowMs = 1234.5;
    journal.startup(1, Buffer.from('x'));
    journal.flush();
    const bytes = readFileSync(join(dir, '00000001.journal'));
    expect(bytes.readDoubleLE((before ?? 0) + 8)).toBe(1234.5);
  });

  it('begins the next file when one is full', () => {
    const journal = open({ fileBytesMax: 2000 });
    for (let turn = 0; turn < 6; turn += 1) {
      keep(journal, entryKind.backend, 1, String(turn).repeat(900));
      journal.flush();
    }
    journal.end();
    journal.flush();
    expect(readdirSync(dir).sort()).toEqual([1, 2, 3, 4].map((number) => `0000000${number}.journal`));
    for (const name of readdirSync(dir))
      expect(readFileSync(join(dir, name)).length).toBeGreaterThan(fileHeaderBytes);
    expect(written().map((line) => line.slice(0, 11))).toEqual([
      ...[0, 1, 2, 3, 4, 5].map((turn) => `backend 1 ${turn}`),
      'end 0 {"why',
    ]);
  });

  it('anchors the wall clock anew only when it has drifted', () => {
    const journal = open();
    nowMs = 1000;
    journal.tick(testReel.wallUs + 1_001_000);
    nowMs = 2000;
    journal.tick(testReel.wallUs + 5_000_000);
    nowMs = 3000;
    journal.tick(testReel.wallUs + 6_000_000);
    journal.flush();
    const kinds = readJournal(dir).map((entry) => entry.kind);
    expect(kinds).toEqual(['reel', 'clock', 'tick', 'clock', 'tick', 'tick']);
  });

  it('a write that takes less than asked is gone on with', () => {
    const disk: JournalDisk = {
      ...journalDisk,
      write: (fd, bytes, offset, length) => journalDisk.write(fd, bytes, offset, Math.min(length, 7)),
    };
    const journal = open({ disk });
    keep(journal, entryKind.frontend, 1, 'x'.repeat(200));
    expect(journal.flush()).toBe(true);
    expect(written()).toEqual([`frontend 1 ${'x'.repeat(200)}`]);
  });

  it.each([0, 1, 15, 16, 17, 40, 10_000])('goes on after a write that failed behind %d bytes', (taken) => {
    let left = Number.POSITIVE_INFINITY;
    const disk: JournalDisk = {
      ...journalDisk,
      write: (fd, bytes, offset, length) => {
        if (left <= 0) throw Object.assign(new Error('full'), { code: 'ENOSPC' });
        const count = journalDisk.write(fd, bytes, offset, Math.min(length, left));
        left -= count;
        return count;
      },
    };
    const journal = open({ disk });
    left = taken;
    keep(journal, entryKind.frontend, 1, 'a'.repeat(50_000));
    expect(journal.flush()).toBe(false);
    expect(journal.failure?.code).toBe('ENOSPC');
    keep(journal, entryKind.frontend, 1, 'b');
    expect(journal.flush()).toBe(false);
    left = Number.POSITIVE_INFINITY;
    expect(journal.flush()).toBe(true);
    expect(journal.failure).toBeNull();
    expect(written()).toEqual([`frontend 1 ${'a'.repeat(50_000)}`, 'frontend 1 b']);
    expect(progress[0]).toBe(readFileSync(join(dir, '00000001.journal')).length);
  });

  it.each([
    { name: 'all of it', share: 1 },
    { name: 'half of it', share: 0.5 },
    { name: 'nothing', share: 0 },
  ])('a write that failed and left $name is not written twice', ({ share }) => {
    let isFailing = false;
    const disk: JournalDisk = {
      ...journalDisk,
      write: (fd, bytes, offset, length) => {
        if (!isFailing) return journalDisk.write(fd, bytes, offset, length);
        isFailing = false;
        const left = Math.floor(length * share);
        if (left > 0) journalDisk.write(fd, bytes, offset, left);
        throw Object.assign(new Error('bad sector'), { code: 'EIO' });
      },
    };
    const journal = open({ disk });
    isFailing = true;
    keep(journal, entryKind.frontend, 1, 'a'.repeat(100));
    expect(journal.flush()).toBe(share > 0);
    keep(journal, entryKind.frontend, 1, 'b');
    expect(journal.flush()).toBe(true);
    expect(written()).toEqual([`frontend 1 ${'a'.repeat(100)}`, 'frontend 1 b']);
    expect(progress[0]).toBe(readFileSync(join(dir, '00000001.journal')).length);
  });

  it('keeps the turn when the next file cannot be made', () => {
    let isFailing = false;
    const disk: JournalDisk = {
      ...journalDisk,
      open: (path) => {
        if (isFailing) throw Object.assign(new Error('full'), { code: 'ENOSPC' });
        return journalDisk.open(path);
      },
    };
    const journal = open({ disk, fileBytesMax: 10 });
    isFailing = true;
    keep(journal, entryKind.frontend, 1, 'a');
    expect(journal.flush()).toBe(false);
    isFailing = false;
    expect(journal.flush()).toBe(true);
    expect(written()).toEqual(['frontend 1 a']);
    expect(readdirSync(dir)).toHaveLength(2);
  });

  it('tells at once when the journal cannot be begun', () => {
    const disk: JournalDisk = {
      ...journalDisk,
      write: () => {
        throw Object.assign(new Error('full'), { code: 'ENOSPC' });
      },
    };
    expect(() => open({ disk })).toThrow('full');
  });
});
