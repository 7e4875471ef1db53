import fc from 'fast-check';
import { formatTlogProof, inclusionProof, parseTlogProof, type TlogProof } from './index.ts';
import { bytesOf, signedCheckpoint, TestLog, testKey } from './testLog.testing.ts';

/** Of the specification, the signatures left out there put in. */
const example = `c2sp.org/tlog-proof@v1
extra YWdlLXYxLjIuMS1kYXJ3aW4tYXJtNjQudGFyLmd6
index 73894
gSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ=
B95lDa8R83lS8n0eG+o0buTxRKQTYFi//1U8anccXmA=
EKNzoDWG8LGC0Yp9o+sv3qllpMP9uHQ9B20KNL+Q1zs=

example.com/fancylog
109482
sFodV/vSp5O8n9a8QpW6PRY97tfOSW5bsc2Xl/EQi08=

\u2014 example.com/fancylog hI2DJwAA
`;

describe('parseTlogProof', () => {
  it("reads the specification's example and writes it back", () => {
    const reading = parseTlogProof(bytesOf(example));
    expect(reading).toMatchObject({
      ok: true,
      value: { index: 73_894, extra: bytesOf('age-v1.2.1-darwin-arm64.tar.gz') },
    });
    expect(reading.ok && reading.value.hashes.length).toBe(3);
    expect(reading.ok && Buffer.from(formatTlogProof(reading.value)).toString()).toBe(example);
  });

  it('reads a proof of a tree of one leaf, without hashes', () => {
    const log = new TestLog(1);
    const checkpoint = signedCheckpoint(1, log.tree.root(), 'log.example', [testKey('log.example', 1)]);
    const proof: TlogProof = { extra: null, index: 0, hashes: inclusionProof(log.hashes, 0), checkpoint };
    const bytes = formatTlogProof(proof);
    expect(Buffer.from(bytes).toString().split('\n').slice(0, 4)).toEqual([
      'c2sp.org/tlog-proof@v1',
      'index 0',
      '',
      'log.example',
    ]);
    expect(parseTlogProof(bytes)).toEqual({
      ok: true,
      value: { ...proof, checkpoint: Buffer.from(checkpoint) },
    });
  });

  it.each([
    { name: 'nothing', text: '', detail: 'first line' },
    { name: 'another version', text: example.replace('@v1', '@v2'), detail: 'first line' },
    { name: 'no checkpoint', text: example.slice(0, example.indexOf('\n\n')), detail: 'no checkpoint' },
    { name: 'an extra line that is no base64', text: example.replace('YWdl', 'YWd'), detail: 'extra line' },
    { name: 'no index', text: example.replace(/index.*\n/, ''), detail: 'index line' },
    { name: 'a leading zero', text: example.replace('index 7', 'index 07'), detail: 'index line' },
    { name: 'a short hash', text: example.replace('gSKy', ''), detail: 'hash 1' },
    {
      name: '64 hashes',
      text: example.replace(/(gSKy.*\n)/, (line) => line.repeat(62)),
      detail: 'more than 63 hashes',
    },
  ])('refuses $name', ({ text, detail }) => {
    expect(parseTlogProof(bytesOf(text))).toEqual({ ok: false, detail });
  });

  it('never throws, and what it reads is written the same', () => {
    const whole = bytesOf(example);
    const edit = fc.record({
      at: fc.nat(whole.length),
      cut: fc.nat(5),
      put: fc.uint8Array({ maxLength: 5 }),
    });
    const mutated = edit.map(({ at, cut, put }) =>
      Buffer.concat([whole.subarray(0, at), put, whole.subarray(at + cut)]),
    );
    fc.assert(
      fc.property(fc.oneof(mutated, fc.uint8Array()), (bytes) => {
        const reading = parseTlogProof(bytes);
        if (reading.ok) expect(Buffer.compare(formatTlogProof(reading.value), bytes)).toBe(0);
      }),
      { numRuns: 1000 },
    );
  });
});
