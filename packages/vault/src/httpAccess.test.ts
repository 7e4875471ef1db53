import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { get, type IncomingMessage, request } from 'node:http';
import { type RequestOptions, request as tlsRequest } from 'node:https';
import { createConnection, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeObject, segmentKey } from '@pgtape/evidence';
import { logger } from '@pgtape/process';
import { type MemoryFaults, memoryStore, type Store } from '@pgtape/store';
import { makeCertificate } from '@pgtape/testkit';
import { VaultConfig } from './config.ts';
import { callerConfig, granted, hashOf, token } from './httpCallers.testing.ts';
import { startVault, type Vault } from './vault.ts';

const scratch = mkdtempSync(join(tmpdir(), 'pgtape-access-'));
const endings: (() => Promise<unknown> | unknown)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const recorder = '00112233445566aa';
const reels = ['aa'.repeat(16), 'bb'.repeat(16)] as const;
const keyOf = (reel: string, segment = 1): string => segmentKey(recorder, reel, segment);
const session = `${reels[0].slice(0, 16)}-1`;

interface Access {
  readonly who: string;
  readonly method: string;
  readonly action: string;
  readonly what: string;
  readonly why: string;
  readonly grant: string;
}

async function accessIn(store: Store): Promise<Access[]> {
  const found: Access[] = [];
  for await (const { key } of store.list('reel/')) {
    if (reels.some((reel) => key.includes(reel))) continue;
    const lines = Buffer.from(decodeObject(await store.get(key)))
      .toString('utf8')
      .trimEnd()
      .split('\n');
    for (const line of lines) {
      const { kind, who, method, action, what, why, grant } = JSON.parse(line) as Access & { kind: string };
      if (kind === 'access') found.push({ who, method, action, what, why, grant });
    }
  }
  return found;
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

interface Bench {
  readonly vault: Vault;
  readonly store: Store;
  readonly log: string[];
  /** `access` records in the archive. */
  records(): Promise<Access[]>;
  ask(path: string, options?: AskOptions): Promise<Answer>;
  metric(name: string): Promise<number>;
}

interface AskOptions extends RequestOptions {
  readonly secret?: string | null;
  readonly grant?: string;
  readonly body?: object;
}

let made = 0;

async function asked(port: number, path: string, options: AskOptions = {}): Promise<Answer> {
  const { secret = token, grant, body, ...more } = options;
  const headers = {
    ...(secret === null ? {} : { authorization: `Bearer ${secret}` }),
    ...(grant === undefined ? {} : { 'pgtape-grant': grant }),
    ...(body === undefined ? {} : { 'content-type': 'application/json' }),
  };
  const send = more.protocol === 'https:' ? tlsRequest : request;
  const method = body === undefined ? 'GET' : 'POST';
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const sent = send({ host: '127.0.0.1', port, path, headers, method, agent: false, ...more }, resolve);
    sent.on('error', reject);
    sent.end(body === undefined ? undefined : JSON.stringify(body));
  });
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return { status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) };
}

const wordOf = ({ body }: Answer): string | undefined =>
  (JSON.parse(body.toString('utf8')) as { error?: string }).error;

interface BenchOptions {
  readonly http?: object;
  readonly more?: object;
  readonly faults?: MemoryFaults;
  readonly store?: Store;
}

async function bench({ http = {}, more = {}, faults, ...given }: BenchOptions = {}): Promise<Bench> {
  made += 1;
  const store = given.store ?? memoryStore(faults);
  for (const reel of reels) await store.putOnce(keyOf(reel), Buffer.from(`segment of ${reel}`));
  await store.putOnce(`quarantine/${reels[0]}/1.jsonl.zst`, Buffer.from('forged'));
  const log: string[] = [];
  const config = VaultConfig.parse({
    otlp: { port: 0 },
    http: { port: 0, ...callerConfig(scratch), ...http },
    archive: { store: join(scratch, String(made)) },
    ...more,
  });
  const vault = await startVault(config, {
    store,
    log: logger('vault', 'debug', { write: (line) => void log.push(line) }),
  });
  endings.push(() => vault.close());
  const ask: Bench['ask'] = (path, options) => asked(vault.http.port, path, options);
  return {
    vault,
    store,
    log,
    records: () => accessIn(store),
    ask,
    metric: async (name) => {
      const lines = (await ask('/metrics', { secret: null })).body.toString('utf8').split('\n');
      return Number(lines.find((line) => line.startsWith(`${name} `))?.slice(name.length + 1) ?? Number.NaN);
    },
  };
}

