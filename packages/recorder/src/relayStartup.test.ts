/** What may come before a session, R5 and R6, and what a client is told when it is turned away. */
import type { Socket } from 'node:net';
import {
  authentication,
  cancelRequest,
  connectTo,
  frame,
  gather,
  gssRequest,
  ready,
  sslRequest,
  startRelay,
  startServer,
  startupMessage,
  type TestClient,
  type TestRelay,
  type TestServer,
  until,
} from './relayFixture.testing.ts';

const started: { relay: TestRelay; server: TestServer }[] = [];
afterEach(async () => {
  for (const { relay, server } of started.splice(0)) {
    relay.close();
    await server.close();
  }
});

async function start(
  serve: (socket: Socket) => void,
  more: Partial<Parameters<typeof startRelay>[0]> = {},
): Promise<{ relay: TestRelay; server: TestServer }> {
  const server = await startServer(serve);
  const relay = await startRelay({ serverPort: server.port, trustUpstream: false, ...more });
  started.push({ relay, server });
  return { relay, server };
}

/** SQLSTATE of the ErrorResponse the bytes end with; '' when they hold none. */
function sqlstate(bytes: Buffer): string {
  return /\0C([0-9A-Z]{5})\0/.exec(bytes.toString('latin1'))?.[1] ?? '';
}

const closeOf = (relay: TestRelay, session = 1): unknown => {
  const entry = relay.entries().find((one) => one.kind === 'close' && one.session === session);
  return entry === undefined ? null : JSON.parse(entry.body.toString());
};

async function closed(relay: TestRelay, session = 1): Promise<unknown> {
  await until(() => closeOf(relay, session) !== null, 'close entry');
  return closeOf(relay, session);
}

/** Writes and waits until the relay has ended the connection. */
async function say(relay: TestRelay, bytes: Buffer): Promise<TestClient> {
  const client = await connectTo(relay.port);
  client.socket.write(bytes);
  await client.ended;
  client.socket.end();
  return client;
}

const scram = authentication(10, Buffer.from('SCRAM-SHA-256\0\0'));
const kinds = (relay: TestRelay): string[] =>
  relay
    .entries()
    .filter((entry) => entry.session === 1)
    .map((entry) => entry.kind);

/** Answers SSLRequest with N, then the StartupMessage with a password question, then lets in. */
function passwordServer(socket: Socket): void {
  const got = gather(socket);
  let step = 0;
  socket.on('data', () => {
    const text = got.received();
    if (step === 0 && text.equals(sslRequest)) {
      step = 1;
      socket.write('N');
    } else if (step < 2 && text.includes('user\0')) {
      step = 2;
      socket.write(authentication(3));
    } else if (step === 2 && text.includes('p\0\0\0')) {
      step = 3;
      socket.write(Buffer.concat([authentication(0), frame('K', Buffer.alloc(8, 9)), ready]));
    }
  });
  socket.on('end', () => socket.end());
}

const password = frame('p', 'hunter2\0');
const letIn = Buffer.concat([authentication(3), authentication(0), frame('K', Buffer.alloc(8, 9)), ready]);

