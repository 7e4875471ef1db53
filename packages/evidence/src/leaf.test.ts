import fc from 'fast-check';
import { checkSegment } from './checkSegment.ts';
import {
  LEAF_BYTES_MAX,
  type Leaf,
  leafText,
  objectDigest,
  parseLeaf,
  reelStartLeaf,
  segmentLeaf,
} from './leaf.ts';
import { tinySegment } from './segmentExample.ts';
import { decodeObject } from './segmentObject.ts';

const { key, object } = tinySegment();
const checked = checkSegment(decodeObject(object));
if (!checked.ok) throw new Error(checked.reason);
const stored = { sha256: objectDigest(object), version: 'v1', retainUntil: '9', at: '7' };
const segment = segmentLeaf(checked, stored);
const start = reelStartLeaf(checked, null, '7');
const bytes = (leaf: Leaf): Uint8Array => Buffer.from(leafText(leaf));

describe('leafText', () => {
  it.each([{ leaf: segment }, { leaf: start }, { leaf: { ...start, enrolment: 'ab'.repeat(32) } }])(
    'of a $leaf.kind is read back',
    ({ leaf }) => {
      expect(parseLeaf(bytes(leaf))).toEqual(leaf);
    },
  );

  it('says of a segment what its seal and its object are', () => {
    const { header, seal, sealDigest } = checked;
    expect(leafText(segment)).toBe(
      `{"v":1,"kind":"segment","reel":"${header.reel}","segment":1,"first_seq":1,"last_seq":4,"count":4,` +
        `"root":"${seal.root}","seal":"${sealDigest}","object":"${key}","version":"v1",` +
        `"sha256":"${stored.sha256}","retain_until":"9","at":"7"}`,
    );
  });

  it('says of a reel who may sign it', () => {
    const { reel, recorder, key: first, recovery_key } = checked.header;
    expect(leafText(start)).toBe(
      `{"v":1,"kind":"reel_start","reel":"${reel}","recorder":"${recorder}","key":"${first}",` +
        `"recovery_key":"${recovery_key}","enrolment":null,"at":"7"}`,
    );
  });

  it('is at most 1 KiB with the longest of everything', () => {
    const most = Number.MAX_SAFE_INTEGER;
    const digits = '9'.repeat(20);
    const longest: Leaf = {
      ...segment,
      ...{ segment: 999_999_999_999_999, first_seq: most, last_seq: most, count: most },
      object: key.replace('00000001', '999999999999999'),
      ...{ version: 'x'.repeat(256), retain_until: digits, at: digits },
    };
    const written = bytes(longest);
    expect(parseLeaf(written)).toEqual(longest);
    expect(written.length).toBeLessThanOrEqual(LEAF_BYTES_MAX);
  });
});

describe('parseLeaf', () => {
  const text = leafText(segment);
  it.each([
    { name: 'nothing', text: '', wrong: 'not JSON' },
    { name: 'a space', text: text.replace(',', ', '), wrong: 'not written as the format says' },
    {
      name: 'another order',
      text: text.replace('"v":1,"kind":"segment"', '"kind":"segment","v":1'),
      wrong: 'not written as the format says',
    },
    { name: 'a field more', text: text.replace('}', ',"user":"anna"}'), wrong: 'fields ' },
    { name: 'a field less', text: text.replace('"count":4,', ''), wrong: 'fields count' },
    { name: 'another kind', text: text.replace('segment"', 'session"'), wrong: 'fields kind' },
    { name: 'a version with a space', text: text.replace('"v1"', '"v 1"'), wrong: 'fields version' },
    {
      name: "another segment's object",
      text: text.replace('00000001', '00000002'),
      wrong: 'object is not that of reel and segment',
    },
    {
      name: 'an object elsewhere',
      text: text.replace('reel/', 'quarantine/'),
      wrong: 'object is not that of reel and segment',
    },
    { name: 'more than 1 KiB', text: text.padEnd(LEAF_BYTES_MAX + 1), wrong: 'more than 1024 bytes' },
  ])('refuses $name', ({ text: changed, wrong }) => {
    expect(parseLeaf(Buffer.from(changed))).toBe(wrong);
  });

  it('never throws, and reads nothing but what leafText writes', () => {
    const whole = bytes(segment);
    const edit = fc.record({
      at: fc.nat(whole.length),
      cut: fc.nat(4),
      put: fc.uint8Array({ maxLength: 4 }),
    });
    const mutated = edit.map(({ at, cut, put }) =>
      Buffer.concat([whole.subarray(0, at), put, whole.subarray(at + cut)]),
    );
    fc.assert(
      fc.property(fc.oneof(mutated, fc.uint8Array()), (any) => {
        const leaf = parseLeaf(any);
        if (typeof leaf !== 'string') expect(Buffer.compare(bytes(leaf), any)).toBe(0);
      }),
      { numRuns: 1000 },
    );
  });
});
