/** For tests: two real PostgreSQL, one with TLS, certificates for all sides, relays in front of them, and clients on either. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect as connectPlain, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import {
  type EmbeddedPostgres,
  makeCertificate,
  startTestPostgres,
  type TestCertificate,
} from '@pgtape/testkit';
import pg from 'pg';
import {
  gather,
  sslRequest,
  startRelay,
  type TestClient,
  type TestRelay,
  type TestRelayOptions,
  until,
} from './relayFixture.testing.ts';
import { TlsFiles } from './tlsFiles.ts';

export const authority = makeCertificate({ name: 'test authority' });
const names = ['localhost', '127.0.0.1'];
export const own = makeCertificate({ name: 'database', names, issuer: authority });
export const other = makeCertificate({ name: 'recorder', names, issuer: authority });
export const elsewhere = makeCertificate({ name: 'elsewhere', names: ['elsewhere.test'], issuer: authority });
export const stranger = makeCertificate({ name: 'another authority' });
export const people = makeCertificate({ name: 'people' });
export const ann = makeCertificate({
  name: 'ann',
  names: ['ann.test'],
  issuer: people,
  serial: Buffer.of(0x4a, 0xbc),
});

/** A directory of the test file's own, and its servers; there between beforeAll and afterAll. */
export let root: string;
export let secured: EmbeddedPostgres;
export let plain: EmbeddedPostgres;
const started: TestRelay[] = [];

/** To be called once in a test file. */
export function useTlsServers(): void {
  beforeAll(async () => {
    root = mkdtempSync(join(tmpdir(), 'pgtape-relay-tls-'));
    const password = 'plant-77ac-secret';
    secured = await startTestPostgres({
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
    plain = await startTestPostgres({ dir: join(root, 'plain'), password, settings: { fsync: 'off' } });
  }, 120_000);
  afterEach(() => {
    for (const relay of started.splice(0)) relay.close();
  });
  afterAll(async () => {
    await secured.stop();
    await plain.stop();
    rmSync(root, { recursive: true, force: true });
  });
}

export interface Setting {
  readonly serve?: TestCertificate;
  readonly clientCa?: TestCertificate;
  /** PEM of revocation lists, of clients' and the server's authority. */
  readonly clientCrl?: string;
  readonly crl?: string;
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

export async function start(setting: Setting): Promise<TestRelay> {
  const { serve, clientCa, clientCrl, mode = 'mirror', ca, crl, serverName, more } = setting;
  const tls = new TlsFiles(
    serve === undefined
      ? {}
      : {
          tls: {
            certFile: file(serve.certificate),
            keyFile: file(serve.key),
            ...(clientCa === undefined ? {} : { clientCaFile: file(clientCa.certificate) }),
            ...(clientCrl === undefined ? {} : { clientCrlFile: file(clientCrl) }),
          },
        },
    {
      host: '127.0.0.1',
      tls: {
        mode,
        dropChannelBinding: false,
        ...(ca === undefined ? {} : { caFile: file(ca.certificate) }),
        ...(crl === undefined ? {} : { crlFile: file(crl) }),
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

export interface CancelKey {
  readonly processID: number;
  readonly secretKey: number;
}

export async function using(
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

export const ofKind = (relay: TestRelay, kind: string): unknown[] =>
  relay
    .entries()
    .filter((entry) => entry.kind === kind)
    .map(({ body }) => JSON.parse(body.toString()));
export const legs = (relay: TestRelay): string[] =>
  (ofKind(relay, 'secured') as { leg: string }[]).map(({ leg }) => leg).sort();
export async function closed(relay: TestRelay): Promise<unknown> {
  await until(() => ofKind(relay, 'close').length > 0, 'close entry');
  return ofKind(relay, 'close')[0];
}

export const trusting = { ca: authority.certificate };
export const bound = { enableChannelBinding: true };

export async function open(relay: TestRelay): Promise<TestClient> {
  const socket = connectPlain({ port: relay.port, host: '127.0.0.1', allowHalfOpen: true });
  await new Promise((resolve) => socket.once('connect', resolve));
  return gather(socket);
}

/** TLS on a connection whose other side has said S. */
export async function encrypt(client: TestClient, alpn: string[] = []): Promise<TestClient> {
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

export async function encrypted(relay: TestRelay): Promise<TestClient> {
  const client = await open(relay);
  client.socket.write(sslRequest);
  await until(() => client.received().length > 0, 'S');
  expect(client.received().toString()).toBe('S');
  return encrypt(client);
}

/** SQLSTATE of the ErrorResponse the bytes end with; '' when they hold none. */
export function sqlstate(bytes: Buffer): string {
  return /\0C([0-9A-Z]{5})\0/.exec(bytes.toString('latin1'))?.[1] ?? '';
}
