import fc from 'fast-check';
import { COSIGNATURE_V1, ED25519, formatVkey, isKeyName, keyIdOf, parseVkey, verifierKey } from './index.ts';
import { testKey } from './testLog.testing.ts';

/** The key of Go's sumdb/note documentation, which the C2SP specification took over. */
const neumann = 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW';

describe('parseVkey', () => {
  it('reads the example key and writes it back', () => {
    const reading = parseVkey(neumann);
    expect(reading).toEqual({
      ok: true,
      value: {
        name: 'PeterNeumann',
        id: 0xc74f20a3,
        type: ED25519,
        key: Buffer.from('1a5cd907143c384c41e830c5bce12aa8817ec5649aaabf2c31388b35b2d744d6', 'hex'),
      },
    });
    expect(reading.ok && formatVkey(reading.value)).toBe(neumann);
  });

  it.each([
    { name: 'empty', text: '', detail: 'not name+key id+key' },
    { name: 'no name', text: neumann.replace('PeterNeumann', ''), detail: 'not name+key id+key' },
    { name: 'a space in the name', text: neumann.replace('Peter', 'Peter '), detail: 'key name' },
    { name: 'another name', text: neumann.replace('Peter', 'Paul'), detail: 'key id' },
    { name: 'another id', text: neumann.replace('c74f20a3', 'c74f20a4'), detail: 'key id' },
    {
      name: 'an id in capitals',
      text: neumann.replace('c74f20a3', 'C74F20A3'),
      detail: 'not name+key id+key',
    },
    { name: 'a changed key', text: neumann.replace('ARpc', 'ARpd'), detail: 'key id' },
    { name: 'a cut key', text: neumann.slice(0, -4), detail: 'length of the key' },
    { name: 'base64 that is none', text: `${neumann}!`, detail: 'base64 of the key' },
    { name: 'a newline behind it', text: `${neumann}\n`, detail: 'base64 of the key' },
  ])('refuses $name', ({ text, detail }) => {
    expect(parseVkey(text)).toEqual({ ok: false, detail });
  });

  it('carries types it cannot verify, as a ML-DSA key of a witness', () => {
    const key = Buffer.alloc(1312, 7);
    const text = formatVkey(verifierKey('witness.example/1', 0x06, key));
    expect(parseVkey(text)).toEqual({
      ok: true,
      value: { name: 'witness.example/1', id: keyIdOf('witness.example/1', 0x06, key), type: 0x06, key },
    });
  });

  it('gives one key another id as log key and as cosigner', () => {
    const log = testKey('a.example', 1).verifier;
    const witness = testKey('a.example', 1, COSIGNATURE_V1).verifier;
    expect([log.key, log.id === witness.id]).toEqual([witness.key, false]);
  });

  it('never throws, and reads nothing but what formatVkey writes', () => {
    const nearly = fc.tuple(fc.nat(neumann.length - 1), fc.string({ unit: 'binary', maxLength: 2 }));
    const mutated = nearly.map(([at, put]) => neumann.slice(0, at) + put + neumann.slice(at + 1));
    fc.assert(
      fc.property(fc.oneof(mutated, fc.string({ unit: 'binary' })), (text) => {
        const reading = parseVkey(text);
        expect(reading.ok ? formatVkey(reading.value) : text).toBe(text);
      }),
    );
  });
});

describe('isKeyName', () => {
  it.each([
    { name: 'pgtape.local/0a', is: true },
    { name: 'größe.example/日本', is: true },
    { name: '', is: false },
    { name: 'a b', is: false },
    { name: 'a\u00a0b', is: false },
    { name: 'a\u2003b', is: false },
    { name: 'a+b', is: false },
    { name: 'a\nb', is: false },
    { name: 'a\ud800', is: false },
  ])('$name: $is', ({ name, is }) => {
    expect(isKeyName(name)).toBe(is);
  });
});
