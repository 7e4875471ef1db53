import fc from 'fast-check';
import { rootSpanIdOf, spanIdOf, traceIdOf } from './spanIds.ts';

const hex = (digits: number) =>
  fc
    .array(fc.constantFrom(...'0123456789abcdef'), { minLength: digits, maxLength: digits })
    .map((d) => d.join(''));
const xor = (half: string, value: bigint): string =>
  (BigInt(`0x${half}`) ^ value).toString(16).padStart(16, '0');
const number = fc.integer({ min: 1, max: 2 ** 32 - 1 });

describe('span and trace ids', () => {
  it('derive from the reel as the contract says', () => {
    const seqs = fc.integer({ min: 1, max: 2 ** 53 - 1 });
    fc.assert(
      fc.property(
        hex(32),
        number,
        fc.integer({ min: 1, max: 2 ** 31 - 1 }),
        seqs,
        (reel, n, stretch, seq) => {
          const [first, second] = [reel.slice(0, 16), reel.slice(16)];
          const session = `${first}-${n}`;
          const own = (BigInt(n) << 32n) | BigInt(stretch);
          const root = (1n << 63n) | (BigInt(n) << 31n) | BigInt(stretch);
          expect([
            traceIdOf(reel, session, stretch),
            spanIdOf(reel, seq),
            rootSpanIdOf(reel, session, stretch),
          ]).toEqual([first + xor(second, own), xor(second, BigInt(seq)), xor(second, root)]);
        },
      ),
    );
  });
});
