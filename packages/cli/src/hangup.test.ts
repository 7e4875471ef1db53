import { hangupIgnored } from './hangup.ts';

describe('hangupIgnored', () => {
  it.each([
    { name: 'nohup', status: 'Name:\tnode\nSigIgn:\t0000000000001001\n', ignored: true },
    { name: 'no nohup', status: 'Name:\tnode\nSigIgn:\t0000000000001000\n', ignored: false },
    { name: 'no status', status: '', ignored: false },
  ])('reads from $name whether hangups are ignored', ({ status, ignored }) => {
    expect(hangupIgnored(status)).toBe(ignored);
  });
});
