import fc from 'fast-check';
import { checkSegment, type SegmentReason } from './checkSegment.ts';
import { exampleArchive, exampleSigner } from './exampleReel.ts';
import { sealDigest, sealLine } from './seal.ts';
import type { SealLine } from './segmentLines.ts';

const { lines } = exampleArchive()[0]!;
const texts = lines.map(String);
const bytesOf = (all: readonly string[]) => Buffer.from(all.map((line) => `${line}\n`).join(''));
const line = (index: number, change: (text: string) => string) => texts.with(index, change(texts.at(index)!));
const last = texts.length - 1;

/** The seal as its own signer would have written it with other fields. */
const resealed = (change: Partial<SealLine>) => {
  const { v: _v, kind: _k, key_id: _i, sig: _s, ...fields } = JSON.parse(texts[last]!) as SealLine;
  return texts.with(last, sealLine({ ...fields, ...change }, exampleSigner('example key', 1)));
};

describe('checkSegment', () => {
  it('accepts a segment and gives its parts', () => {
    const check = checkSegment(bytesOf(texts), { strict: true });
    let start = texts[0]!.length + 1;
    const spans = texts.slice(1, -1).map((text) => {
      const span = { start, end: start + Buffer.byteLength(text) };
      start = span.end + 1;
      return span;
    });
    expect(check).toEqual({
      ok: true,
      header: JSON.parse(texts[0]!),
      seal: JSON.parse(texts[last]!),
      sealDigest: sealDigest(texts[last]!),
      lines: spans,
      records: texts.slice(1, -1).map((text) => JSON.parse(text)),
    });
  });

  it.each<{ name: string; reason: SegmentReason; line?: number; text: Buffer | readonly string[] }>([
    { name: 'nothing', reason: 'header_missing', text: [] },
    { name: 'no newline at the end', reason: 'line_ending', line: 5, text: bytesOf(texts).subarray(0, -1) },
    { name: 'an empty line', reason: 'line_ending', line: 3, text: texts.toSpliced(2, 0, '') },
    {
      name: 'a byte that is no UTF-8',
      reason: 'not_utf8',
      text: Buffer.concat([bytesOf(texts), Buffer.from([0xff, 0x0a])]),
    },
    {
      name: 'an overlong line',
      reason: 'line_too_long',
      line: 2,
      text: texts.with(1, ' '.repeat(1_048_577)),
    },
    { name: 'no header', reason: 'header_missing', line: 1, text: texts.slice(1) },
    {
      name: 'a header of another shape',
      reason: 'header_invalid',
      line: 1,
      text: line(0, (t) => t.replace('db-0', 'db-0","x":"')),
    },
    {
      name: 'a header with a field twice',
      reason: 'header_invalid',
      line: 1,
      text: line(0, (t) => t.replace('{"v":1', '{"v":1,"v":1')),
    },
    {
      name: 'a header in another version',
      reason: 'header_invalid',
      line: 1,
      text: line(0, (t) => t.replace('"v":1', '"v":2')),
    },
    { name: 'only a header', reason: 'seal_missing', line: 1, text: texts.slice(0, 1) },
    { name: 'no seal', reason: 'seal_missing', line: 4, text: texts.slice(0, -1) },
    { name: 'something after the seal', reason: 'seal_missing', line: 6, text: [...texts, texts[1]!] },
    {
      name: 'a seal with a space',
      reason: 'seal_invalid',
      line: 5,
      text: line(last, (t) => t.replace(',"sig"', ', "sig"')),
    },
    {
      name: 'a seal of another reel',
      reason: 'reel_mismatch',
      line: 5,
      text: resealed({ reel: 'f'.repeat(32) }),
    },
    {
      name: 'a seal of another segment',
      reason: 'segment_mismatch',
      line: 5,
      text: resealed({ segment: 2 }),
    },
    {
      name: 'a seal changed after signing',
      reason: 'seal_signature',
      line: 5,
      text: line(last, (t) => t.replace('"open_sessions":0', '"open_sessions":1')),
    },
    {
      name: 'a header with another key',
      reason: 'seal_signature',
      line: 5,
      text: line(0, (t) => t.replace(/"key":"\w+"/, `"key":"${'0'.repeat(64)}"`)),
    },
    { name: 'a seal that counts more', reason: 'count', text: resealed({ count: 4, last_seq: 4 }) },
    { name: 'a seal whose numbers do not fit', reason: 'count', text: resealed({ last_seq: 4 }) },
    {
      name: 'a seal over other numbers',
      reason: 'seq_gap',
      line: 2,
      text: resealed({ first_seq: 2, last_seq: 4 }),
    },
    { name: 'a line that is no JSON', reason: 'bad_json', line: 3, text: line(2, (t) => `${t}}`) },
    { name: 'a line that is no record', reason: 'line_invalid', line: 3, text: texts.with(2, '[1]') },
    {
      name: 'a line of an unknown kind',
      reason: 'line_invalid',
      line: 3,
      text: line(2, (t) => t.replace('"opened"', '"toString"')),
    },
    {
      name: 'a line without ordinal',
      reason: 'line_invalid',
      line: 3,
      text: line(2, (t) => t.replace('"n":1,', '')),
    },
    {
      name: 'a line of a session of another reel',
      reason: 'line_invalid',
      line: 3,
      text: line(2, (t) => t.replace('"session":"0', '"session":"1')),
    },
    {
      name: 'a line of another reel',
      reason: 'reel_mismatch',
      line: 2,
      text: line(1, (t) => t.replace('"reel":"01', '"reel":"02')),
    },
    { name: 'lines swapped', reason: 'seq_gap', line: 3, text: texts.with(2, texts[3]!).with(3, texts[2]!) },
    { name: 'a text changed', reason: 'tree_root', text: line(3, (t) => t.replace('SELECT', 'DELETE')) },
    {
      name: 'another salt',
      reason: 'tree_root',
      text: line(3, (t) => t.replace(/"salt":"\w+"/, '"salt":"0011223344556677"')),
    },
  ])('refuses $name: $reason', ({ reason, line: at, text }) => {
    const check = checkSegment(Buffer.isBuffer(text) ? text : bytesOf(text));
    expect(check).toEqual({
      ok: false,
      reason,
      detail: expect.any(String),
      ...(at !== undefined && { line: at }),
    });
  });

  it.each([
    { name: 'at is no time', from: /"at":"\d+"/, to: '"at":"not a time"', detail: 'at: ' },
    { name: 'a field is missing', from: /"client":\{[^}]*\},/, to: '', detail: 'client: ' },
    { name: 'a field is of another type', from: '"tls":false', to: '"tls":"no"', detail: 'tls: ' },
    { name: 'a field is of no kind', from: '"tls":false', to: '"tls":false,"hunter2":1', detail: 'line: ' },
  ])('refuses a signed record that breaks the schema: $name', ({ from, to, detail }) => {
    const lines = texts.with(2, texts[2]!.replace(from, to));
    const check = checkSegment(bytesOf(lines));
    expect(check).toMatchObject({ ok: false, reason: 'line_invalid', line: 3 });
    expect(check.ok ? '' : check.detail).toMatch(new RegExp(`^${detail}`));
    expect(check.ok ? '' : check.detail).not.toContain('hunter2');
  });

  it('says nothing of what a line holds', () => {
    const secret = line(3, (t) => `${t.replace('SELECT', 'hunter2')}}`);
    expect(JSON.stringify(checkSegment(bytesOf(secret)))).not.toContain('hunter2');
  });

  it('never throws, whatever the bytes', () => {
    const anyLine = fc.oneof(fc.constantFrom(...texts), fc.json(), fc.string());
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array(), fc.array(anyLine).map(bytesOf)), (bytes) => {
        const check = checkSegment(bytes, { strict: true });
        expect(check.ok).toBe(Buffer.from(bytes).equals(bytesOf(texts)));
      }),
    );
  });

  it('never throws when JSON is put in place of any field', () => {
    fc.assert(
      fc.property(fc.nat(), fc.nat(), fc.jsonValue(), (whichLine, whichField, value) => {
        const at = whichLine % texts.length;
        const record = JSON.parse(texts[at]!) as Record<string, unknown>;
        const names = Object.keys(record);
        const name = names[whichField % names.length]!;
        fc.pre(JSON.stringify(record[name]) !== JSON.stringify(value));
        const changed = texts.with(at, JSON.stringify({ ...record, [name]: value }));
        expect(checkSegment(bytesOf(changed)).ok).toBe(false);
      }),
    );
  });
});