describe('startup', () => {
  it.each([
    { name: 'plain', before: Buffer.alloc(0), answers: '' },
    { name: 'after SSLRequest', before: sslRequest, answers: 'N' },
    { name: 'after GSSENCRequest', before: gssRequest, answers: 'N' },
  ])('$name: packets split at every byte', async ({ before, answers }) => {
    const { relay } = await start(passwordServer);
    const message = startupMessage({ user: 'ann' });
    const packets = before.length === 0 ? [message] : [before, message];
    for (const [which, packet] of packets.entries()) {
      for (let cut = 1; cut < packet.length; cut += 1) {
        const client = await connectTo(relay.port);
        for (const [index, bytes] of packets.entries()) {
          const at = index === which ? cut : bytes.length;
          client.socket.write(bytes.subarray(0, at));
          await new Promise((resolve) => setImmediate(resolve));
          client.socket.write(bytes.subarray(at));
          if (index + 1 < packets.length) await until(() => client.received().length === 1, 'N');
        }
        await until(() => client.received().length === answers.length + 9, 'challenge');
        client.socket.write(password);
        await until(() => client.received().length === answers.length + letIn.length, 'let in');
        expect(client.received().equals(Buffer.concat([Buffer.from(answers), letIn]))).toBe(true);
        client.socket.destroy();
      }
    }
  });

  it('byte by byte, both encryption requests first, each once', async () => {
    const { relay } = await start(passwordServer);
    const client = await connectTo(relay.port);
    for (const packet of [gssRequest, sslRequest, startupMessage()]) {
      const before = client.received().length;
      for (const byte of packet) {
        client.socket.write(Buffer.of(byte));
        await new Promise((resolve) => setImmediate(resolve));
      }
      await until(() => client.received().length > before, 'answer');
    }
    expect(client.received().equals(Buffer.concat([Buffer.from('NN'), authentication(3)]))).toBe(true);
    expect(kinds(relay)).toEqual(['open', 'startup', 'startup', 'startup', 'backend']);
    client.socket.destroy();
  });

  it.each([
    { name: 'SSLRequest', bytes: sslRequest },
    { name: 'GSSENCRequest', bytes: gssRequest },
  ])('stuffing behind $name is refused', async ({ bytes }) => {
    const { relay, server } = await start(passwordServer);
    const client = await say(relay, Buffer.concat([bytes, startupMessage()]));
    expect(sqlstate(client.received())).toBe('08P01');
    expect(await closed(relay)).toMatchObject({ why: 'refused', reason: 'stuffing' });
    expect(server.connections).toHaveLength(0);
  });

  it('stuffing while the server thinks about SSLRequest is refused', async () => {
    const { relay } = await start(() => {});
    const client = await connectTo(relay.port);
    client.socket.write(sslRequest);
    await new Promise((resolve) => setTimeout(resolve, 30));
    client.socket.write(Buffer.of(0));
    await client.ended;
    client.socket.end();
    expect(await closed(relay)).toMatchObject({ why: 'refused', reason: 'stuffing' });
  });

  it('the same encryption request twice is refused', async () => {
    const { relay } = await start(passwordServer);
    const client = await connectTo(relay.port);
    client.socket.write(gssRequest);
    await until(() => client.received().length === 1, 'N');
    client.socket.write(gssRequest);
    await client.ended;
    client.socket.end();
    expect(await closed(relay)).toMatchObject({ why: 'refused', reason: 'startup_repeated' });
  });

  it.each([
    { name: 'direct TLS', bytes: Buffer.from([0x16, 3, 1, 0, 200]), reason: 'direct_tls' },
    { name: 'HTTP', bytes: Buffer.from('GET / HTTP/1.1\r\n\r\n'), reason: 'startup_length' },
    { name: 'a length no server takes', bytes: Buffer.from([0, 0, 0x27, 0x15]), reason: 'startup_length' },
  ])('$name is closed without a word', async ({ bytes, reason }) => {
    const { relay, server } = await start(passwordServer);
    const client = await say(relay, bytes);
    expect(client.received()).toHaveLength(0);
    expect(await closed(relay)).toMatchObject({ why: 'refused', reason });
    expect(server.connections).toHaveLength(0);
  });

  it('a connection that never says who it is is closed; a silent one leaves no session', async () => {
    const { relay } = await start(passwordServer, { startupMs: 1000 });
    const slow = await connectTo(relay.port);
    slow.socket.write(Buffer.of(0));
    const silent = await connectTo(relay.port);
    await Promise.all([silent.ended, slow.ended]);
    expect(await closed(relay)).toMatchObject({ why: 'refused', reason: 'startup_timeout' });
    expect(relay.relay.gauges.sessionsTotal).toBe(1);
    expect(relay.relay.gauges.silentConnections).toBe(1);
  });

  it('a client that goes away after the answer to SSLRequest is no error', async () => {
    const { relay } = await start(passwordServer);
    const client = await connectTo(relay.port);
    client.socket.write(sslRequest);
    await until(() => client.received().toString() === 'N', 'N');
    client.socket.end();
    await client.ended;
    expect(await closed(relay)).toMatchObject({ why: 'client_closed' });
  });
});