const evidence = [
  '/v1/objects',
  `/v1/objects/${keyOf(reels[0])}`,
  '/v1/tail',
  '/v1/versions',
  '/v1/latest/log/x',
];
const guarded = [...evidence, '/v1/status', `/v1/reels/${reels[0]}`];

describe('who is let in', () => {
  const open = ['/livez', '/readyz', '/metrics'];
  it.each([
    { name: 'no callers', http: { callers: [] }, secret: token, word: 'no_callers', status: 403 },
    { name: 'no token', http: {}, secret: null, word: 'unauthenticated', status: 401 },
    { name: 'an unknown token', http: {}, secret: 'guessed', word: 'unauthenticated', status: 401 },
    {
      name: 'a hash instead of a token',
      http: {},
      secret: hashOf(token),
      word: 'unauthenticated',
      status: 401,
    },
  ])('$name: no evidence, but health and metrics', async ({ http, secret, word, status }) => {
    const { ask, log, records, metric } = await bench({ http });
    for (const path of guarded) {
      const answer = await ask(path, { secret });
      expect([path, answer.status, wordOf(answer)]).toEqual([path, status, word]);
    }
    const grant = await ask('/v1/grants', { secret, body: { action: 'search' } });
    expect([grant.status, wordOf(grant)]).toEqual([status, word]);
    for (const path of open) expect((await ask(path, { secret })).status).toBe(200);
    expect(await metric(`pgtape_vault_http_refused_total{reason="${word}"}`)).toBe(guarded.length + 1);
    expect([await records(), log.join('').includes(secret ?? token)]).toEqual([[], false]);
  });

  it('serves no evidence over plain HTTP from other than loopback', async () => {
    const { ask } = await bench({ http: { host: '0.0.0.0' } });
    for (const path of guarded) expect(wordOf(await ask(path))).toBe('tls_required');
    expect(wordOf(await ask('/v1/grants', { body: { action: 'search' } }))).toBe('tls_required');
    expect((await ask('/livez')).status).toBe(200);
  });

  it('lets status and grants be asked for by who may', async () => {
    const tokenHashFile = join(scratch, 'some.sha256');
    writeFileSync(tokenHashFile, `${hashOf('watcher')}\n`);
    const watcher = { name: 'watcher', tokenHashFile, may: ['status'] };
    const { ask } = await bench({ http: { callers: [watcher] } });
    const answers = [
      await ask('/v1/status', { secret: 'watcher' }),
      await ask('/v1/grants', { secret: 'watcher', body: { action: 'search' } }),
      await ask('/v1/objects', { secret: 'watcher' }),
    ];
    expect(answers.map((answer) => [answer.status, wordOf(answer)])).toEqual([
      [200, undefined],
      [403, 'not_allowed'],
      [403, 'grant_unknown'],
    ]);
  });

  it('knows who comes by the name in his certificate, of the right authority only', async () => {
    const write = (name: string, text: string): string => {
      writeFileSync(join(scratch, name), text);
      return join(scratch, name);
    };
    const ca = makeCertificate({ name: 'the authority' });
    const stranger = makeCertificate({ name: 'another authority' });
    const server = makeCertificate({ name: 'vault', names: ['127.0.0.1'], issuer: ca });
    const { ask, records } = await bench({
      http: {
        host: '0.0.0.0',
        tls: {
          certFile: write('server.crt', server.certificate),
          keyFile: write('server.key', server.key),
          clientCaFile: write('ca.crt', ca.certificate),
        },
        callers: [{ name: 'alice', certificate: 'DNS:alice.example', may: ['read'] }],
      },
    });
    const as = async (client: { certificate: string; key: string } | null): Promise<string> => {
      const shown = client === null ? {} : { cert: client.certificate, key: client.key };
      const answer = await ask('/v1/grants', {
        secret: null,
        protocol: 'https:',
        ca: ca.certificate,
        body: { action: 'search', what: 'x' },
        ...shown,
      });
      return wordOf(answer) ?? 'granted';
    };
    const alice = { name: 'anyone', names: ['alice.example'] };
    expect({
      alice: await as(makeCertificate({ ...alice, issuer: ca })),
      'her name as the subject': await as(makeCertificate({ name: 'alice.example', issuer: ca })),
      'another name': await as(makeCertificate({ name: 'bob', names: ['bob.example'], issuer: ca })),
      'of another authority': await as(makeCertificate({ ...alice, issuer: stranger })),
      'self-signed': await as(makeCertificate(alice)),
      'no certificate': await as(null),
    }).toEqual({
      alice: 'granted',
      'her name as the subject': 'unauthenticated',
      'another name': 'unauthenticated',
      'of another authority': 'unauthenticated',
      'self-signed': 'unauthenticated',
      'no certificate': 'unauthenticated',
    });
    expect((await records()).map(({ who, method }) => [who, method])).toEqual([['alice', 'mtls']]);
  });
});

