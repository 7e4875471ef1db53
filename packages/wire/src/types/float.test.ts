import fc from 'fast-check';
import { float4Text, float8Text } from './float.ts';

describe('float8Text', () => {
  it.each([
    [0, '0'],
    [-0, '-0'],
    [1e14, '100000000000000'],
    [999_999_999_999_999.9, '999999999999999.9'],
    [1e15, '1e+15'],
    [-1e15, '-1e+15'],
    [0.0001, '0.0001'],
    [0.000_01, '1e-05'],
    [1e100, '1e+100'],
    [5e-324, '5e-324'],
    [Number.MAX_VALUE, '1.7976931348623157e+308'],
    // JavaScript's shortest, ...1990, lies halfway to the next double below.
    [18_014_398_509_481_992, '1.8014398509481992e+16'],
  ])('%d -> %s', (value, printed) => {
    expect(float8Text(value)).toBe(printed);
  });

  it('reads back as the same number', () => {
    fc.assert(
      fc.property(fc.oneof(fc.double(), fc.bigInt(2n ** 53n, 2n ** 130n).map(Number)), (value) => {
        expect(Number(float8Text(value))).toBe(value);
      }),
    );
  });
});

describe('float4Text', () => {
  it.each([
    [0.1, '0.1'],
    [123_456.7, '123456.7'],
    [999_999.94, '999999.94'],
    [1e6, '1e+06'],
    [1e-4, '0.0001'],
    [1e-5, '1e-05'],
    [16_777_216, '1.6777216e+07'],
    [3.402_823_5e38, '3.4028235e+38'],
    [1e-45, '1e-45'],
    [1.17549435e-38, '1.1754944e-38'],
    // Exactly between two shortest decimals: the even one.
    [2 ** -12, '0.00024414062'],
    [1_048_576.25, '1.0485762e+06'],
    [-523_051.625, '-523051.62'],
  ])('%d -> %s', (value, printed) => {
    expect(float4Text(Math.fround(value))).toBe(printed);
  });

  it('reads back as the same number', () => {
    fc.assert(
      fc.property(fc.float(), (value) => {
        expect(Math.fround(Number(float4Text(value)))).toBe(value);
      }),
    );
  });
});
