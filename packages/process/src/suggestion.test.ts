import { nearest } from './suggestion.ts';

describe('nearest', () => {
  it.each([
    { typed: 'prot', names: ['port', 'host'], want: 'port' },
    { typed: 'max_bytes', names: ['maxBytes', 'minBytes'], want: 'maxBytes' },
    { typed: 'hst', names: ['port', 'host'], want: 'host' },
    { typed: 'x', names: ['host'], want: undefined },
    { typed: 'upstraem', names: ['upstream'], want: 'upstream' },
    { typed: 'listen', names: [], want: undefined },
    { typed: 'a'.repeat(1_000_000), names: ['a'], want: undefined },
  ])('$want', ({ typed, names, want }) => {
    expect(nearest(typed, names)).toBe(want);
  });
});
