/** The matrix of what the two legs speak (auth-scram.c, fe-auth.c), against what the server offers and the client chooses. */
import { bindingOf, judgeChoice, judgeOffer, tellOfBinding } from './channelBinding.ts';

const mine = Buffer.from('mine');
const yours = Buffer.from('yours');
const plus = 'SCRAM-SHA-256-PLUS';
const scram = 'SCRAM-SHA-256';
const both = [plus, scram];

describe('channel binding', () => {
  it.each([
    { served: null, server: null, binding: 'neither' },
    { served: mine, server: null, binding: 'client_only' },
    { served: null, server: mine, binding: 'server_only' },
    { served: mine, server: Buffer.from('mine'), binding: 'same' },
    { served: mine, server: yours, binding: 'other' },
  ])('$binding', ({ served, server, binding }) => {
    expect(bindingOf({ served, server })).toBe(binding);
  });

  it.each([
    { binding: 'same' as const, offered: both, mayDrop: false, want: { offer: both } },
    { binding: 'same' as const, offered: both, mayDrop: true, want: { offer: both } },
    { binding: 'other' as const, offered: both, mayDrop: true, want: { offer: both } },
    { binding: 'client_only' as const, offered: [scram], mayDrop: true, want: { offer: [scram] } },
    { binding: 'neither' as const, offered: [scram], mayDrop: true, want: { offer: [scram] } },
    { binding: 'server_only' as const, offered: [scram], mayDrop: false, want: { offer: [scram] } },
    {
      binding: 'server_only' as const,
      offered: both,
      mayDrop: false,
      want: { refusal: 'channel_binding_plaintext' },
    },
    { binding: 'server_only' as const, offered: both, mayDrop: true, want: { offer: [scram] } },
    {
      binding: 'server_only' as const,
      offered: [plus],
      mayDrop: true,
      want: { refusal: 'channel_binding_plaintext' },
    },
  ])('$binding, $offered, may drop: $mayDrop', ({ binding, offered, mayDrop, want }) => {
    expect(judgeOffer(binding, offered, mayDrop)).toEqual(want);
  });

  it.each([
    { binding: 'same' as const, chosen: plus, want: null },
    { binding: 'other' as const, chosen: scram, want: null },
    { binding: 'other' as const, chosen: plus, want: 'channel_binding_certificate' },
  ])('$binding, chosen $chosen', ({ binding, chosen, want }) => {
    expect(judgeChoice(binding, chosen)).toBe(want);
  });

  it('only where the server has no TLS is there something to say of a client that left', () => {
    const told: string[] = [];
    for (const binding of ['same', 'other', 'client_only', 'server_only', 'neither'] as const) {
      tellOfBinding(binding, {
        tellOnce: (event, detail) => void told.push(`${binding} ${event} ${detail}`),
      });
    }
    expect(told).toEqual([
      expect.stringMatching(/^client_only channel_binding_unavailable .*upstream\.tls\.mode/),
    ]);
  });
});
