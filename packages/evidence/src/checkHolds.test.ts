import { checkHolds, isSignedRelease } from './checkHolds.ts';
import { HoldBook } from './holdBook.ts';
import { atSecond, lineOf } from './holdLines.testing.ts';
import { releaseText } from './releaseText.ts';
import { segmentKey } from './segmentKey.ts';
import { signerFromSeed } from './signer.ts';

const key = (segment: number): string => segmentKey('00112233445566aa', 'ab'.repeat(16), segment);
const own = { key: segmentKey('00112233445566bb', 'cd'.repeat(16), 1), version: '' };
const id = '00112233445566778899aabbccddeeff';
const signer = signerFromSeed(Buffer.alloc(32, 7));

function bookOf(more: object, release: object | null): HoldBook {
  const book = new HoldBook(isSignedRelease);
  const objects = [1, 2, 3].map((segment) => ({ key: key(segment), version: `v${segment}`, sessions: [] }));
  const hold = { hold: id, case: 'c', reason: 'r', who: 'anna', scope: { user: 'u' }, ...more };
  book.apply(lineOf('hold', undefined, 1, hold), own);
  book.apply(lineOf('held', undefined, 2, { hold: id, objects }), own);
  if (release !== null) {
    book.apply(
      lineOf('release', undefined, 3, { hold: id, reason: 'over', who: 'anna', asked: '7', ...release }),
      own,
    );
  }
  return book;
}

function signedBy(who: string, reason = 'over'): object {
  const text = releaseText({ hold: id, reason, who: 'anna', at: '7' });
  const sig = Buffer.from(signer.sign(Buffer.from(text))).toString('hex');
  return { second: { who, key: signer.publicKey, sig } };
}

const held: Readonly<Record<string, boolean>> = { v1: true, v2: false };
const reads = (isEnforced: boolean) => ({
  isEnforced,
  holdOf: async (_key: string, version: string) => held[version] ?? null,
});
const shown = (isActive: boolean) => ({
  hold: id,
  case: 'c',
  who: 'anna',
  at: atSecond(1),
  isActive,
  objects: 3,
});
const missing = {
  verdict: 'forged',
  artefact: key(2),
  reason: 'hold_missing',
  detail: `hold ${id} says that it is held`,
};
const unsigned = {
  verdict: 'forged',
  artefact: id,
  reason: 'release_unsigned',
  detail: 'released without the signature of a second person',
};

describe('checkHolds', () => {
  it.each([
    {
      name: 'an active hold: what is not held is named, what is gone is not',
      book: bookOf({}, null),
      isEnforced: true,
      verdict: { verdict: 'forged', findings: [missing], holds: [shown(true)], checked: 2, isEnforced: true },
    },
    {
      name: 'a store that holds nothing: nothing is read back',
      book: bookOf({}, null),
      isEnforced: false,
      verdict: { verdict: 'complete', findings: [], holds: [shown(true)], checked: 0, isEnforced: false },
    },
    {
      name: 'a released hold',
      book: bookOf({}, {}),
      isEnforced: true,
      verdict: { verdict: 'complete', findings: [], holds: [shown(false)], checked: 0, isEnforced: true },
    },
    {
      name: 'a release signed by a second person',
      book: bookOf({ dual_control: true }, signedBy('bob')),
      isEnforced: true,
      verdict: { verdict: 'complete', findings: [], holds: [shown(false)], checked: 0, isEnforced: true },
    },
    ...[
      { name: 'a release nobody signed', release: {} },
      { name: 'a release signed by who asked', release: signedBy('anna') },
      { name: 'a release signed for another reason', release: signedBy('bob', 'x') },
    ].map(({ name, release }) => ({
      name,
      book: bookOf({ dual_control: true }, release),
      isEnforced: true,
      verdict: {
        verdict: 'forged',
        findings: [unsigned, missing],
        holds: [shown(true)],
        checked: 2,
        isEnforced: true,
      },
    })),
  ])('$name', async ({ book, isEnforced, verdict }) => {
    expect(await checkHolds(book, reads(isEnforced))).toEqual(verdict);
  });
});
