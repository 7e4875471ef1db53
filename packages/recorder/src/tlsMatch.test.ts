import { judgeTls } from './tlsMatch.ts';

const leaf = Buffer.from('leaf');

describe('judgeTls', () => {
  it.each([
    { name: 'not asked yet', served: leaf, server: null, want: { matched: null, reason: null } },
    {
      name: 'a server without TLS',
      served: null,
      server: { offers: false },
      want: { matched: true, reason: null },
    },
    {
      name: 'nothing to serve',
      served: null,
      server: { offers: true, leaf },
      want: { matched: false, reason: 'tls_no_certificate' },
    },
    {
      name: 'another certificate',
      served: Buffer.from('other'),
      server: { offers: true, leaf },
      want: { matched: false, reason: 'certificate_differs' },
    },
    {
      name: "the server's own",
      served: leaf,
      server: { offers: true, leaf: new Uint8Array(leaf) },
      want: { matched: true, reason: null },
    },
  ] as const)('$name', ({ served, server, want }) => {
    expect(judgeTls(served, server)).toEqual(want);
  });
});
