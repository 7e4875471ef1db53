/** TLS on either leg, in front of a real PostgreSQL: what of SCRAM's channel binding works, and what is said where it cannot. */
import { createHash } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect as connectPlain, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import {
  type EmbeddedPostgres,
  makeCertificate,
  startChunkedHop,
  startEmbeddedPostgres,
  type TestCertificate,
} from '@pgtape/testkit';
import pg from 'pg';
import { RawLanes } from './rawLanes.ts';
import {
  cancelRequest,
  gather,
  gssRequest,
  sslRequest,
  startRelay,
  startupMessage,
  type TestClient,
  type TestRelay,
  type TestRelayOptions,
  until,
} from './relayFixture.testing.ts';
import { TlsFiles } from './tlsFiles.ts';

const authority = makeCertificate({ name: 'test authority' });
const names = ['localhost', '127.0.0.1'];
const own = makeCertificate({ name: 'database', names, issuer: authority });
const other = makeCertificate({ name: 'recorder', names, issuer: authority });
const elsewhere = makeCertificate({ name: 'elsewhere', names: ['elsewhere.test'], issuer: authority });
const stranger = makeCertificate({ name: 'another authority' });
const people = makeCertificate({ name: 'people' });
const ann = makeCertificate({
  name: 'ann',
  names: ['ann.test'],
  issuer: people,
  serial: Buffer.of(0x4a, 0xbc),
});

let root: string;
let secured: EmbeddedPostgres;
let plain: EmbeddedPostgres;
const started: TestRelay[] = [];

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'pgtape-relay-tls-'));
  const password = 'plant-77ac-secret';
  secured = await startEmbeddedPostgres({
    dir: join(root, 'secured'),
    password,
    tls: { certificate: own.certificate, key: own.key, clientCa: people.certificate },
    settings: { fsync: 'off' },
    hba: ['host trusted all 127.0.0.1/32 trust', 'hostssl certified ann 127.0.0.1/32 cert'],
  });
  await using(await start({}), {}, async (client) => {
    await client.query('create role ann login');
    await client.query('create database certified owner ann');
    await client.query('create database trusted');
  });
  plain = await startEmbeddedPostgres({ dir: join(root, 'plain'), password, settings: { fsync: 'off' } });
}, 120_000);
afterEach(() => {
  for (const relay of started.splice(0)) relay.close();
});
afterAll(async () => {
  await secured.stop();
  await plain.stop();
  rmSync(root, { recursive: true, force: true });
});

interface Setting {
  readonly serve?: TestCertificate;
  readonly clientCa?: TestCertificate;
  readonly mode?: 'mirror' | 'disable' | 'require' | 'verify-ca' | 'verify-full';
  readonly ca?: TestCertificate;
  readonly serverName?: string;
  readonly postgres?: EmbeddedPostgres;
  readonly more?: Partial<TestRelayOptions>;
}

let files = 0;
function file(text: string): string {
  files += 1;
  const path = join(root, `${files}.pem`);
  writeFileSync(path, text);
  return path;
}

async function start(setting: Setting): Promise<TestRelay> {
  const { serve, clientCa, mode = 'mirror', ca, serverName, more } = setting;
  const tls = new TlsFiles(
    serve === undefined
      ? {}
      : {
          tls: {
            certFile: file(serve.certificate),
            keyFile: file(serve.key),
            ...(clientCa === undefined ? {} : { clientCaFile: file(clientCa.certificate) }),
          },
        },
    {
      host: '127.0.0.1',
      tls: {
        mode,
        dropChannelBinding: false,
        ...(ca === undefined ? {} : { caFile: file(ca.certificate) }),
        ...(serverName === undefined ? {} : { serverName }),
      },
    },
    { onTrouble: () => {} },
  );
  const relay = await startRelay({
    serverPort: (setting.postgres ?? secured).port,
    trustUpstream: false,
    tls: () => tls.material,
    upstreamTls: mode === 'disable' ? 'plain' : mode === 'mirror' ? 'mirror' : 'tls',
    ...more,
  });
  started.push(relay);
  return relay;
}

interface CancelKey {
  readonly processID: number;
  readonly secretKey: number;
}

