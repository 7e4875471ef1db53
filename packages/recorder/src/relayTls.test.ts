/** TLS on either leg, in front of a real PostgreSQL: what of SCRAM's channel binding works, and what is said where it cannot. */
import { createHash, X509Certificate } from 'node:crypto';
import type { Socket } from 'node:net';
import { makeRevocationList } from '@pgtape/testkit';
import type pg from 'pg';
import { until } from './relayFixture.testing.ts';
import { judgeTls } from './tlsMatch.ts';
import {
  ann,
  authority,
  bound,
  closed,
  elsewhere,
  legs,
  ofKind,
  other,
  own,
  people,
  plain,
  type Setting,
  secured,
  start,
  stranger,
  trusting,
  useTlsServers,
  using,
} from './tlsServers.testing.ts';
import { askUpstreamTls } from './upstreamTlsProbe.ts';

useTlsServers();

describe.each([{ rewrapAccepted: true }, { rewrapAccepted: false }])(
  'what works, reading in place: $rewrapAccepted',
  ({ rewrapAccepted }) => {
    const plusBound = 'SCRAM-SHA-256-PLUS';
    const scram = 'SCRAM-SHA-256';
    it.each<{
      name: string;
      setting: Setting;
      client: pg.ClientConfig & { sslnegotiation?: string };
      legs: string[];
      mechanism: string;
    }>([
      {
        name: "TLS with the server's certificate: channel binding holds from end to end",
        setting: { serve: own },
        client: { ssl: trusting, ...bound },
        legs: ['client', 'server'],
        mechanism: plusBound,
      },
      {
        name: 'the same, the server checked by name',
        setting: { serve: own, mode: 'verify-full', ca: authority },
        client: { ssl: trusting, ...bound },
        legs: ['client', 'server'],
        mechanism: plusBound,
      },
      {
        name: 'a name of its own to check',
        setting: { serve: own, mode: 'verify-full', ca: authority, serverName: 'localhost' },
        client: { ssl: trusting, ...bound },
        legs: ['client', 'server'],
        mechanism: plusBound,
      },
      {
        name: 'direct TLS',
        setting: { serve: own },
        client: { ssl: { ...trusting, ALPNProtocols: ['postgresql'] }, sslnegotiation: 'direct', ...bound },
        legs: ['client', 'server'],
        mechanism: plusBound,
      },
      {
        name: 'another certificate, a client that binds nothing',
        setting: { serve: other },
        client: { ssl: trusting },
        legs: ['client', 'server'],
        mechanism: scram,
      },
      {
        name: 'TLS to the client only, by configuration',
        setting: { serve: own, mode: 'disable' },
        client: { ssl: trusting, ...bound },
        legs: ['client'],
        mechanism: scram,
      },
      {
        name: 'direct TLS to the client only',
        setting: { serve: own, mode: 'disable' },
        client: { ssl: { ...trusting, ALPNProtocols: ['postgresql'] }, sslnegotiation: 'direct' },
        legs: ['client'],
        mechanism: scram,
      },
      {
        name: 'a plaintext client, TLS to the server, what cannot be bound left out',
        setting: { mode: 'verify-ca', ca: authority, more: { dropChannelBinding: true } },
        client: {},
        legs: ['server'],
        mechanism: scram,
      },
      { name: 'no TLS at all', setting: { serve: own }, client: {}, legs: [], mechanism: scram },
    ])('$name', async ({ setting, client, legs: expected, mechanism }) => {
      const relay = await start({ ...setting, more: { ...setting.more, rewrapAccepted } });
      await using(relay, client);
      expect(legs(relay)).toEqual(expected);
      expect(ofKind(relay, 'mechanism')).toEqual([{ chosen: mechanism }]);
      expect(await closed(relay)).toMatchObject({ why: 'terminated' });
      // R11: of SCRAM the mechanism's name alone.
      const journal = relay.journalBytes().toString('latin1');
      expect(/plant-77ac-secret|,r=|c=[a-z]|[pv]=[A-Za-z0-9+/]{20}/.exec(journal)).toBeNull();
    });
  },
);

describe.each<{ name: string; setting: Setting }>([
  { name: 'TLS on both legs', setting: { serve: own } },
  { name: 'TLS to the client only', setting: { serve: own, mode: 'disable' } },
])('$name', ({ setting }) => {
  it('20 MB in and out come as they were sent', async () => {
    const relay = await start(setting);
    await using(relay, { ssl: trusting }, async (client) => {
      const text = 'zeile 🐘 '.repeat(2_000_000);
      const { rows } = await client.query('select md5($1::text) as sum, $1::text as back', [text]);
      expect(rows[0].sum).toBe(createHash('md5').update(text).digest('hex'));
      expect(rows[0].back === text).toBe(true);
    });
  });

  it('R7: a client that does not read is not read ahead of', async () => {
    const relay = await start(setting);
    await using(relay, { ssl: trusting }, async (client) => {
      const { stream } = (client as unknown as { connection: { stream: Socket } }).connection;
      const before = relay.relay.bytesFromServer;
      const rows = client.query("select repeat('x', 1000000) as x from generate_series(1, 100)");
      stream.pause();
      let read = -1;
      await until(() => {
        const isStill = read === relay.relay.bytesFromServer && read > before;
        read = relay.relay.bytesFromServer;
        return isStill;
      }, 'the relay stops reading');
      await new Promise((resolve) => setTimeout(resolve, 200));
      // What kernel buffers and one buffer of each socket take, of 100 MB.
      expect(relay.relay.bytesFromServer - before).toBeLessThan(30_000_000);
      stream.resume();
      expect((await rows).rowCount).toBe(100);
    });
  });
});

