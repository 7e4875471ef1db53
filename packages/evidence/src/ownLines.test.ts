import { headerKeys, sealHead } from './ownLines.ts';
import { tinySegment } from './segmentExample.ts';
import { HeaderLine, SealLine } from './segmentLines.ts';

const { lines } = tinySegment();
const header = HeaderLine.parse(JSON.parse(String(lines[0])));
const seal = SealLine.parse(JSON.parse(String(lines.at(-1))));
const line = (fields: object): Uint8Array => Buffer.from(JSON.stringify(fields));

describe('what a recorder reads back of its own segments', () => {
  it('is what the schemas say of the same lines', () => {
    const { reel, recorder, key, recovery_key } = header;
    expect(headerKeys(lines[0]!)).toEqual({ reel, recorder, key, recovery_key });
    expect(sealHead(lines.at(-1)!)).toEqual({ segment: seal.segment, lastSeq: seal.last_seq });
  });

  it('is nothing where a line is cut anywhere', () => {
    const [first, last] = [lines[0]!, lines.at(-1)!];
    for (let bytes = 0; bytes < first.length; bytes += 1)
      expect(headerKeys(first.subarray(0, bytes))).toBeNull();
    for (let bytes = 0; bytes < last.length; bytes += 1) expect(sealHead(last.subarray(0, bytes))).toBeNull();
  });

  it.each<[string, object]>([
    ['a record', { ...seal, kind: 'gap' }],
    ['of another version', { ...seal, v: 2 }],
    ['without a segment', { ...seal, segment: undefined }],
    ['of segment 0', { ...seal, segment: 0 }],
    ['with a number as text', { ...seal, segment: '1' }],
    ['with half a record', { ...seal, last_seq: 1.5 }],
    ['with more records than can be counted', { ...seal, last_seq: 2 ** 53 }],
    ['a list', [seal]],
  ])('is no seal where it is %s', (_name, fields) => {
    expect(sealHead(line(fields))).toBeNull();
  });

  it.each<[string, object]>([
    ['a seal', { ...header, kind: 'seal' }],
    ['of another version', { ...header, v: 0 }],
    ['without a key', { ...header, key: undefined }],
    ['with a short reel', { ...header, reel: header.reel.slice(2) }],
    ['with a key in capitals', { ...header, key: header.key.toUpperCase().replace(/^./, 'A') }],
    ['with a newline behind a key', { ...header, key: `${header.key.slice(0, -1)}\n` }],
    ['with another number of digits', { ...header, recovery_key: `${header.recovery_key}00` }],
  ])('is no header where it is %s', (_name, fields) => {
    expect(headerKeys(line(fields))).toBeNull();
  });

  it.each(['', 'null', '7', '"header"', '{'])('is nothing of %j', (text) => {
    expect([headerKeys(Buffer.from(text)), sealHead(Buffer.from(text))]).toEqual([null, null]);
  });
});