async function using(
  relay: TestRelay,
  more: pg.ClientConfig & { sslnegotiation?: string | undefined },
  work: (client: pg.Client & CancelKey) => Promise<void> = async () => {},
): Promise<void> {
  const client = new pg.Client({
    host: '127.0.0.1',
    port: relay.port,
    user: 'postgres',
    password: secured.password,
    database: 'postgres',
    ...more,
  });
  client.on('error', () => {});
  await client.connect();
  try {
    const { rows } = await client.query("select $1::text || repeat('x', 300000) as x", ['a']);
    expect(String(rows[0].x).length).toBe(300_001);
    await work(client as pg.Client & CancelKey);
  } finally {
    await client.end();
  }
}

const ofKind = (relay: TestRelay, kind: string): unknown[] =>
  relay
    .entries()
    .filter((entry) => entry.kind === kind)
    .map(({ body }) => JSON.parse(body.toString()));
const legs = (relay: TestRelay): string[] =>
  (ofKind(relay, 'secured') as { leg: string }[]).map(({ leg }) => leg).sort();
async function closed(relay: TestRelay): Promise<unknown> {
  await until(() => ofKind(relay, 'close').length > 0, 'close entry');
  return ofKind(relay, 'close')[0];
}

const trusting = { ca: authority.certificate };
const bound = { enableChannelBinding: true };

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
});

async function open(relay: TestRelay): Promise<TestClient> {
  const socket = connectPlain({ port: relay.port, host: '127.0.0.1', allowHalfOpen: true });
  await new Promise((resolve) => socket.once('connect', resolve));
  return gather(socket);
}

/** TLS on a connection whose other side has said S. */
async function encrypt(client: TestClient, alpn: string[] = []): Promise<TestClient> {
  client.socket.removeAllListeners('data');
  const socket = connectTls({
    socket: client.socket,
    ca: authority.certificate,
    ...(alpn.length === 0 ? {} : { ALPNProtocols: alpn }),
  });
  const inside = gather(socket as Socket);
  await Promise.race([new Promise((resolve) => socket.once('secureConnect', resolve)), inside.ended]);
  return inside;
}

async function encrypted(relay: TestRelay): Promise<TestClient> {
  const client = await open(relay);
  client.socket.write(sslRequest);
  await until(() => client.received().length > 0, 'S');
  expect(client.received().toString()).toBe('S');
  return encrypt(client);
}

/** SQLSTATE of the ErrorResponse the bytes end with; '' when they hold none. */
function sqlstate(bytes: Buffer): string {
  return /\0C([0-9A-Z]{5})\0/.exec(bytes.toString('latin1'))?.[1] ?? '';
}

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

describe('cancel', () => {
  it.each([
    { name: 'ends', leave: (socket: Socket) => socket.end() },
    { name: 'is reset', leave: (socket: Socket) => socket.destroy() },
  ])(
    'tokio-postgres: a client that $name behind its request, before the server has TLS',
    async ({ leave }) => {
      // The server's handshake takes a hundred turns; the client is gone long before.
      const hop = await startChunkedHop({
        target: { host: '127.0.0.1', port: secured.port },
        chunkBytes: 16,
      });
      const relay = await start({
        serve: own,
        mode: 'verify-full',
        ca: authority,
        more: { serverPort: hop.port },
      });
      try {
        await using(relay, { ssl: trusting }, async (client) => {
          const failed = expect(client.query('select pg_sleep(30)')).rejects.toMatchObject({ code: '57014' });
          await new Promise((resolve) => setTimeout(resolve, 100));
          const key = Buffer.alloc(4);
          key.writeInt32BE(client.secretKey);
          const cancel = await encrypted(relay);
          await new Promise<void>((resolve) => {
            cancel.socket.write(cancelRequest(client.processID, key), () => resolve());
          });
          leave(cancel.socket);
          await failed;
          expect(ofKind(relay, 'cancelled')).toEqual([{ target: 1 }]);
        });
      } finally {
        await hop.stop();
      }
    },
  );

  it.each([
    { name: 'inside TLS', setting: { serve: own }, client: { ssl: trusting }, inside: true },
    {
      name: 'in plaintext, of a session in TLS',
      setting: { serve: own },
      client: { ssl: trusting },
      inside: false,
    },
    {
      name: 'in plaintext, TLS to the server',
      setting: { mode: 'require' as const, more: { dropChannelBinding: true } },
      client: {},
      inside: false,
    },
    { name: 'no TLS at all', setting: {}, client: {}, inside: false },
  ])(
    '$name reaches the statement, and whose it was is journaled',
    async ({ setting, client: config, inside }) => {
      const relay = await start(setting);
      await using(relay, config, async (client) => {
        const failed = expect(client.query('select pg_sleep(30)')).rejects.toMatchObject({ code: '57014' });
        await new Promise((resolve) => setTimeout(resolve, 100));
        const key = Buffer.alloc(4);
        key.writeInt32BE(client.secretKey);
        const cancel = inside ? await encrypted(relay) : await open(relay);
        cancel.socket.write(cancelRequest(client.processID, key));
        await cancel.ended;
        cancel.socket.end();
        await failed;
        const wrong = await open(relay);
        wrong.socket.write(cancelRequest(client.processID, Buffer.of(1, 2, 3, 4)));
        await wrong.ended;
        wrong.socket.end();
        expect(ofKind(relay, 'cancelled')).toEqual([{ target: 1 }, { target: null }]);
        expect(relay.journalBytes().includes(key)).toBe(false);
      });
    },
  );
});

