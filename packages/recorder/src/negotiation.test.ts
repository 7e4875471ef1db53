import { readNegotiate, readStartup } from '@pgtape/wire';
import { askedOf, clampedAnswer, clampedStartup, isKnown } from './negotiation.ts';
import { startupMessage, untyped } from './relayFixture.testing.ts';

function startup(minor: number, parameters: Readonly<Record<string, string>> = {}): Buffer {
  const packet = startupMessage({ user: 'ann', ...parameters });
  packet.writeInt32BE(0x30000 | minor, 4);
  return packet;
}

const grease = { '_pq_.test_protocol_negotiation': '1' };
const names = Object.keys(grease);

describe('negotiation', () => {
  it.each([
    { name: '3.0', packet: startup(0), want: null },
    { name: '3.2', packet: startup(2), want: null },
    { name: '3.3', packet: startup(3), want: { minor: 3, options: [] } },
    { name: 'grease', packet: startup(9999, grease), want: { minor: 9999, options: names } },
    {
      name: 'an option of 3.0',
      packet: startup(0, { '_pq_.x': '' }),
      want: { minor: 0, options: ['_pq_.x'] },
    },
    { name: 'protocol 2', packet: untyped(0x20000, Buffer.alloc(288)), want: null },
  ])('$name is asked for', ({ packet, want }) => {
    expect(askedOf(packet)).toEqual(want);
  });

  it.each([
    { name: 'it says nothing: all is accepted', answer: null, want: false },
    { name: '3.2 without the option', answer: { protocol: '3.2', unrecognized: names }, want: true },
    {
      name: '3.0 without the option',
      answer: { protocol: '3.0', unrecognized: ['_pq_.y', ...names] },
      want: true,
    },
    { name: '3.3', answer: { protocol: '3.3', unrecognized: names }, want: false },
    { name: 'the option', answer: { protocol: '3.2', unrecognized: [] }, want: false },
    { name: 'nonsense', answer: { protocol: '4.0', unrecognized: names }, want: false },
  ])('the server agrees: $name', ({ answer, want }) => {
    expect(isKnown({ minor: 9999, options: names }, answer)).toBe(want);
  });

  it('the smaller question keeps everything else, in order', () => {
    const packet = startup(9999, { database: 'shop', ...grease, application_name: 'tïll', '_pq_.x': 'y' });
    expect(readStartup(clampedStartup(packet))).toEqual({
      kind: 'startup',
      protocol: '3.2',
      major: 3,
      minor: 2,
      parameters: { user: 'ann', database: 'shop', application_name: 'tïll' },
    });
    expect(readStartup(clampedStartup(startup(0, grease)))).toMatchObject({
      protocol: '3.0',
      parameters: { user: 'ann' },
    });
  });

  it.each([
    {
      name: 'to 3.2',
      asked: { minor: 9999, options: names },
      answer: null,
      want: { protocol: '3.2', unrecognized: names },
    },
    {
      name: 'to 3.0',
      asked: { minor: 0, options: names },
      answer: null,
      want: { protocol: '3.0', unrecognized: names },
    },
    {
      name: 'with what the server says itself',
      asked: { minor: 9999, options: names },
      answer: { protocol: '3.1', unrecognized: ['_pq_.z'] },
      want: { protocol: '3.1', unrecognized: [...names, '_pq_.z'] },
    },
  ])('the client is told: $name', ({ asked, answer, want }) => {
    const message = clampedAnswer(asked, answer);
    expect(readNegotiate(message.subarray(5))).toEqual(want);
    expect([message[0], Buffer.from(message).readInt32BE(1)]).toEqual([0x76, message.length - 1]);
  });
});
