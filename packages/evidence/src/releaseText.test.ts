import {
  parseReleaseText,
  parseSignedRelease,
  ReleaseRequest,
  type ReleaseSignature,
  releaseText,
  signedReleaseText,
  verifyRelease,
} from './releaseText.ts';
import { signerFromSeed } from './signer.ts';

const request: ReleaseRequest = {
  hold: '00112233445566778899aabbccddeeff',
  reason: 'case closed, court order 12/34',
  who: 'anna',
  at: '1795212000000000000',
};
const signer = signerFromSeed(Buffer.alloc(32, 7));
const second: ReleaseSignature = {
  who: 'bob',
  key: signer.publicKey,
  sig: Buffer.from(signer.sign(Buffer.from(releaseText(request)))).toString('hex'),
};

describe('releaseText', () => {
  it('is these bytes', () => {
    expect(releaseText(request)).toBe(
      'pgtape-release-v1\n00112233445566778899aabbccddeeff\ncase closed, court order 12/34\nanna\n1795212000000000000\n',
    );
    expect(parseReleaseText(releaseText(request))).toEqual(request);
  });

  it.each([
    { name: 'a second line in the reason', twist: { reason: 'a\nb' } },
    { name: 'a line separator', twist: { reason: 'a\u2028b' } },
    { name: 'an escape', twist: { who: 'a\u001b[2K' } },
    { name: 'half a character', twist: { reason: 'a\ud800' } },
    { name: 'no reason', twist: { reason: '' } },
    { name: 'a long reason', twist: { reason: 'x'.repeat(1001) } },
    { name: 'another id', twist: { hold: '00' } },
    { name: 'another time', twist: { at: '2026-11-20' } },
  ])('cannot say $name', ({ twist }) => {
    expect(ReleaseRequest.safeParse({ ...request, ...twist }).success).toBe(false);
  });

  it.each([
    { name: 'without its end', text: releaseText(request).slice(0, -1) },
    { name: 'with more', text: `${releaseText(request)}x` },
    { name: 'of another version', text: releaseText(request).replace('v1', 'v2') },
    { name: 'empty', text: '' },
  ])('is not read $name', ({ text }) => {
    expect(parseReleaseText(text)).toBeNull();
  });
});

describe('verifyRelease', () => {
  it('accepts what was signed', () => {
    expect(verifyRelease(request, second)).toBe(true);
  });

  it.each([
    { name: 'hold', of: { hold: 'ff112233445566778899aabbccddeeff' } },
    { name: 'reason', of: { reason: 'case open' } },
    { name: 'person', of: { who: 'carl' } },
    { name: 'time', of: { at: '1795212000000000001' } },
  ])('refuses another $name', ({ of }) => {
    expect(verifyRelease({ ...request, ...of }, second)).toBe(false);
  });

  it('refuses every changed bit of the signature', () => {
    const sig = Buffer.from(second.sig, 'hex');
    for (let bit = 0; bit < sig.length * 8; bit++) {
      const changed = Buffer.from(sig);
      changed[bit >> 3]! ^= 1 << (bit & 7);
      expect(verifyRelease(request, { ...second, sig: changed.toString('hex') })).toBe(false);
    }
  });
});

describe('parseSignedRelease', () => {
  const text = signedReleaseText({ request, second });

  it('reads what it wrote', () => {
    expect(text).toBe(`${releaseText(request)}\nsecond bob ${second.key} ${second.sig}\n`);
    expect(parseSignedRelease(text)).toEqual({ request, second });
  });

  it('reads no other text', () => {
    for (let cut = 0; cut < text.length; cut++) expect(parseSignedRelease(text.slice(0, cut))).toBeNull();
    for (const twisted of [
      `${text} `,
      text.replace('second', 'first'),
      text.replace('\n\n', '\n'),
      `\n${text}`,
    ]) {
      expect(parseSignedRelease(twisted)).toBeNull();
    }
  });
});
