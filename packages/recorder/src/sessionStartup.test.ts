/** Every order of encryption requests, against what the server answers and what the recorder has to serve: what is done, in order. */
import { cancelRequest, gssRequest, sslRequest, startupMessage, untyped } from './relayFixture.testing.ts';
import { SessionStartup, type StartupHost, type StartupPlan } from './sessionStartup.ts';

/** `> x` the client says it, `< x` the server, `client tls`, `server tls` a handshake has ended. */
type Event = ['>' | '<', Buffer] | 'client tls' | 'server tls';

const named: readonly (readonly [string, Buffer])[] = [
  ['SSLRequest', sslRequest],
  ['GSSENCRequest', gssRequest],
  ['startup', startupMessage()],
];
const nameOf = (bytes: Buffer): string =>
  named.find(([, one]) => one.equals(bytes))?.[0] ?? bytes.toString('latin1');

function play(plan: Partial<StartupPlan>, events: readonly Event[], cancelsTls = false): string[] {
  const did: string[] = [];
  const host: StartupHost = {
    plan: { hasCertificate: true, upstream: 'mirror', trustUpstream: false, ...plan },
    record: () => {},
    sendToClient: (bytes) => void did.push(`client ${nameOf(bytes)}`),
    sendToServer: (bytes) => void did.push(`server ${nameOf(bytes)}`),
    secureClient: (unread, direct) =>
      void did.push(`secure client${direct ? ` directly, ${unread.length} read` : ''}`),
    secureServer: () => void did.push('secure server'),
    pauseClient: () => {},
    resumeClient: () => {},
    cancelsTlsSession: () => cancelsTls,
    begin: (packet) => void did.push(`begin ${nameOf(packet)}`),
    cancel: () => void did.push('cancel'),
    splice: (reason) => void did.push(`splice ${reason}`),
    refuse: (reason) => void did.push(`refuse ${reason}`),
  };
  const startup = new SessionStartup(host);
  for (const event of events) {
    if (event === 'client tls') startup.clientSecured();
    else if (event === 'server tls') startup.serverSecured();
    else if (event[0] === '>') startup.fromClient(event[1]);
    else startup.fromServer(event[1]);
  }
  return did;
}

const ssl: Event = ['>', sslRequest];
const gss: Event = ['>', gssRequest];
const start: Event = ['>', startupMessage()];
const cancel: Event = ['>', cancelRequest(1, Buffer.from('abcd'))];
const hello: Event = ['>', Buffer.from([0x16, 3, 1, 0, 5, 1])];
const S: Event = ['<', Buffer.from('S')];
const N: Event = ['<', Buffer.from('N')];

