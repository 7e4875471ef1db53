import { appendFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { journalFileHeader, journalFileName } from './journalFile.ts';
import { JournalReader } from './journalReader.ts';
import { makeSpool } from './pipelineFixture.testing.ts';

/** One turn of `bytes` payload bytes at `ms`. */
function turn(ms: number, payload: string): Buffer {
  const bytes = Buffer.alloc(16 + payload.length);
  bytes.writeUInt32LE(payload.length);
  bytes.writeDoubleLE(ms, 8);
  bytes.write(payload, 16);
  bytes.writeUInt32LE(crc32(bytes.subarray(8)), 4);
  return bytes;
}

function newDir(): string {
  const dir = join(makeSpool().journalDir, 'reel');
  mkdirSync(dir, { recursive: true });
  return dir;
}

const pathOf = (dir: string, number: number): string => join(dir, journalFileName(number));

function write(dir: string, number: number, ...turns: readonly Buffer[]): void {
  writeFileSync(pathOf(dir, number), Buffer.concat([journalFileHeader(number), ...turns]));
}

/** Everything that can be read now, one word each. */
function readAll(reader: JournalReader): string[] {
  const read: string[] = [];
  for (let found = reader.read(); found !== 'none'; found = reader.read()) {
    read.push(
      found === 'damaged'
        ? `! ${reader.damage}`
        : `${reader.ms} ${reader.buffer.toString('latin1', reader.start, reader.end)}`,
    );
  }
  return read;
}

describe('JournalReader', () => {
  it('reads turns from file to file', () => {
    const dir = newDir();
    write(dir, 1, turn(1, 'a'), turn(2, 'b'));
    write(dir, 2, turn(3, 'c'));
    const reader = new JournalReader(dir, null, 0);
    expect(readAll(reader)).toEqual(['1 a', '2 b', '3 c']);
    expect(reader.position).toEqual({ file: 2, offset: 16 + 17 });
    expect(reader.consumed).toBe(16 + 17 + 17 + 16 + 17);
    reader.close();
  });

  it('waits for a turn that is not whole yet, wherever it ends', () => {
    const whole = Buffer.concat([journalFileHeader(1), turn(1, 'first'), turn(2, 'second')]);
    for (let cut = 0; cut <= whole.length; cut += 1) {
      const dir = newDir();
      writeFileSync(pathOf(dir, 1), whole.subarray(0, cut));
      const reader = new JournalReader(dir, null, 0);
      const before = readAll(reader);
      appendFileSync(pathOf(dir, 1), whole.subarray(cut));
      expect([...before, ...readAll(reader)]).toEqual(['1 first', '2 second']);
      reader.close();
    }
  });

  it('waits for a turn whose last bytes are not visible yet, though the file is long enough', () => {
    const dir = newDir();
    const second = turn(2, 'second');
    write(
      dir,
      1,
      turn(1, 'first'),
      Buffer.concat([second.subarray(0, 18), Buffer.alloc(second.length - 18)]),
    );
    const reader = new JournalReader(dir, null, 0);
    expect(readAll(reader)).toEqual(['1 first']);
    write(dir, 1, turn(1, 'first'), second);
    expect(readAll(reader)).toEqual(['2 second']);
    reader.close();
  });

  it('goes on from any position it gave', () => {
    const dir = newDir();
    const texts = Array.from({ length: 20 }, (_, i) => `turn ${i}`);
    for (let file = 1; file <= 4; file += 1) {
      write(dir, file, ...texts.slice((file - 1) * 5, file * 5).map((text) => turn(1, text)));
    }
    for (let count = 0; count <= 20; count += 1) {
      const reader = new JournalReader(dir, null, 0);
      for (let i = 0; i < count; i += 1) reader.read();
      const again = new JournalReader(dir, reader.position, reader.consumed);
      expect(readAll(again)).toEqual(texts.slice(count).map((text) => `1 ${text}`));
      expect(again.consumed).toBe(
        readFileSync(pathOf(dir, 1)).length * 2 + readFileSync(pathOf(dir, 3)).length * 2,
      );
      reader.close();
      again.close();
    }
  });

  it('reads turns of any size', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 1_500_000 }), { minLength: 1, maxLength: 6 }),
        (sizes) => {
          const dir = newDir();
          const texts = sizes.map((size, i) => String.fromCharCode(97 + i).repeat(size));
          write(dir, 1, ...texts.map((text) => turn(7, text)));
          const reader = new JournalReader(dir, null, 0);
          const read = readAll(reader);
          expect(read.length).toBe(texts.length);
          for (const [i, text] of texts.entries()) expect(read[i] === `7 ${text}`).toBe(true);
          reader.close();
          rmSync(dir, { recursive: true });
        },
      ),
      { numRuns: 15 },
    );
  });

  it.each<{ name: string; second: Buffer; damage: string }>([
    {
      name: 'a wrong checksum',
      second: Buffer.concat([flipped(turn(2, 'b')), turn(3, 'c')]),
      damage: 'file 1 offset 33: wrong checksum',
    },
    { name: 'a turn cut short', second: turn(2, 'b').subarray(0, 16), damage: 'file 1 offset 33: cut short' },
    {
      name: 'an impossible length',
      second: Buffer.concat([Buffer.alloc(4, 255), Buffer.alloc(40)]),
      damage: 'file 1 offset 33: impossible length',
    },
  ])('tells of $name in a file that is not the last and goes on in the next', ({ second, damage }) => {
    const dir = newDir();
    write(dir, 1, turn(1, 'a'), second);
    write(dir, 2, turn(4, 'd'));
    const reader = new JournalReader(dir, null, 0);
    expect(readAll(reader)).toEqual(['1 a', `! ${damage}`, '4 d']);
    expect(reader.consumed).toBe(16 + 17 + second.length + 16 + 17);
    reader.close();
  });

  it('tells of a wrong checksum in the last file only when more follows it', () => {
    const dir = newDir();
    write(dir, 1, turn(1, 'a'), flipped(turn(2, 'b')));
    const reader = new JournalReader(dir, null, 0);
    expect(readAll(reader)).toEqual(['1 a']);
    appendFileSync(pathOf(dir, 1), turn(3, 'c'));
    expect(readAll(reader)).toEqual(['! file 1 offset 33: wrong checksum']);
    // Where the next turn starts cannot be known: the next file is waited for.
    appendFileSync(pathOf(dir, 1), turn(4, 'd'));
    expect(readAll(reader)).toEqual([]);
    write(dir, 2, turn(5, 'e'));
    expect(readAll(reader)).toEqual(['5 e']);
    reader.close();
  });

  it('tells of a missing file and of a wrong header', () => {
    const dir = newDir();
    write(dir, 1, turn(1, 'a'));
    writeFileSync(pathOf(dir, 3), Buffer.concat([journalFileHeader(4), turn(3, 'c')]));
    write(dir, 4, turn(4, 'd'));
    const reader = new JournalReader(dir, null, 0);
    expect(readAll(reader)).toEqual(['1 a', '! file 2 is missing', '! file 3 has a wrong header', '4 d']);
    reader.close();
  });

  it('trims whole files before a position', () => {
    const dir = newDir();
    for (let file = 1; file <= 4; file += 1) write(dir, file, turn(file, 'x'));
    const reader = new JournalReader(dir, null, 0);
    reader.trim({ file: 3, offset: 33 });
    expect(reader.files()).toEqual([3, 4]);
  });

  it('never throws and never stands still over arbitrary bytes', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 120 }), { minLength: 1, maxLength: 3 }), (files) => {
        const dir = newDir();
        for (const [index, bytes] of files.entries()) {
          writeFileSync(pathOf(dir, index + 1), Buffer.concat([journalFileHeader(index + 1), bytes]));
        }
        const reader = new JournalReader(dir, null, 0);
        expect(readAll(reader).length).toBeLessThanOrEqual(files.length);
        reader.close();
        rmSync(dir, { recursive: true });
      }),
    );
  });
});

function flipped(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  copy[copy.length - 1]! ^= 1;
  return copy;
}
