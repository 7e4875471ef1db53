/**
 * How sessions end: each side's end is handed on, what was received before it still arrives, and the close
 * entry says why.
 */
import type { Socket } from 'node:net';
import {
  connectTo,
  frame,
  gather,
  ready,
  startRelay,
  startServer,
  startupMessage,
  type TestClient,
  type TestRelay,
  type TestServer,
  until,
} from './relayFixture.testing.ts';

let server: TestServer;
let relay: TestRelay;
let client: TestClient;
let far: TestClient;

beforeEach(async () => {
  server = await startServer(() => {});
  relay = await startRelay({ serverPort: server.port });
  client = await connectTo(relay.port);
  client.socket.write(startupMessage());
  await until(() => server.connections.length === 1, 'server');
  far = gather(server.connections[0] as Socket);
  await until(() => far.received().length === startupMessage().length, 'startup');
});
afterEach(async () => {
  client.socket.destroy();
  relay.close();
  await server.close();
});

async function close(): Promise<{ why: string; reason?: string }> {
  const find = (): Buffer | undefined => relay.entries().find((entry) => entry.kind === 'close')?.body;
  await until(() => find() !== undefined, 'close entry');
  return JSON.parse(find()?.toString() ?? '') as { why: string; reason?: string };
}

describe('the end of a session', () => {
  it('Terminate', async () => {
    client.socket.end(frame('X'));
    await far.ended;
    expect(far.received().subarray(-5).equals(frame('X'))).toBe(true);
    far.socket.end();
    await client.ended;
    expect(await close()).toMatchObject({ why: 'terminated' });
    expect(relay.relay.sessionsOpen).toBe(0);
  });

  it('half-close of the client: the server can still answer', async () => {
    client.socket.end(frame('Q', 'select 1\0'));
    await far.ended;
    expect(far.received().includes('select 1')).toBe(true);
    const rows = frame('D', Buffer.alloc(300_000, 1));
    far.socket.write(rows);
    far.socket.end(ready);
    await client.ended;
    expect(client.received().equals(Buffer.concat([rows, ready]))).toBe(true);
    expect(await close()).toMatchObject({ why: 'client_closed' });
  });

  it('half-close of the server: the client can still send', async () => {
    far.socket.end(frame('E', 'SFATAL\0C57P01\0Mgone\0\0'));
    await client.ended;
    expect(client.received().includes('57P01')).toBe(true);
    client.socket.end(frame('Q', 'too late\0'));
    await far.ended;
    expect(far.received().includes('too late')).toBe(true);
    expect(await close()).toMatchObject({ why: 'server_closed' });
  });

  it('a client that does not close after the server has is closed', async () => {
    far.socket.end();
    far.socket.destroySoon();
    await client.ended;
    expect(await close()).toMatchObject({ why: 'server_closed' });
  });

  it('reset of the client: the server is let go', async () => {
    client.socket.write(frame('Q', 'select pg_sleep(9)\0'));
    await until(() => far.received().includes('pg_sleep'), 'query');
    client.socket.resetAndDestroy();
    await far.ended;
    far.socket.end();
    expect(await close()).toMatchObject({ why: 'error', reason: 'client_ECONNRESET' });
  });

  it('reset of the client after Terminate is an end in order', async () => {
    client.socket.write(frame('X'));
    await until(() => far.received().subarray(-5).equals(frame('X')), 'terminate');
    client.socket.resetAndDestroy();
    await far.ended;
    far.socket.end();
    expect(await close()).toMatchObject({ why: 'terminated' });
  });

  it('reset of the server: what it had sent still reaches the client', async () => {
    far.socket.write(frame('C', 'SELECT 1\0'));
    await until(() => client.received().length > 0, 'answer');
    far.socket.resetAndDestroy();
    await client.ended;
    client.socket.end();
    expect(await close()).toMatchObject({ why: 'error', reason: 'server_ECONNRESET' });
  });

  it('the recorder stops', async () => {
    far.socket.write(frame('C', 'SELECT 1\0'));
    await until(() => client.received().length > 0, 'answer');
    relay.relay.stop();
    expect(await close()).toMatchObject({ why: 'recorder_stopped', bytesFromServer: 14 });
    await Promise.all([client.ended, far.ended]);
  });
});