describe('SessionStartup', () => {
  it.each<{
    name: string;
    plan?: Partial<StartupPlan>;
    events: Event[];
    did: string[];
    cancelsTls?: boolean;
  }>([
    { name: 'plaintext', events: [start], did: ['begin startup'] },
    {
      name: 'TLS',
      events: [ssl, S, 'server tls', 'client tls', start],
      did: ['server SSLRequest', 'client S', 'secure client', 'secure server', 'begin startup'],
    },
    {
      name: 'TLS, the client first and quick',
      events: [ssl, S, 'client tls', start, 'server tls'],
      did: ['server SSLRequest', 'client S', 'secure client', 'secure server', 'begin startup'],
    },
    {
      name: 'no TLS at the server',
      events: [ssl, N, start],
      did: ['server SSLRequest', 'client N', 'begin startup'],
    },
    {
      name: 'GSS, TLS',
      events: [gss, ssl, S, 'client tls', 'server tls', start],
      did: ['client N', 'server SSLRequest', 'client S', 'secure client', 'secure server', 'begin startup'],
    },
    {
      name: 'TLS refused, GSS',
      events: [ssl, N, gss, start],
      did: ['server SSLRequest', 'client N', 'client N', 'begin startup'],
    },
    { name: 'GSS twice', events: [gss, gss], did: ['client N', 'refuse startup_repeated'] },
    {
      name: 'TLS twice',
      events: [ssl, N, ssl],
      did: ['server SSLRequest', 'client N', 'refuse startup_repeated'],
    },
    {
      name: 'TLS inside TLS',
      events: [ssl, S, 'client tls', 'server tls', ssl],
      did: ['server SSLRequest', 'client S', 'secure client', 'secure server', 'refuse startup_repeated'],
    },
    {
      name: 'GSS inside TLS',
      events: [ssl, S, 'client tls', 'server tls', gss],
      did: ['server SSLRequest', 'client S', 'secure client', 'secure server', 'refuse startup_repeated'],
    },
    {
      name: 'direct TLS inside TLS',
      events: [ssl, S, 'client tls', 'server tls', hello],
      did: ['server SSLRequest', 'client S', 'secure client', 'secure server', 'refuse direct_tls'],
    },
    {
      name: 'direct TLS after a refusal',
      events: [ssl, N, hello],
      did: ['server SSLRequest', 'client N', 'refuse direct_tls'],
    },
    {
      name: 'something behind SSLRequest',
      events: [['>', Buffer.concat([sslRequest, Buffer.of(0)])]],
      did: ['refuse stuffing'],
    },
    {
      name: 'something before its answer',
      events: [ssl, ['>', Buffer.of(0)]],
      did: ['server SSLRequest', 'refuse stuffing'],
    },
    {
      name: 'something behind GSSENCRequest',
      events: [['>', Buffer.concat([gssRequest, Buffer.of(0)])]],
      did: ['refuse stuffing'],
    },
    {
      name: 'something behind the S of the server',
      events: [ssl, ['<', Buffer.from('Sx')]],
      did: ['server SSLRequest', 'refuse upstream_unintelligible'],
    },
    {
      name: 'an error in place of the S',
      events: [ssl, ['<', Buffer.from('Esorry\n\0')]],
      did: ['server SSLRequest', 'splice bad_framing', 'client Esorry\n\0'],
    },
    {
      name: 'direct TLS',
      events: [hello, S, 'client tls', 'server tls', start],
      did: ['server SSLRequest', 'secure client directly, 6 read', 'secure server', 'begin startup'],
    },
    {
      name: 'direct TLS whose hello comes in two',
      events: [hello, ['>', Buffer.of(7)], S],
      did: ['server SSLRequest', 'secure client directly, 7 read', 'secure server'],
    },
    {
      name: 'direct TLS, no TLS at the server',
      events: [hello, N],
      did: ['server SSLRequest', 'refuse direct_tls'],
    },
    {
      name: 'direct TLS, an error of the server',
      events: [hello, ['<', Buffer.from('Esorry\n\0')]],
      did: ['server SSLRequest', 'refuse direct_tls'],
    },
    { name: 'cancel in plaintext', events: [cancel], did: ['cancel'] },
    {
      name: 'cancel inside TLS',
      events: [ssl, S, 'client tls', 'server tls', cancel],
      did: ['server SSLRequest', 'client S', 'secure client', 'secure server', 'cancel'],
    },
    {
      name: 'cancel in plaintext of a session in TLS',
      cancelsTls: true,
      events: [cancel, S, 'server tls'],
      did: ['server SSLRequest', 'secure server', 'cancel'],
    },
    {
      name: 'something between the S of the server and its handshake',
      events: [ssl, S, ['<', Buffer.from('E')]],
      did: [
        'server SSLRequest',
        'client S',
        'secure client',
        'secure server',
        'refuse upstream_unintelligible',
      ],
    },
    {
      name: 'a cancel whose key is empty',
      events: [['>', cancelRequest(1, Buffer.alloc(0))]],
      did: ['refuse startup_length'],
    },
    {
      name: 'a cancel with the longest key',
      events: [['>', cancelRequest(1, Buffer.alloc(256))]],
      did: ['cancel'],
    },
    {
      name: 'a cancel with a key too long',
      events: [['>', cancelRequest(1, Buffer.alloc(257))]],
      did: ['refuse startup_length'],
    },
    { name: 'a cancel without a key', events: [['>', untyped(80_877_102)]], did: ['refuse startup_length'] },

    {
      name: 'no certificate',
      plan: { hasCertificate: false },
      events: [ssl, S],
      did: ['server SSLRequest', 'refuse tls_no_certificate'],
    },
    {
      name: 'no certificate, trusted',
      plan: { hasCertificate: false, trustUpstream: true },
      events: [ssl, S, hello],
      did: ['server SSLRequest', 'splice tls_no_certificate', 'client S'],
    },
    {
      name: 'no certificate, direct',
      plan: { hasCertificate: false },
      events: [hello],
      did: ['refuse direct_tls'],
    },
    {
      name: 'no certificate, direct, trusted',
      plan: { hasCertificate: false, trustUpstream: true },
      events: [hello],
      did: [`server ${hello[1].toString('latin1')}`, 'splice tls_no_certificate'],
    },
    {
      name: 'no certificate, no TLS at the server',
      plan: { hasCertificate: false },
      events: [ssl, N, start],
      did: ['server SSLRequest', 'client N', 'begin startup'],
    },

    {
      name: 'plain to the server, TLS to the client',
      plan: { upstream: 'plain' },
      events: [ssl, 'client tls', start],
      did: ['client S', 'secure client', 'begin startup'],
    },
    {
      name: 'plain to the server, direct TLS',
      plan: { upstream: 'plain' },
      events: [hello, 'client tls', start],
      did: ['secure client directly, 6 read', 'begin startup'],
    },
    {
      name: 'plain to the server, stuffing',
      plan: { upstream: 'plain' },
      events: [['>', Buffer.concat([sslRequest, startupMessage()])]],
      did: ['refuse stuffing'],
    },
    {
      name: 'plain to the server, no certificate: the server is asked',
      plan: { upstream: 'plain', hasCertificate: false },
      events: [ssl, S],
      did: ['server SSLRequest', 'refuse tls_no_certificate'],
    },
    {
      name: 'plain to the server, cancel',
      plan: { upstream: 'plain' },
      cancelsTls: true,
      events: [cancel],
      did: ['cancel'],
    },

    {
      name: 'TLS to the server, plaintext client',
      plan: { upstream: 'tls' },
      events: [start, S, 'server tls'],
      did: ['server SSLRequest', 'secure server', 'begin startup'],
    },
    {
      name: 'TLS to the server, which has none',
      plan: { upstream: 'tls' },
      events: [start, N],
      did: ['server SSLRequest', 'refuse upstream_without_tls'],
    },
    {
      name: 'TLS to the server, which has none, TLS client',
      plan: { upstream: 'tls' },
      events: [ssl, N],
      did: ['server SSLRequest', 'refuse upstream_without_tls'],
    },
    {
      name: 'TLS to the server, cancel',
      plan: { upstream: 'tls' },
      events: [cancel, S, 'server tls'],
      did: ['server SSLRequest', 'secure server', 'cancel'],
    },
    {
      name: 'TLS to the server, what comes behind the startup waits',
      plan: { upstream: 'tls' },
      events: [start, ['>', Buffer.from('p')], S, 'server tls'],
      did: ['server SSLRequest', 'secure server', 'begin startup'],
    },
  ])('$name', ({ plan = {}, events, did, cancelsTls }) => {
    expect(play(plan, events, cancelsTls)).toEqual(did);
  });
});
