import { defaultLimits } from './limits.ts';
import { Tape, wallOf } from './tape.ts';

/** Around every power of ten and of two, where digits are gained and halves meet. */
const values: number[] = [0, 1, 1_790_000_000_000_000, 1_790_000_123_456_789];
for (let power = 10; power <= 1e15; power *= 10) values.push(power - 1, power, power + 1);
for (let power = 2 ** 20; power <= 2 ** 52; power *= 2) values.push(power - 1, power, power + 1);

describe('times of records', () => {
  const tape = new Tape('5eed000000000000-1', defaultLimits, { record: () => {} });

  it.each(values)('are the digits of %d', (value) => {
    for (let again = 0; again < 2; again += 1) {
      expect(wallOf(value)).toBe(`${value}000`);
      expect(tape.monoOf({ wallUs: 0, monoNs: value })).toBe(String(value));
    }
  });

  it('are rounded to whole nanoseconds', () => {
    expect(tape.monoOf({ wallUs: 0, monoNs: 1_234_567_890.5 })).toBe('1234567891');
    expect(tape.monoOf({ wallUs: 0, monoNs: 999_999_999.5 })).toBe('1000000000');
  });
});
