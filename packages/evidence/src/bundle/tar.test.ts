import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EvidenceError } from '../evidenceError.ts';
import { filesOf, tarOf } from './tar.ts';

const seconds = 1_795_212_000;
const files = new Map([
  ['manifest.json', Buffer.from('{}\n')],
  ['lines/00/1.jsonl', Buffer.alloc(512, 'x')],
  ['lines/00/2.jsonl', Buffer.alloc(513, 'y')],
  ['empty', Buffer.alloc(0)],
  [`${'d'.repeat(50)}/${'f'.repeat(49)}`, Buffer.from([0, 1, 2, 255])],
]);
const tar = tarOf(files, seconds);
const plain = (of: ReadonlyMap<string, Uint8Array>) =>
  [...of].map(([name, bytes]) => [name, Buffer.from(bytes)]);
const sorted = plain(files).sort(([a], [b]) => (String(a) < String(b) ? -1 : 1));
const refused = (bytes: Uint8Array): boolean => {
  try {
    filesOf(bytes);
    return false;
  } catch (error) {
    return error instanceof EvidenceError && error.code === 'BUNDLE_TAR';
  }
};

describe('tarOf', () => {
  it('gives the same bytes for the same files in any order, and filesOf gives the files back', () => {
    expect(tarOf(new Map([...files].reverse()), seconds)).toEqual(tar);
    expect(plain(filesOf(tar))).toEqual(sorted);
    expect([...filesOf(tarOf(new Map(), 0))]).toEqual([]);
  });

  it('is read by tar, with its time and without an owner', () => {
    const directory = mkdtempSync(join(tmpdir(), 'pgtape-tar-'));
    try {
      execFileSync('tar', ['-xf', '-', '-C', directory], { input: tar });
      const read = readdirSync(directory, { recursive: true, encoding: 'utf8' })
        .filter((name) => statSync(join(directory, name)).isFile())
        .sort();
      expect(read.map((name) => [name, readFileSync(join(directory, name))])).toEqual(sorted);
      expect(statSync(join(directory, 'empty')).mtimeMs).toBe(seconds * 1000);
      const listed = execFileSync('tar', ['-tvf', '-', '--numeric-owner'], { input: tar }).toString();
      expect(listed.split('\n').filter((line) => !line.startsWith('-rw-r--r-- 0/0'))).toEqual(['']);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  it.each(['', '/a', 'a/', '../a', 'a//b', '.a', 'a/.b', 'ä', 'a b', 'a'.repeat(101)])(
    'refuses the name %j',
    (name) => {
      expect(() => tarOf(new Map([[name, Buffer.alloc(0)]]), 0)).toThrow(RangeError);
    },
  );
});

describe('filesOf', () => {
  it('refuses every changed byte but those of the files themselves and of their common time', () => {
    const isContent = new Set<number>();
    for (const bytes of filesOf(tar).values()) {
      for (let at = 0; at < bytes.length; at++) isContent.add(bytes.byteOffset - tar.byteOffset + at);
    }
    const unseen: number[] = [];
    for (let at = 0; at < tar.length; at++) {
      for (const change of [0x01, 0x80]) {
        const changed = Buffer.from(tar);
        changed[at]! ^= change;
        if (!refused(changed) && !isContent.has(at)) unseen.push(at);
      }
    }
    expect(unseen).toEqual([]);
  });

  it('refuses every cut, and anything behind the end', () => {
    for (let bytes = 0; bytes < tar.length; bytes++) {
      if (!refused(tar.subarray(0, bytes))) throw new Error(`${bytes} bytes were taken`);
    }
    expect(
      [Buffer.alloc(1), Buffer.alloc(512), tar].map((more) => refused(Buffer.concat([tar, more]))),
    ).toEqual([true, true, true]);
  });

  it('refuses a file twice and files out of order', () => {
    const one = tarOf(new Map([['a', Buffer.from('1')]]), 0).subarray(0, 1024);
    const two = tarOf(new Map([['b', Buffer.from('2')]]), 0).subarray(0, 1024);
    const end = Buffer.alloc(1024);
    expect([
      refused(Buffer.concat([one, two, end])),
      refused(Buffer.concat([one, one, end])),
      refused(Buffer.concat([two, one, end])),
    ]).toEqual([false, true, true]);
  });
});
