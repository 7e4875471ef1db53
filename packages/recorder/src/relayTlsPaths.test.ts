/** TLS where the way is another: cancel requests, a server behind a unix socket, clients relayed unread. */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { type EmbeddedPostgres, startChunkedHop, startTestPostgres, untilActive } from '@pgtape/testkit';
import { RawLanes } from './rawLanes.ts';
import { cancelRequest, startupMessage, type TestRelay, until } from './relayFixture.testing.ts';
import {
  ann,
  authority,
  closed,
  encrypted,
  legs,
  ofKind,
  open,
  other,
  own,
  root,
  secured,
  sqlstate,
  start,
  trusting,
  useTlsServers,
  using,
} from './tlsServers.testing.ts';

useTlsServers();

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
          await untilActive(secured, client.processID);
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
        await untilActive(secured, client.processID);
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
    local = await startTestPostgres({
      dir: join(root, 'local'),
      password: secured.password,
      tls: { certificate: own.certificate, key: own.key },
      settings: { fsync: 'off', unix_socket_directories: sockets },
      hba: ['local all all scram-sha-256'],
    });
  });
  afterAll(async () => {
    await local.stop();
    rmSync(sockets, { recursive: true, force: true });
  });
  beforeEach(async () => {
    relay = await start({
      serve: own,
      mode: 'disable',
      more: { upstream: { host: sockets, port: local.port, connectTimeoutMs: 10_000 } },
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
