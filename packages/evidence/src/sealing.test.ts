import { createDecipheriv, createHash, createHmac, createPublicKey, verify } from 'node:crypto';
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import fc from 'fast-check';
import { elapsedNs, monoText, wallText } from './instant.ts';
import { headerSaltOf, saltsOf } from './salts.ts';
import { headerLine, sealDigest, sealLine, ZERO_DIGEST } from './seal.ts';
import { parseSegmentKey, segmentKey } from './segmentKey.ts';
import { HeaderLine, SealLine } from './segmentLines.ts';
import { decodeObject, encodeObject, encodeText } from './segmentObject.ts';
import { keyId, newSigner, recoverySigner, signerFromSeed, verifySignature } from './signer.ts';

const seed = '000102030405060708090a0b0c0d0e0f';

describe('signer', () => {
  it('is Ed25519: RFC 8032 7.1 test 2', () => {
    const signer = signerFromSeed(
      Buffer.from('4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb', 'hex'),
    );
    expect({
      key: signer.publicKey,
      signature: Buffer.from(signer.sign(Buffer.from([0x72]))).toString('hex'),
    }).toEqual({
      key: '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
      signature:
        '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
    });
  });

  it('is another one each time, and keeps its private half to itself', () => {
    const [one, two] = [newSigner(), newSigner()];
    expect(one.publicKey).not.toBe(two.publicKey);
    expect(Object.keys(one).toSorted()).toEqual(['publicKey', 'sign']);
  });

  it('verifies what it signed and nothing else, without a throw', () => {
    const signer = newSigner();
    const bytes = Buffer.from('bytes');
    const signature = signer.sign(bytes);
    expect([
      verifySignature(signer.publicKey, bytes, signature),
      verifySignature(newSigner().publicKey, bytes, signature),
      verifySignature(signer.publicKey, Buffer.from('other'), signature),
      verifySignature(signer.publicKey, bytes, signature.subarray(1)),
      verifySignature('f'.repeat(64), bytes, signature),
      verifySignature('', bytes, signature),
    ]).toEqual([true, false, false, false, false, false]);
  });

  it('names keys by their hash', () => {
    const key = '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c';
    expect(keyId(key)).toBe(createHash('sha256').update(Buffer.from(key, 'hex')).digest('hex').slice(0, 16));
  });

  it('refuses a seed of another length', () => {
    expect(() => signerFromSeed(new Uint8Array(31))).toThrow(
      expect.objectContaining({ code: 'KEY_INVALID' }),
    );
  });
});

describe('saltsOf', () => {
  it('is the AES-128-CTR keystream of the seed, 8 bytes for each seq from 0', () => {
    const zeros = Buffer.alloc(80);
    const stream = createDecipheriv('aes-128-ctr', Buffer.from(seed, 'hex'), Buffer.alloc(16))
      .update(zeros)
      .toString('hex');
    expect(saltsOf(seed, 0, 10)).toEqual(stream.match(/.{16}/g));
  });

  it('gives each seq one salt, however they are asked for', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 40 }), fc.integer({ min: 0, max: 40 }), (first, count) => {
        const one = Array.from({ length: count }, (_, i) => saltsOf(seed, first + i, 1)[0]);
        expect(saltsOf(seed, first, count)).toEqual(one);
      }),
    );
  });

  it('gives no salt twice, headers included', () => {
    const salts = [
      ...saltsOf(seed, 1, 5000),
      ...Array.from({ length: 100 }, (_, i) => headerSaltOf(seed, i + 1)),
    ];
    expect(new Set(salts).size).toBe(5100);
  });

  it.each(['', 'x'.repeat(32), seed.toUpperCase(), `${seed}00`])('refuses the seed "%s"', (bad) => {
    expect(() => saltsOf(bad, 1, 1)).toThrow(expect.objectContaining({ code: 'SEED_INVALID' }));
  });
});

describe('header and seal', () => {
  const signer = newSigner();
  const header = {
    version: '0.1.0',
    name: 'n"',
    host: 'höst',
    clock: 'tsc',
    boot: 'b',
    recovered: false,
    recovery_key: '3'.repeat(64),
    key: signer.publicKey,
    salt: '0'.repeat(16),
    segment: 1,
    recorder: '1'.repeat(16),
    reel: '2'.repeat(32),
    kind: 'header',
    v: 1,
  } as const;
  const fields = {
    at: '1',
    next_key: '3'.repeat(64),
    policy: '4'.repeat(64),
    open_sessions: 0,
    prev: ZERO_DIGEST,
    root: '5'.repeat(64),
    count: 1,
    last_seq: 1,
    first_seq: 1,
    segment: 1,
    reel: '2'.repeat(32),
  } as const;

  it('are written in schema order', () => {
    expect(headerLine(header)).toBe(JSON.stringify(HeaderLine.parse(header)));
    const seal = sealLine(fields, signer);
    expect(seal).toBe(JSON.stringify(SealLine.parse(JSON.parse(seal))));
  });

  it('is signed from its context up to the signature', () => {
    const seal = sealLine(fields, signer);
    const { sig, key_id } = JSON.parse(seal) as SealLine;
    const jwk = { kty: 'OKP', crv: 'Ed25519', x: Buffer.from(signer.publicKey, 'hex').toString('base64url') };
    const signed = Buffer.from(`pgtape-seal-v1\n${seal.slice(0, seal.indexOf(',"sig":'))}`);
    expect(key_id).toBe(keyId(signer.publicKey));
    expect(verify(null, signed, createPublicKey({ key: jwk, format: 'jwk' }), Buffer.from(sig, 'hex'))).toBe(
      true,
    );
  });

  it('has a digest of its bytes, given as either', () => {
    const seal = sealLine(fields, signer);
    const digest = createHash('sha256').update(seal).digest('hex');
    expect([sealDigest(seal), sealDigest(Buffer.from(seal))]).toEqual([digest, digest]);
  });
});