describe('a server behind a unix socket', () => {
  let local: EmbeddedPostgres;
  let relay: TestRelay;
  let sockets: string;
  beforeAll(async () => {
    // A socket's path has 107 bytes at most.
    sockets = mkdtempSync('/tmp/pgtape-');
    chmodSync(sockets, 0o777);
    local = await startEmbeddedPostgres({
      dir: join(root, 'local'),
      password: secured.password,
      tls: { certificate: own.certificate, key: own.key },
      settings: { fsync: 'off', unix_socket_directories: sockets },
      hba: ['local all all scram-sha-256'],
    });
  }, 120_000);
  afterAll(async () => {
    await local.stop();
    rmSync(sockets, { recursive: true, force: true });
  });
  beforeEach(async () => {
    relay = await start({
      serve: own,
      mode: 'disable',
      more: { upstream: { host: sockets, port: local.port, connectTimeoutMs: 2000 } },
    });
  });

  it('is reached in plaintext while the client speaks TLS, or not', async () => {
    await using(relay, { ssl: trusting });
    await using(relay, {});
    expect(ofKind(relay, 'mechanism')).toEqual([{ chosen: 'SCRAM-SHA-256' }, { chosen: 'SCRAM-SHA-256' }]);
    expect(legs(relay)).toEqual(['client']);
  });

  it('a client that leaves because nothing can be bound is told of in the log, once', async () => {
    for (let times = 0; times < 2; times += 1) {
      const client = await encrypted(relay);
      client.socket.write(startupMessage({ user: 'postgres' }));
      await until(() => client.received().includes('SCRAM-SHA-256'), 'offer');
      expect(client.received().includes('-PLUS')).toBe(false);
      client.socket.end();
      await client.ended;
    }
    await until(() => ofKind(relay, 'close').length === 2, 'close entries');
    expect(relay.troubles).toEqual(['channel_binding_unavailable']);
  });
});

describe('raw lanes', () => {
  const lanes = new RawLanes(['127.0.0.0/8']);

  it('a client that logs in with its own certificate is relayed unread, its bytes counted', async () => {
    const relay = await start({ serve: other, more: { rawLanes: lanes, trustUpstream: true } });
    const ssl = { ...trusting, cert: ann.certificate, key: ann.key };
    await using(relay, { ssl, user: 'ann', database: 'certified', password: '' });
    const close = (await closed(relay)) as { bytesFromServer: number };
    expect(close).toMatchObject({ why: expect.stringMatching(/_closed$/) as unknown });
    expect(close.bytesFromServer).toBeGreaterThan(300_000);
    expect(ofKind(relay, 'gap')).toMatchObject([{ reason: 'raw_lane' }]);
    const kinds = relay.entries().filter(({ session }) => session === 1);
    expect(kinds.map(({ kind }) => kind)).toEqual(['open', 'gap', 'close']);
  });

  it('is refused where the server is local and R6 cannot be checked', async () => {
    const relay = await start({ serve: other, more: { rawLanes: lanes } });
    const client = await open(relay);
    client.socket.write(startupMessage());
    await client.ended;
    client.socket.end();
    expect(sqlstate(client.received())).toBe('28000');
    expect(await closed(relay)).toMatchObject({ why: 'refused', reason: 'raw_lane_unchecked' });
  });

  it('another address is recorded as ever', async () => {
    const relay = await start({ serve: own, more: { rawLanes: new RawLanes(['10.0.0.0/8']) } });
    await using(relay, { ssl: trusting });
    expect(ofKind(relay, 'gap')).toEqual([]);
  });
});