describe('a server with TLS', () => {
  const tlsServer = (socket: Socket): void => void socket.once('data', () => socket.write('S'));

  it('is refused with a sentence: the recorder has no certificate', async () => {
    const { relay } = await start(tlsServer);
    const client = await say(relay, sslRequest);
    expect(client.received()[0]).toBe(0x45);
    expect(sqlstate(client.received())).toBe('08004');
    expect(await closed(relay)).toMatchObject({ why: 'refused', reason: 'tls_no_certificate' });
  });

  it('with trustUpstream is relayed raw, and a gap says so', async () => {
    const { relay, server } = await start(tlsServer, { trustUpstream: true });
    const client = await connectTo(relay.port);
    client.socket.write(sslRequest);
    await until(() => client.received().toString() === 'S', 'S');
    client.socket.write(Buffer.from([0x16, 3, 1, 0, 1, 9]));
    const far = gather(server.connections[0] as Socket);
    await until(() => far.received().length === 6, 'hello');
    far.socket.write(Buffer.from([0x16, 3, 3, 0, 1, 8]));
    await until(() => client.received().length === 7, 'hello back');
    client.socket.end();
    far.socket.end();
    await client.ended;
    expect(await closed(relay)).toMatchObject({ why: 'client_closed' });
    expect(kinds(relay)).toEqual(['open', 'startup', 'gap', 'close']);
  });

  it('that answers more than one byte is refused', async () => {
    const { relay } = await start((socket) => void socket.once('data', () => socket.write('Nx')));
    await say(relay, sslRequest);
    expect(await closed(relay)).toMatchObject({ why: 'refused', reason: 'upstream_unintelligible' });
  });

  it("a server's error in place of the answer is handed on", async () => {
    const text = 'Esorry, too many clients already\n\0';
    const { relay } = await start((socket) => void socket.once('data', () => socket.end(text)));
    const client = await say(relay, sslRequest);
    expect(client.received().toString()).toBe(text);
  });
});

describe('R6', () => {
  const trusting = Buffer.concat([authentication(0), frame('K', Buffer.alloc(8, 9)), ready]);

  it('a server that asks for nothing: the client is told, nothing else passes, at every split', async () => {
    for (let cut = 0; cut < 12; cut += 1) {
      const { relay, server } = await start((socket) => {
        socket.once('data', () => {
          socket.write(trusting.subarray(0, cut));
          setTimeout(() => socket.write(trusting.subarray(cut)), 2);
        });
      });
      const client = await say(relay, Buffer.concat([startupMessage(), frame('Q', 'drop table t\0')]));
      expect(client.received()[0]).toBe(0x45);
      expect(sqlstate(client.received())).toBe('28000');
      expect(client.received().toString()).toContain('--trust-upstream');
      expect(await closed(relay)).toMatchObject({ why: 'refused', reason: 'upstream_trusts' });
      // The query was sent before the server could have let anybody in: it must not have reached it.
      expect(server.connections[0]?.bytesRead).toBe(startupMessage().length);
    }
  });

  it('with trustUpstream the client is let in and what it sent early is forwarded', async () => {
    const { relay, server } = await start(
      (socket) => void socket.once('data', () => socket.write(trusting)),
      {
        trustUpstream: true,
      },
    );
    const client = await connectTo(relay.port);
    const early = Buffer.concat([startupMessage(), frame('Q', 'select 1\0')]);
    client.socket.write(early);
    await until(() => client.received().equals(trusting), 'let in');
    await until(() => server.connections[0]?.bytesRead === early.length, 'early query');
    client.socket.destroy();
  });

  it('a challenge that is never answered before the server lets in is still a challenge', async () => {
    const { relay } = await start((socket) => {
      socket.once('data', () => socket.write(Buffer.concat([scram, authentication(0), ready])));
    });
    const client = await connectTo(relay.port);
    client.socket.write(startupMessage());
    await until(() => client.received().equals(Buffer.concat([scram, authentication(0), ready])), 'let in');
    client.socket.destroy();
  });
});

