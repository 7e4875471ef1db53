/** What a peer may hold of the relay: places, sockets, and the way to the server. */
import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import {
  cancelRequest,
  connectTo,
  frame,
  gather,
  ready,
  sslRequest,
  startRelay,
  startServer,
  startupMessage,
  type TestRelay,
  type TestServer,
  until,
} from './relayFixture.testing.ts';

let server: TestServer;
let relay: TestRelay;
afterEach(async () => {
  relay.close();
  await server.close();
});

async function start(
  serve: (socket: Socket) => void,
  more: Partial<Parameters<typeof startRelay>[0]> = {},
): Promise<void> {
  server = await startServer(serve);
  relay = await startRelay({ serverPort: server.port, ...more });
}

it('hung_cancels: they hold no place of a startup, and none for longer than their deadline', async () => {
  const answer = (socket: Socket): void => {
    socket.once('data', (chunk: Buffer) => {
      if (chunk.readInt32BE(4) === 196_608) socket.write(ready);
    });
  };
  await start(answer, { startupsMax: 3, cancelMs: 2000 });
  const hung = await Promise.all([1, 2, 3].map(() => connectTo(relay.port)));
  for (const { socket } of hung) socket.write(cancelRequest(1, randomBytes(4)));
  await until(() => relay.relay.cancelsOpen === 3, 'cancels');
  const fourth = await connectTo(relay.port);
  fourth.socket.write(cancelRequest(1, randomBytes(4)));
  await fourth.ended;
  expect(relay.relay.gauges.refused.get('cancels_max')).toBe(1);
  fourth.socket.end();
  const client = await connectTo(relay.port);
  client.socket.write(startupMessage());
  await until(() => client.received().length === ready.length, 'a startup');
  client.socket.destroy();
  await Promise.all(hung.map(({ ended }) => ended));
  await until(() => relay.relay.cancelsOpen === 0, 'places given back');
  expect(server.connections.every((socket) => socket.readableEnded || socket.destroyed)).toBe(true);
});

it('ssl_answered_with_an_error: the error reaches the client, and nothing of the client the server (R6)', async () => {
  const got: Buffer[] = [];
  const answer = frame('E', 'SFATAL\0C53300\0Mno\0\0');
  await start(
    (socket) => {
      socket.on('data', (chunk) => got.push(Buffer.from(chunk)));
      socket.once('data', () => socket.write(answer));
    },
    { trustUpstream: false, startupMs: 2000 },
  );
  const client = await connectTo(relay.port);
  client.socket.write(sslRequest);
  await until(() => client.received().length === answer.length, 'the error');
  client.socket.write(startupMessage());
  client.socket.write(frame('Q', 'select 1\0'));
  server.connections[0]?.write('and more');
  await until(() => client.received().length > answer.length, 'what else the server says');
  await client.ended;
  client.socket.end();
  await until(
    () => server.connections[0]?.readableEnded === true || server.connections[0]?.destroyed === true,
    'end',
  );
  expect(Buffer.concat(got)).toEqual(sslRequest);
  expect(
    relay
      .entries()
      .find(({ kind }) => kind === 'gap')
      ?.body.toString(),
  ).toContain('bad_framing');
});

it('replication_cap: startups that ask for replication get 64 places beyond sessionsMax, not all there are', async () => {
  await start((socket) => void gather(socket), { sessionsMax: 1 });
  const replication = startupMessage({ user: 'ann', replication: 'true' });
  const clients = await Promise.all(Array.from({ length: 65 }, () => connectTo(relay.port)));
  for (const { socket } of clients) socket.write(replication);
  await until(() => relay.relay.sessionsOpen === 65, 'all places taken');
  const one = await connectTo(relay.port);
  one.socket.write(replication);
  await one.ended;
  expect(one.received().toString('latin1')).toContain('C53300');
  one.socket.end();
  for (const { socket } of clients) socket.destroy();
});
