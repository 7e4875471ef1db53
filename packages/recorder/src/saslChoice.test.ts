import { frame } from './relayFixture.testing.ts';
import { SaslChoice } from './saslChoice.ts';

const offered = ['SCRAM-SHA-256-PLUS', 'SCRAM-SHA-256'];
const initial = (name: string): Buffer => frame('p', `${name}\0\0\0\0\x08n,,n=,r=`);

describe('SaslChoice', () => {
  it.each([
    { name: 'one of those offered', bytes: initial('SCRAM-SHA-256'), chosen: 'SCRAM-SHA-256' },
    { name: 'the other one', bytes: initial('SCRAM-SHA-256-PLUS'), chosen: 'SCRAM-SHA-256-PLUS' },
    { name: 'one that was not offered', bytes: initial('OAUTHBEARER'), chosen: null },
    {
      name: 'a password, though none was asked for',
      bytes: frame('p', 'correct horse battery staple\0'),
      chosen: null,
    },
    { name: 'another message', bytes: frame('Q', 'SCRAM-SHA-256\0'), chosen: null },
    { name: 'no name at all', bytes: frame('p', 'x'.repeat(4000)), chosen: null },
  ])('$name, split at every byte', ({ bytes, chosen }) => {
    for (let cut = 0; cut <= bytes.length && cut < 200; cut += 1) {
      const choice = new SaslChoice(offered);
      const first = choice.push(bytes.subarray(0, cut));
      const told = first ?? choice.push(bytes.subarray(cut));
      expect(told?.chosen).toBe(chosen);
      expect(told?.bytes.equals(first === null ? bytes : bytes.subarray(0, cut))).toBe(true);
    }
  });

  it('nothing is no choice', () => {
    expect(new SaslChoice(offered).push(Buffer.alloc(0))).toBeNull();
  });
});
