import { FakeIo, FakeOutput } from './fakeIo.testing.ts';
import { paintFor, printable } from './paint.ts';

describe('paint', () => {
  it.each([
    { name: 'a terminal', env: {}, tty: true, wanted: true, text: '\u001b[31mx\u001b[39m' },
    { name: 'a pipe', env: {}, tty: false, wanted: true, text: 'x' },
    { name: 'NO_COLOR', env: { NO_COLOR: '1' }, tty: true, wanted: true, text: 'x' },
    {
      name: 'an empty NO_COLOR says nothing',
      env: { NO_COLOR: '' },
      tty: true,
      wanted: true,
      text: '\u001b[31mx\u001b[39m',
    },
    { name: '--no-color', env: {}, tty: true, wanted: false, text: 'x' },
    { name: 'a dumb terminal', env: { TERM: 'dumb' }, tty: true, wanted: true, text: 'x' },
  ])('$name', ({ env, tty, wanted, text }) => {
    expect(
      paintFor(
        new FakeIo({ env: env as Record<string, string> }),
        new FakeOutput(tty ? 80 : undefined),
        wanted,
      ).red('x'),
    ).toBe(text);
  });

  it.each([
    { name: 'escape sequences', text: '\u001b[2J', shown: '␛[2J' },
    {
      name: 'a carriage return that would hide what stands before',
      text: 'drop\rselect',
      shown: 'drop␍select',
    },
    { name: 'C1 controls', text: '\u009b31m', shown: '\ufffd31m' },
    { name: 'bidirectional overrides', text: 'a\u202eb', shown: 'a\ufffdb' },
    { name: 'newlines', text: 'a\nb', shown: 'a␊b' },
    { name: 'what people write', text: "O'Neil 渋谷 🐘", shown: "O'Neil 渋谷 🐘" },
  ])('shows $name', ({ text, shown }) => {
    expect(printable(text)).toBe(shown);
  });

  it('keeps newlines where asked', () => {
    expect(printable('a\n\tb\u001b', true)).toBe('a\n\tb␛');
  });
});
