import { bytesText, durationText, parseDuration, parseMoment, wallMs, wallText } from './format.ts';

describe('times and sizes for people', () => {
  it.each([
    [0, '0 µs'],
    [1499, '1 µs'],
    [999_400, '999 µs'],
    [12_345_678, '12.3 ms'],
    [4_020_000_000, '4.02 s'],
    [185_000_000_000, '3 min 05 s'],
    [7_800_000_000_000, '2 h 10 min'],
  ])('durationText(%d) is %s', (ns, text) => {
    expect(durationText(ns)).toBe(text);
  });

  it.each([
    [0, '0 B'],
    [1023, '1023 B'],
    [4301, '4.2 KiB'],
    [1_395_864_371, '1.3 GiB'],
  ])('bytesText(%d) is %s', (bytes, text) => {
    expect(bytesText(bytes)).toBe(text);
  });

  it.each([
    ['250ms', 250e6],
    ['1.5s', 1.5e9],
    ['10 min', 600e9],
    ['2h', 7200e9],
    ['7d', 604_800e9],
    ['7 weeks', null],
    ['', null],
    ['-1s', null],
  ])('parseDuration(%j) is %j', (text, ns) => {
    expect(parseDuration(text)).toBe(ns);
  });

  it.each([
    ['2026-11-20', Date.UTC(2026, 10, 20)],
    ['2026-11-20T10:00Z', Date.UTC(2026, 10, 20, 10)],
    ['2026-11-20 10:00:01.5+02:00', Date.UTC(2026, 10, 20, 8, 0, 1, 500)],
    ['1h', 1_000_000_000 - 3_600_000],
    ['yesterday', null],
    ['2026-13-01', null],
  ])('parseMoment(%j) is %j', (text, ms) => {
    expect(parseMoment(text, 1_000_000_000)).toBe(ms);
  });

  it('reads wall nanoseconds to the microsecond', () => {
    expect(wallMs('1763675738123456789')).toBe(1_763_675_738_123.456);
    expect(wallText('1763675738123456789')).toBe('2025-11-20 21:55:38.123Z');
  });
});