describe('segmentKey', () => {
  const name = { recorder: '00112233445566aa', reel: '0102030405060708090a0b0c0d0e0f10', segment: 12 };

  it('is read back', () => {
    const key = segmentKey(name.recorder, name.reel, name.segment);
    expect(key).toBe('reel/00112233445566aa/0102030405060708090a0b0c0d0e0f10/00000012.jsonl.zst');
    expect(parseSegmentKey(key)).toEqual(name);
    const far = { ...name, segment: 123_456_789 };
    expect(parseSegmentKey(segmentKey(far.recorder, far.reel, far.segment))).toEqual(far);
  });

  it.each([
    '',
    'reel/00112233445566aa/0102030405060708090a0b0c0d0e0f10/00000000.jsonl.zst',
    'reel/00112233445566aa/0102030405060708090a0b0c0d0e0f10/1.jsonl.zst',
    'reel/00112233445566aa/0102030405060708090a0b0c0d0e0f10/000000012.jsonl.zst',
    'reel/00112233445566AA/0102030405060708090a0b0c0d0e0f10/00000012.jsonl.zst',
    '/reel/00112233445566aa/0102030405060708090a0b0c0d0e0f10/00000012.jsonl.zst',
    'reel/00112233445566aa/0102030405060708090a0b0c0d0e0f10/00000012.jsonl.zst\n',
  ])('refuses %j', (key) => {
    expect(parseSegmentKey(key)).toBeNull();
  });
});

describe('segment object', () => {
  it('gives back its lines, each ended by a newline', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 200 })), (lines) => {
        const text = Buffer.concat(lines.flatMap((line) => [line, Buffer.from('\n')]));
        expect(Buffer.from(decodeObject(encodeObject(lines)))).toEqual(text);
        expect(Buffer.from(encodeText(text))).toEqual(Buffer.from(encodeObject(lines)));
      }),
    );
  });

  it('is read by any zstd, its trailer too', () => {
    const object = encodeObject([Buffer.from('{}')]);
    expect(zstdDecompressSync(object).toString()).toBe('{}\n');
    expect(Buffer.from(object.subarray(-32))).toEqual(
      createHash('sha256').update(object.subarray(0, -40)).digest(),
    );
  });

  const withTrailer = (frame: Uint8Array) =>
    Buffer.concat([
      frame,
      Buffer.from('502a4d1820000000', 'hex'),
      createHash('sha256').update(frame).digest(),
    ]);

  it.each([
    { name: 'nothing', object: Buffer.alloc(0), code: 'OBJECT_TRAILER' },
    { name: 'no trailer', object: zstdCompressSync('x'.repeat(100)), code: 'OBJECT_TRAILER' },
    { name: 'only a trailer', object: withTrailer(Buffer.alloc(0)), code: 'OBJECT_COMPRESSION' },
    {
      name: 'a trailer after something else',
      object: withTrailer(Buffer.from('lines')),
      code: 'OBJECT_COMPRESSION',
    },
    {
      name: 'a bomb',
      object: withTrailer(zstdCompressSync(Buffer.alloc(100_000_000))),
      code: 'OBJECT_TOO_LARGE',
    },
  ])('refuses $name: $code', ({ object, code }) => {
    expect(() => decodeObject(object)).toThrow(expect.objectContaining({ name: 'EvidenceError', code }));
  });

  it('may be as large as it may be and no larger', () => {
    const object = encodeObject([Buffer.alloc(99)]);
    expect(decodeObject(object, 100)).toHaveLength(100);
    expect(() => decodeObject(object, 99)).toThrow(expect.objectContaining({ code: 'OBJECT_TOO_LARGE' }));
  });
});

describe('instant', () => {
  it('is written in nanoseconds, and differences never run backwards', () => {
    const early = { wallUs: 1_795_212_000_123_456, monoNs: 1000.4 };
    const late = { wallUs: 0, monoNs: 3500.6 };
    expect([
      wallText(early),
      monoText(early),
      monoText(late),
      elapsedNs(early, late),
      elapsedNs(late, early),
    ]).toEqual(['1795212000123456000', '1000', '3501', 2500, 0]);
  });
});

describe('the recovery key', () => {
  it('is HKDF-SHA256 of the seed, as anyone can compute it', () => {
    const made = recoverySigner('000102030405060708090a0b0c0d0e0f');
    // RFC 5869 by hand: extract with an empty salt, expand one block.
    const extracted = createHmac('sha256', Buffer.alloc(32))
      .update(Buffer.from([...Array(16).keys()]))
      .digest();
    const key = createHmac('sha256', extracted).update('pgtape-recovery-v1\u0001').digest();
    expect(made.publicKey).toBe(signerFromSeed(key).publicKey);
    expect(made.publicKey).toBe(recoverySigner('000102030405060708090a0b0c0d0e0f').publicKey);
    expect(verifySignature(made.publicKey, Buffer.from('x'), made.sign(Buffer.from('x')))).toBe(true);
  });

  it('is of its seed alone', () => {
    expect(recoverySigner('00'.repeat(16)).publicKey).not.toBe(recoverySigner('01'.repeat(16)).publicKey);
    expect(() => recoverySigner('00')).toThrow(expect.objectContaining({ code: 'SEED_INVALID' }));
  });
});
