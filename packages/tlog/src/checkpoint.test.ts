import {
  COSIGNATURE_V1,
  checkpointBody,
  cosignatureTime,
  cosignedMessage,
  emptyRoot,
  openCheckpoint,
  parseCheckpoint,
  parseCheckpointBody,
  verifyCosignature,
} from './index.ts';
import { bytesOf, hex, sign, signedCheckpoint, testKey } from './testLog.testing.ts';

/** Of the specification. */
const body = 'example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n';
const whole =
  `${body}\n\u2014 example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzG` +
  'ku9nTo+zyWE+xeMcTOAYQ8=\n\u2014 witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZC' +
  'B9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n';

describe('parseCheckpoint', () => {
  it("reads the specification's example with its cosignature", () => {
    const reading = parseCheckpoint(bytesOf(whole));
    expect(reading.ok && reading.value.checkpoint).toEqual({
      origin: 'example.com/behind-the-sofa',
      size: 20_852_163,
      root: Buffer.from('CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=', 'base64'),
      extensions: [],
    });
    const signatures = reading.ok ? reading.value.note.signatures : [];
    expect(signatures.map(({ name, id }) => `${name} ${id.toString(16)}`)).toEqual([
      'example.com/behind-the-sofa 33de0ae',
      'witness.example.com/w1 8d66cf3f',
    ]);
    expect(cosignatureTime(signatures[1]?.signature ?? new Uint8Array())).toBe(1_679_315_147);
    expect(cosignedMessage(body, 1_679_315_147).toString()).toBe(`cosignature/v1\ntime 1679315147\n${body}`);
  });

  it('keeps extension lines', () => {
    const extended = `${body}one\ntwo\n`;
    const reading = parseCheckpointBody(extended);
    expect(reading.ok && [reading.value.extensions, checkpointBody(reading.value)]).toEqual([
      ['one', 'two'],
      extended,
    ]);
  });

  it.each([
    { name: 'nothing', text: '', detail: 'no newline at the end' },
    { name: 'two lines', text: 'origin\n1\n', detail: 'fewer than three lines' },
    { name: 'no origin', text: body.replace(/^.*/, ''), detail: 'an empty line' },
    { name: 'a leading zero', text: body.replace('2085', '02085'), detail: 'tree size' },
    { name: 'a sign', text: body.replace('2085', '+2085'), detail: 'tree size' },
    { name: 'a size beyond 2^53', text: body.replace('20852163', '9007199254740992'), detail: 'tree size' },
    { name: 'a short root', text: body.replace('CsUY', ''), detail: 'root hash' },
    { name: 'a root without padding', text: body.replace('=', ''), detail: 'root hash' },
    { name: 'an empty extension', text: `${body}\n`, detail: 'an empty line' },
  ])('refuses $name', ({ text, detail }) => {
    expect(parseCheckpointBody(text)).toEqual({ ok: false, detail });
  });
});

describe('openCheckpoint', () => {
  const log = testKey('log.example', 1);
  const next = testKey('log.example', 2);
  const stranger = testKey('other.example', 3);
  const witness = testKey('w.example', 4, COSIGNATURE_V1);
  const signed = (keys = [log]): Uint8Array => signedCheckpoint(5, emptyRoot(), 'log.example', keys);

  it.each([
    { name: 'by its key', bytes: signed(), keys: [log], want: { ok: true, signedBy: [log.verifier.id] } },
    {
      name: 'by the old and the new key, the old one known',
      bytes: signed([next, log]),
      keys: [log],
      want: { ok: true, signedBy: [log.verifier.id] },
    },
    {
      name: 'by the old and the new key, both known',
      bytes: signed([next, log]),
      keys: [log, next],
      want: { ok: true, signedBy: [next.verifier.id, log.verifier.id] },
    },
    {
      name: 'by another key',
      bytes: signed([next]),
      keys: [log],
      want: { ok: false, reason: 'no_known_signature' },
    },
    {
      name: "by a known key under another log's name",
      bytes: signed([stranger]),
      keys: [stranger],
      want: { ok: false, reason: 'origin_mismatch' },
    },
    {
      name: 'by a witness alone',
      bytes: signed([witness]),
      keys: [log, witness],
      want: { ok: false, reason: 'no_known_signature' },
    },
    { name: 'not at all', bytes: bytesOf(body), keys: [log], want: { ok: false, reason: 'malformed' } },
  ])('signed $name', ({ bytes, keys, want }) => {
    const opening = openCheckpoint(
      bytes,
      keys.map(({ verifier }) => verifier),
    );
    expect(
      opening.ok
        ? { ok: true, signedBy: opening.signedBy.map(({ id }) => id) }
        : { ok: false, reason: opening.reason },
    ).toEqual(want);
  });
});

describe('verifyCosignature', () => {
  const witness = testKey('w.example', 4, COSIGNATURE_V1);
  const { signature } = sign(witness, body, 12);

  it('binds the time and the whole body', () => {
    const later = Uint8Array.from(signature, (byte, i) => (i === 7 ? byte + 1 : byte));
    const key = witness.verifier.key;
    expect([
      verifyCosignature(body, signature, key),
      verifyCosignature(`${body}x\n`, signature, key),
      verifyCosignature(body, later, key),
      verifyCosignature(body, signature.subarray(8), key),
      verifyCosignature(body, signature, key.subarray(1)),
    ]).toEqual([true, false, false, false, false]);
    expect(hex(signature).slice(0, 16)).toBe('000000000000000c');
  });

  it('refuses a time beyond 2^53', () => {
    const far = Uint8Array.from(signature, (byte, i) => (i === 0 ? 0x7f : byte));
    expect([cosignatureTime(far), verifyCosignature(body, far, witness.verifier.key)]).toEqual([null, false]);
  });
});
