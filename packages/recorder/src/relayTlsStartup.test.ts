/** TLS before a session is there: what comes in place of a handshake, behind a request, byte by byte; what is known of the legs. */
import { gssRequest, sslRequest, startupMessage, until } from './relayFixture.testing.ts';
import {
  ann,
  authority,
  closed,
  encrypt,
  encrypted,
  ofKind,
  open,
  own,
  people,
  plain,
  sqlstate,
  start,
  trusting,
  useTlsServers,
  using,
} from './tlsServers.testing.ts';

useTlsServers();

describe('before the session', () => {
  it.each([
    { name: 'SSLRequest', packet: sslRequest },
    { name: 'GSSENCRequest', packet: gssRequest },
  ])('$name inside TLS is refused as the server refuses it', async ({ packet }) => {
    const relay = await start({ serve: own });
    const client = await encrypted(relay);
    client.socket.write(packet);
    await client.ended;
    expect(sqlstate(client.received())).toBe('0A000');
    client.socket.end();
  });

  it.each([
    { name: 'none', alpn: [] },
    { name: 'another', alpn: ['http/1.1'] },
  ])('direct TLS with ALPN $name is closed', async ({ alpn }) => {
    const relay = await start({ serve: own });
    const client = await encrypt(await open(relay), alpn);
    client.socket.write(startupMessage());
    await client.ended;
    expect(client.received()).toHaveLength(0);
    await closed(relay);
    // SSLRequest alone has reached the server.
    expect(relay.entries().filter(({ kind }) => kind === 'startup')).toHaveLength(1);
  });

  it('direct TLS to a server without TLS is closed without a word', async () => {
    const relay = await start({ serve: own, postgres: plain });
    const client = await encrypt(await open(relay), ['postgresql']);
    await client.ended;
    expect(await closed(relay)).toMatchObject({ why: 'refused', reason: 'direct_tls' });
  });

  it('garbage in place of the handshake ends the connection', async () => {
    const relay = await start({ serve: own });
    const client = await open(relay);
    client.socket.write(sslRequest);
    await until(() => client.received().length > 0, 'S');
    client.socket.write(startupMessage());
    await client.ended;
    expect(await closed(relay)).toMatchObject({ why: 'error', reason: 'client_tls_failed' });
  });

  it('plaintext behind SSLRequest never reaches TLS', async () => {
    const relay = await start({ serve: own });
    const client = await open(relay);
    client.socket.write(Buffer.concat([sslRequest, startupMessage()]));
    await client.ended;
    client.socket.end();
    expect(await closed(relay)).toMatchObject({ why: 'refused', reason: 'stuffing' });
  });

  it('the startup inside TLS, byte by byte', async () => {
    const relay = await start({ serve: own });
    const client = await encrypted(relay);
    for (const byte of startupMessage({ user: 'postgres' })) {
      client.socket.write(Buffer.of(byte));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await until(() => client.received().length > 5, 'challenge');
    expect(client.received().toString('latin1')).toContain('SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0');
    client.socket.destroy();
  });
});

describe('what is known of the legs', () => {
  it('versions, cipher, SNI, ALPN and the certificate of the client', async () => {
    const relay = await start({
      serve: own,
      clientCa: people,
      mode: 'verify-full',
      ca: authority,
      serverName: 'localhost',
    });
    const ssl = { ...trusting, cert: ann.certificate, key: ann.key, servername: 'localhost' };
    await using(relay, { ssl: { ...ssl, ALPNProtocols: ['postgresql'] } });
    const [first, second] = ofKind(relay, 'secured') as { leg: string; tls: unknown }[];
    const [client, server] = first?.leg === 'client' ? [first, second] : [second, first];
    expect(client?.tls).toEqual({
      version: 'TLSv1.3',
      cipher: expect.stringMatching(/^TLS_/) as unknown,
      server_name: 'localhost',
      alpn: 'postgresql',
      certificate: { subject: 'CN=ann', issuer: 'CN=people', serial: '4abc', san: 'DNS:ann.test' },
    });
    expect(server?.tls).toMatchObject({
      version: 'TLSv1.3',
      server_name: 'localhost',
      alpn: 'postgresql',
      certificate: { subject: 'CN=database', issuer: 'CN=test authority' },
    });
  });
});