describe('what cannot work is told to the client', () => {
  it.each<{
    name: string;
    setting: Setting;
    client: pg.ClientConfig;
    code: string;
    reason: string;
    why?: string;
  }>([
    {
      name: 'another certificate and a client that binds it',
      setting: { serve: other },
      client: { ssl: trusting, ...bound },
      code: '28000',
      reason: 'channel_binding_certificate',
    },
    {
      name: 'a plaintext client, TLS to the server',
      setting: { mode: 'require' },
      client: {},
      code: '28000',
      reason: 'channel_binding_plaintext',
    },
    {
      name: 'a server whose certificate another authority signed',
      setting: { serve: own, mode: 'verify-ca', ca: stranger },
      client: { ssl: trusting },
      code: '08001',
      reason: 'upstream_tls_failed',
    },
    {
      name: 'the same, a plaintext client',
      setting: { mode: 'verify-ca', ca: stranger },
      client: {},
      code: '08001',
      reason: 'upstream_tls_failed',
    },
    {
      name: 'a server of another name',
      setting: { serve: own, mode: 'verify-full', ca: authority, serverName: 'db.elsewhere.test' },
      client: { ssl: trusting },
      code: '08001',
      reason: 'upstream_tls_failed',
    },
    {
      name: 'a server without TLS, a plaintext client',
      setting: { mode: 'require' },
      client: {},
      code: '08004',
      reason: 'upstream_without_tls',
    },
    {
      name: 'a trusting server inside TLS (R6)',
      setting: { serve: own },
      client: { ssl: trusting, database: 'trusted' },
      code: '28000',
      reason: 'upstream_trusts',
    },
    {
      name: 'a certificate of a client that was revoked',
      setting: { serve: own, clientCa: people, clientCrl: makeRevocationList(people, [ann]) },
      client: { ssl: { ...trusting, cert: ann.certificate, key: ann.key } },
      code: '28000',
      reason: 'tls_client_certificate',
    },
    {
      name: "a server's certificate that was revoked",
      setting: { serve: own, mode: 'verify-ca', ca: authority, crl: makeRevocationList(authority, [own]) },
      client: { ssl: trusting },
      code: '08001',
      reason: 'upstream_tls_failed',
    },
    {
      name: "a revocation list of another than the server's authority",
      setting: { serve: own, mode: 'verify-ca', ca: authority, crl: makeRevocationList(stranger, []) },
      client: { ssl: trusting },
      code: '08001',
      reason: 'upstream_tls_failed',
    },
    {
      name: 'a certificate of a client that nobody vouches for',
      setting: { serve: own, clientCa: people },
      client: { ssl: { ...trusting, cert: elsewhere.certificate, key: elsewhere.key } },
      code: '28000',
      reason: 'tls_client_certificate',
    },
  ])('$name', async ({ setting, client, code, reason }) => {
    const isWithout = reason === 'upstream_without_tls';
    const relay = await start({ ...setting, postgres: isWithout ? plain : secured });
    await expect(using(relay, client)).rejects.toMatchObject({ code });
    expect(await closed(relay)).toMatchObject({ why: 'refused', reason });
    expect(ofKind(relay, 'close')).toHaveLength(1);
  });

  it('certificates that are on no revocation list work', async () => {
    const relay = await start({
      serve: own,
      clientCa: people,
      clientCrl: makeRevocationList(people, [elsewhere]),
      mode: 'verify-full',
      ca: authority,
      crl: makeRevocationList(authority, [other]),
    });
    await using(relay, { ssl: { ...trusting, cert: ann.certificate, key: ann.key } });
  });

  it('a client that does not trust the certificate it is shown', async () => {
    const relay = await start({ serve: elsewhere });
    await expect(using(relay, { ssl: trusting })).rejects.toMatchObject({
      code: 'ERR_TLS_CERT_ALTNAME_INVALID',
    });
    await closed(relay);
  });

  it('a server without TLS answers N itself', async () => {
    const relay = await start({ serve: own, postgres: plain });
    await expect(using(relay, { ssl: trusting })).rejects.toThrow('does not support SSL');
    expect(await closed(relay)).toMatchObject({ why: 'client_closed' });
    await using(relay, {});
  });

  it('the server is asked whether it speaks TLS: its certificate is known before anybody logs in', async () => {
    const ask = (port: number) => askUpstreamTls({ host: '127.0.0.1', port, connectTimeoutMs: 1000 });
    const leaf = new X509Certificate(own.certificate).raw;
    expect(judgeTls(leaf, await ask(secured.port))).toEqual({ matched: true, reason: null });
    expect(judgeTls(null, await ask(secured.port))).toEqual({ matched: false, reason: 'tls_no_certificate' });
    expect(judgeTls(null, await ask(plain.port))).toEqual({ matched: true, reason: null });
    await expect(ask(1)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });
});