describe('refusals', () => {
  it('no server: the client is told where it was looked for', async () => {
    const server = await startServer(() => {});
    await server.close();
    const relay = await startRelay({ serverPort: server.port, trustUpstream: false });
    started.push({ relay, server });
    const client = await say(relay, startupMessage());
    expect(sqlstate(client.received())).toBe('57P03');
    expect(client.received().toString()).toContain(`127.0.0.1:${server.port}: ECONNREFUSED`);
    expect(await closed(relay)).toMatchObject({ why: 'error', reason: 'upstream_unreachable' });
  });

  it('more sessions than allowed; replication and cancel are exempt', async () => {
    const cancelled: Buffer[] = [];
    const { relay } = await start(
      (socket) => {
        socket.once('data', (chunk: Buffer) => {
          if (chunk.length === 16) {
            cancelled.push(chunk);
            socket.end();
          } else socket.write(scram);
        });
      },
      { sessionsMax: 1 },
    );
    const first = await connectTo(relay.port);
    first.socket.write(startupMessage());
    await until(() => first.received().length > 0, 'first');
    const second = await say(relay, startupMessage());
    expect(sqlstate(second.received())).toBe('53300');
    expect(await closed(relay, 2)).toMatchObject({ why: 'refused', reason: 'sessions_max' });
    const standby = await connectTo(relay.port);
    standby.socket.write(startupMessage({ user: 'ann', replication: 'true' }));
    await until(() => standby.received().length > 0, 'replication');
    const cancel = cancelRequest(1, Buffer.from('abcd'));
    await say(relay, cancel);
    expect(cancelled).toEqual([cancel]);
    first.socket.destroy();
    standby.socket.destroy();
  });

  it('too many connections that have not said who they are', async () => {
    const { relay } = await start(() => {}, { startupsMax: 2 });
    const clients = await Promise.all([connectTo(relay.port), connectTo(relay.port), connectTo(relay.port)]);
    await Promise.race(clients.map((client) => client.ended));
    expect(relay.relay.gauges.refused.get('startups_max')).toBe(1);
    for (const client of clients) client.socket.destroy();
  });

  it('a broken startup packet', async () => {
    const broken = Buffer.from(startupMessage());
    broken[broken.length - 1] = 0x61;
    const { relay } = await start(() => {});
    expect(sqlstate((await say(relay, broken)).received())).toBe('08P01');
    expect(await closed(relay)).toMatchObject({ why: 'refused', reason: 'startup_malformed' });
  });
});

describe('cancel', () => {
  it.each([4, 32, 256])(
    'a key of %d bytes: forwarded as received, closed after the server',
    async (keyBytes) => {
      const key = Buffer.from(Array.from({ length: keyBytes }, (_, index) => 0xa0 + (index % 64)));
      const packet = cancelRequest(4711, key);
      let isServerClosed = false;
      const got: Buffer[] = [];
      const { relay } = await start((socket) => {
        socket.on('data', (chunk: Buffer) => {
          got.push(chunk);
          setTimeout(() => {
            isServerClosed = true;
            socket.end();
          }, 30);
        });
      });
      const client = await connectTo(relay.port);
      client.socket.write(packet);
      await client.ended;
      expect(isServerClosed).toBe(true);
      client.socket.end();
      expect(Buffer.concat(got).equals(packet)).toBe(true);
      await closed(relay);
      const startup = relay.entries().find((entry) => entry.kind === 'startup');
      expect(startup?.body.equals(packet.subarray(0, 12))).toBe(true);
      expect(relay.journalBytes().includes(key)).toBe(false);
    },
  );

  it('after SSLRequest, on the same connection', async () => {
    const packet = cancelRequest(1, Buffer.from('wxyz'));
    const got: Buffer[] = [];
    const { relay } = await start((socket) => {
      socket.on('data', (chunk: Buffer) => {
        got.push(chunk);
        if (got.length === 1) socket.write('N');
        else socket.end();
      });
    });
    const client = await connectTo(relay.port);
    client.socket.write(sslRequest);
    await until(() => client.received().length === 1, 'N');
    client.socket.write(packet);
    await client.ended;
    client.socket.end();
    expect(Buffer.concat(got).equals(Buffer.concat([sslRequest, packet]))).toBe(true);
  });
});