describe('a grant', () => {
  it('opens what it covers, and nothing of another reel', async () => {
    const { vault, ask, records, metric } = await bench();
    const grant = await granted(vault.http.port, { action: 'play', session, why: 'case 7' });
    const listed = JSON.parse((await ask('/v1/objects?prefix=reel/', { grant })).body.toString('utf8'));
    expect(listed).toEqual({ objects: [expect.objectContaining({ key: keyOf(reels[0]) })], next: null });
    const own = await ask(`/v1/objects/${keyOf(reels[0])}`, { grant });
    expect([own.status, own.body.toString('utf8'), own.headers['cache-control']]).toEqual([
      200,
      `segment of ${reels[0]}`,
      'no-store',
    ]);
    const others = [
      keyOf(reels[1]),
      `quarantine/${reels[0]}/1.jsonl.zst`,
      'reel/stranger',
      `${keyOf(reels[0])}/../../${reels[1]}/00000001.jsonl.zst`,
      `log/..%2f${keyOf(reels[1])}`,
      `log/../${keyOf(reels[1])}`,
    ];
    for (const kind of ['objects', 'latest', 'protection']) {
      for (const key of others) {
        const answer = await ask(`/v1/${kind}/${key}`, { grant });
        expect([key, wordOf(answer)]).toEqual([
          key,
          expect.stringMatching(/^(outside_scope|bad_request|not_found)$/),
        ]);
        expect(answer.body.toString('utf8')).not.toContain('segment of');
      }
    }
    expect(await records()).toEqual([
      { who: 'tester', method: 'token', action: 'play', what: `session ${session}`, why: 'case 7', grant },
    ]);
    expect([
      await metric('pgtape_vault_grants_given_total{action="play"}'),
      await metric('pgtape_vault_objects_served_total'),
      await metric('pgtape_vault_grants'),
      await metric('pgtape_vault_read_bytes'),
    ]).toEqual([1, 1, 1, 0]);
  });

  it('says what it is, and who must act when it is refused', async () => {
    const { ask } = await bench({ http: { whyRequired: true } });
    const body = { action: 'sessions', why: 'audit' };
    const answer = await ask('/v1/grants', { body });
    expect([answer.status, JSON.parse(answer.body.toString('utf8'))]).toEqual([
      201,
      {
        grant: expect.stringMatching(/^[0-9a-f]{32}$/),
        scope: { all: true },
        expires: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
        store: memoryStore().capabilities,
      },
    ]);
    const refusals = [
      { body: { action: 'sessions' }, answer: [400, 'why_required', 'caller'] },
      { body: { action: 'play', why: 'x' }, answer: [400, 'bad_request', 'caller'] },
      { body: { action: 'everything' }, answer: [400, 'bad_request', 'caller'] },
      { body: { action: 'sessions', why: 'x'.repeat(20_000) }, answer: [400, 'bad_request', 'caller'] },
    ];
    for (const refusal of refusals) {
      const { status, body: text } = await ask('/v1/grants', { body: refusal.body });
      const { error, act } = JSON.parse(text.toString('utf8'));
      expect([status, error, act]).toEqual(refusal.answer);
    }
  });

  it('lists in pages, each object once, also when pages are asked for out of turn', async () => {
    const { vault, store, ask } = await bench();
    const keys = [keyOf(reels[0]), keyOf(reels[1])];
    for (let segment = 2; segment <= 20; segment += 1) {
      keys.push(keyOf(reels[0], segment));
      await store.putOnce(keyOf(reels[0], segment), Buffer.of(1));
    }
    keys.sort();
    const grant = await granted(vault.http.port, { action: 'sessions' });
    for (const kind of ['objects', 'versions']) {
      const page = async (after: string): Promise<{ objects: { key: string }[]; next: string | null }> => {
        const query = new URLSearchParams({ prefix: `reel/${recorder}/`, limit: '6', after });
        return JSON.parse((await ask(`/v1/${kind}?${query}`, { grant })).body.toString('utf8'));
      };
      const found: string[][] = [];
      for (let after: string | null = ''; after !== null; ) {
        const { objects, next } = await page(after);
        if (found.length === 1) await page('');
        found.push(objects.map(({ key }) => key));
        after = next;
      }
      expect([kind, found.map(({ length }) => length), found.flat()]).toEqual([kind, [6, 6, 6, 3], keys]);
    }
    for (const query of ['limit=0', 'limit=10001', 'prefix=..', 'unknown=1']) {
      expect([query, wordOf(await ask(`/v1/objects?${query}`, { grant }))]).toEqual([query, 'bad_request']);
    }
  });
});

