import fc from 'fast-check';
import {
  COSIGNATURE_V1,
  formatNote,
  NOTE_BYTES_MAX,
  NOTE_SIGNATURES_MAX,
  parseNote,
  parseVkey,
  type SignedNote,
  signatureLine,
  verifierKey,
  verifyNote,
} from './index.ts';
import { bytesOf, sign, testKey } from './testLog.testing.ts';

/** Go's sumdb/note documentation. */
const vkey = 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW';
const exampleText =
  "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
const exampleNote =
  `${exampleText}\n\u2014 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotp` +
  'RZb6KE6RyyBwJnAM=\n';

const parse = (text: string): SignedNote => {
  const reading = parseNote(bytesOf(text));
  if (!reading.ok) throw new Error(reading.detail);
  return reading.value;
};
const log = testKey('log.example', 1);
const other = testKey('log.example', 2);
const witness = testKey('witness.example', 3, COSIGNATURE_V1);

describe('verifyNote', () => {
  it('accepts the example note of the specification', () => {
    const key = parseVkey(vkey);
    const note = parse(exampleNote);
    expect(note.text).toBe(exampleText);
    expect(key.ok && verifyNote(note, [key.value])).toEqual({
      ok: true,
      verified: [{ key: key.ok && key.value, time: null }],
      unknown: [],
    });
  });

  it('refuses it with any bit of text or signature flipped', () => {
    const key = parseVkey(vkey);
    const bytes = bytesOf(exampleNote);
    const accepted: number[] = [];
    for (let at = 0; at < bytes.length * 8; at += 1) {
      const changed = Uint8Array.from(bytes);
      changed[at >> 3]! ^= 1 << (at & 7);
      const note = parseNote(changed);
      if (note.ok && key.ok && verifyNote(note.value, [key.value]).ok) accepted.push(at);
    }
    expect(accepted).toEqual([]);
  });

  const text = 'log.example\n1\nroot\n';
  const good = sign(log, text);
  const bad = {
    ...good,
    signature: Uint8Array.from(good.signature, (byte, i) => (i === 9 ? byte ^ 1 : byte)),
  };
  const unknown = sign(other, text);
  it.each([
    { name: 'one good', signatures: [good], want: { ok: true, verified: [null], unknown: 0 } },
    {
      name: 'a good and an unknown',
      signatures: [unknown, good],
      want: { ok: true, verified: [null], unknown: 1 },
    },
    {
      name: 'a bad one by an unknown key',
      signatures: [good, { ...unknown, signature: bad.signature }],
      want: { ok: true, verified: [null], unknown: 1 },
    },
    {
      name: 'a good log and a good witness signature',
      signatures: [good, sign(witness, text, 1_679_315_147)],
      want: { ok: true, verified: [null, 1_679_315_147], unknown: 0 },
    },
    { name: 'one bad by a known key', signatures: [bad], want: { ok: false, reason: 'signature_invalid' } },
    {
      name: 'a good and a bad of the same key',
      signatures: [good, bad],
      want: { ok: false, reason: 'signature_invalid' },
    },
    {
      name: 'a good log and a bad witness signature',
      signatures: [good, { ...sign(witness, text), signature: bad.signature }],
      want: { ok: false, reason: 'signature_invalid' },
    },
    { name: 'only unknown ones', signatures: [unknown], want: { ok: false, reason: 'no_known_signature' } },
  ])('$name: $want.ok', ({ signatures, want }) => {
    const check = verifyNote({ text, signatures }, [log.verifier, witness.verifier]);
    expect(
      check.ok
        ? { ok: true, verified: check.verified.map(({ time }) => time), unknown: check.unknown.length }
        : { ok: false, reason: check.reason },
    ).toEqual(want);
  });

  it('refuses to choose between two keys of one name and id', () => {
    const twin = { ...other.verifier, id: log.verifier.id };
    expect(verifyNote({ text, signatures: [good] }, [log.verifier, twin])).toEqual({
      ok: false,
      reason: 'ambiguous_key',
      detail: 'log.example',
    });
  });

  it('passes over types that it cannot verify, known or not', () => {
    const post = verifierKey('log.example', 0x06, Buffer.alloc(1312));
    const signature = { name: post.name, id: post.id, signature: Buffer.alloc(2428) };
    expect(verifyNote({ text, signatures: [signature, good] }, [post, log.verifier])).toEqual({
      ok: true,
      verified: [{ key: log.verifier, time: null }],
      unknown: [signature],
    });
  });
});

describe('parseNote', () => {
  it('keeps every signature line and writes the same bytes back', () => {
    const text = 'first\n\nthird\n';
    const signatures = [sign(log, text), sign(other, text), sign(witness, text)];
    const note = formatNote({ text, signatures });
    expect(parse(note)).toEqual({ text, signatures });
    expect(formatNote(parse(note))).toBe(note);
  });

  const line = signatureLine(sign(log, 'text\n'));
  it.each([
    { name: 'nothing', note: '', detail: 'no blank line before the signatures' },
    { name: 'no signature', note: 'text\n\n', detail: 'the last signature line has no end' },
    { name: 'no blank line', note: `text\n${line}`, detail: 'no blank line before the signatures' },
    { name: 'no end', note: `text\n\n${line.slice(0, -1)}`, detail: 'the last signature line has no end' },
    { name: 'a hyphen', note: `text\n\n${line.replace('\u2014', '-')}`, detail: 'signature line 1' },
    { name: 'two spaces', note: `text\n\n${line.replace(' ', '  ')}`, detail: 'signature line 1' },
    { name: 'text behind', note: `text\n\n${line}more\n`, detail: 'signature line 2' },
    { name: 'a plus in the name', note: `text\n\n${line.replace('log', 'l+g')}`, detail: 'signature line 1' },
    { name: 'an id alone', note: 'text\n\n\u2014 a AAAAAA==\n', detail: 'signature line 1' },
    { name: 'a carriage return', note: `text\r\n\n${line}`, detail: 'a control character' },
    {
      name: 'too many signatures',
      note: `text\n\n${line.repeat(NOTE_SIGNATURES_MAX + 1)}`,
      detail: 'more than 100 signatures',
    },
    {
      name: 'too many bytes',
      note: `${'x'.repeat(NOTE_BYTES_MAX)}\n\n${line}`,
      detail: 'more than 1000000 bytes',
    },
  ])('refuses $name', ({ note, detail }) => {
    expect(parseNote(bytesOf(note))).toEqual({ ok: false, detail });
  });

  it('refuses bytes that are not UTF-8', () => {
    const note = Buffer.concat([Uint8Array.of(0xff), bytesOf(`text\n\n${line}`)]);
    expect(parseNote(note)).toEqual({ ok: false, detail: 'not UTF-8' });
  });

  it('never throws, and what it reads is written the same', () => {
    const text = 'log.example\n5\nAAAA\n';
    const whole = bytesOf(formatNote({ text, signatures: [sign(log, text), sign(witness, text)] }));
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
        const reading = parseNote(bytes);
        if (reading.ok) expect(Buffer.compare(bytesOf(formatNote(reading.value)), bytes)).toBe(0);
      }),
      { numRuns: 1000 },
    );
  });
});