describe('the record of a reading', () => {
  it('is in the archive before the grant is answered', async () => {
    let isHeld = false;
    let release: () => void = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const inner = memoryStore();
    const store: Store = {
      ...inner,
      putOnce: async (key, bytes, options) => {
        if (isHeld && key.startsWith('reel/')) await held;
        return await inner.putOnce(key, bytes, options);
      },
    };
    const { ask, records } = await bench({ store });
    await settled(inner);
    isHeld = true;
    let answer: Answer | null = null;
    const asking = ask('/v1/grants', { body: { action: 'search', what: 'x' } }).then((given) => {
      answer = given;
    });
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect([answer, await accessIn(inner)]).toEqual([null, []]);
    release();
    await asking;
    expect([(answer as Answer | null)?.status, (await records()).length]).toEqual([201, 1]);
  });

  it.each(['failed', 'failed_yet_persisted'] as const)(
    '%s: nothing is granted and nothing is read',
    async (fault) => {
      const reads: string[] = [];
      let isBroken = false;
      const faults: MemoryFaults = (operation, key) => {
        if (operation !== 'putOnce') reads.push(`${operation} ${key}`);
        return isBroken && operation === 'putOnce' ? fault : 'none';
      };
      const { ask, log, store } = await bench({ faults, http: { recordSeconds: 1 } });
      await settled(store);
      isBroken = true;
      reads.length = 0;
      const answer = await ask('/v1/grants', { body: { action: 'search', what: 'x' } });
      expect([answer.status, wordOf(answer), answer.headers['retry-after']]).toEqual([
        503,
        'access_not_recorded',
        '5',
      ]);
      expect(answer.body.toString('utf8')).not.toContain('STORE_IO');
      for (const path of evidence) {
        expect(wordOf(await ask(path, { grant: '0'.repeat(32) }))).toBe('grant_unknown');
      }
      expect(reads.filter((read) => reels.some((reel) => read.includes(reel)))).toEqual([]);
      expect(log.join('')).toContain('a reading could not be recorded; it was refused');
      isBroken = false;
    },
  );
});

/** The vault's reel has begun: its first record is stored. */
async function settled(store: Store): Promise<void> {
  for (let i = 0; i < 3000; i += 1) {
    for await (const { key } of store.list('reel/')) {
      if (!reels.some((reel) => key.includes(reel))) return;
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

describe('a slow reader', () => {
  const large = 4 * 1024 * 1024;
  const slow = async (port: number, key: string, grant: string): Promise<Socket> => {
    const socket = createConnection(port, '127.0.0.1');
    socket.on('error', () => undefined);
    endings.push(() => socket.destroy());
    const lines = [
      `GET /v1/objects/${key} HTTP/1.1`,
      'host: 127.0.0.1',
      `authorization: Bearer ${token}`,
      `pgtape-grant: ${grant}`,
    ];
    socket.write(`${lines.join('\r\n')}\r\n\r\n`);
    await new Promise((resolve) => socket.once('readable', resolve));
    return socket;
  };

  it('holds no more than its share, is cut off when it takes nothing, and others go on', async () => {
    const readBytesMax = 4 * large;
    const { vault, store, ask, metric } = await bench({ http: { readBytesMax, stallSeconds: 1 } });
    // Both ends' socket buffers hold a few MiB: only what is larger stays with the vault.
    await store.putOnce(keyOf(reels[0], 2), Buffer.alloc(4 * large));
    const grant = await granted(vault.http.port, { action: 'sessions' });
    const socket = await slow(vault.http.port, keyOf(reels[0], 2), grant);
    expect(await metric('pgtape_vault_read_bytes')).toBe(4 * large);
    const refused = await ask(`/v1/objects/${keyOf(reels[0])}`, { grant });
    expect([refused.status, wordOf(refused), refused.headers['retry-after']]).toEqual([
      503,
      'overloaded',
      '1',
    ]);
    let held = -1;
    for (let i = 0; i < 1000 && held !== 0; i += 1) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      held = await metric('pgtape_vault_read_bytes');
    }
    socket.resume();
    expect((await ask(`/v1/objects/${keyOf(reels[0])}`, { grant })).status).toBe(200);
    expect(await metric('pgtape_vault_read_bytes')).toBe(0);
  });
});

describe('/v1/tail', () => {
  it('is for a grant to a tail, of the session it names', async () => {
    const { vault, ask } = await bench();
    const [search, one] = [
      await granted(vault.http.port, { action: 'search' }),
      await granted(vault.http.port, { action: 'tail', session }),
    ];
    expect(wordOf(await ask('/v1/tail', { grant: search }))).toBe('outside_scope');
    expect(wordOf(await ask('/v1/tail?session=0000000000000000-1', { grant: one }))).toBe('outside_scope');
    expect(wordOf(await ask('/v1/tail?unknown=1', { grant: one }))).toBe('bad_request');
  });

  it('has room for 64 of a thousand clients, and answers all', async () => {
    const { vault, metric } = await bench();
    const grant = await granted(vault.http.port, { action: 'tail' });
    const headers = { authorization: `Bearer ${token}`, 'pgtape-grant': grant };
    const statusOf = (): Promise<number> =>
      new Promise((resolve) => {
        const sent = get({
          host: '127.0.0.1',
          port: vault.http.port,
          path: '/v1/tail',
          headers,
          agent: false,
        });
        sent.on('response', (response) => {
          if (response.statusCode === 200) endings.push(() => response.destroy());
          else response.resume();
          response.on('error', () => undefined);
          resolve(response.statusCode ?? 0);
        });
        sent.on('error', () => resolve(-1));
      });
    const statuses = await Promise.all(Array.from({ length: 1000 }, statusOf));
    const count = (status: number): number => statuses.filter((one) => one === status).length;
    expect([count(200), count(503)]).toEqual([64, 936]);
    expect(await metric('pgtape_vault_tail_clients')).toBe(64);
  });
});
