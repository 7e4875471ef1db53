import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeObject } from '@pgtape/evidence';
import { logger } from '@pgtape/process';
import { fileStore } from '@pgtape/store';
import { makeCertificate } from '@pgtape/testkit';
import { startVault, type Vault, VaultConfig } from '@pgtape/vault';
import { writeBigArchive } from './archive.testing.ts';
import { exitCode } from './exitCode.ts';
import { FakeIo, runFake } from './fakeIo.testing.ts';
import { runProgram } from './program.ts';
import { openReading } from './reading.ts';
import { writeToken } from './tokenFiles.testing.ts';

const token = 'the-token-of-the-test';

interface Access {
  readonly who: string;
  readonly method: string;
  readonly action: string;
  readonly what: string;
  readonly why: string;
}

/** Access records in the archive, in the order they were written. */
async function accessIn(root: string): Promise<Access[]> {
  const store = fileStore(root);
  const found: Access[] = [];
  for await (const { key } of store.list('reel/')) {
    const lines = Buffer.from(decodeObject(await store.get(key)))
      .toString('utf8')
      .trimEnd()
      .split('\n');
    for (const line of lines) {
      const { kind, who, method, action, what, why } = JSON.parse(line) as Access & { kind: string };
      if (kind === 'access') found.push({ who, method, action, what, why });
    }
  }
  return found;
}

describe('commands that read through a vault', () => {
  let dir = '';
  let root = '';
  let vault: Vault;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'pgtape-through-'));
    root = join(dir, 'archive');
    writeBigArchive(root, 12_000, 3, 500);
  });
  afterEach(async () => {
    await vault.close();
    rmSync(dir, { recursive: true });
  });
  const start = async (http: object = {}): Promise<void> => {
    const callers = [{ name: 'alice', ...writeToken(dir, 'token', token), may: ['read'] }];
    const config = VaultConfig.parse({
      otlp: { port: 0 },
      http: { port: 0, callers, ...http },
      archive: { store: root },
    });
    vault = await startVault(config, { log: logger('vault', 'silent') });
  };
  const url = (): string => `http://127.0.0.1:${vault.http.port}`;
  const through = (...args: string[]): Promise<FakeIo> =>
    runFake([...args, '--vault', url(), '--token-file', 'token'], { cwd: dir });
  const directly = (...args: string[]): Promise<FakeIo> =>
    runFake([...args, '--archive', 'archive'], { cwd: dir });
  const session = `${'a0'.repeat(8)}-3`;

  it('tell what they tell of the archive itself, and each reading is on record', async () => {
    await start();
    const commands = [
      ['sessions', '-o', 'jsonl'],
      ['search', 'DELETE', '--user', 'grace', '-o', 'jsonl'],
      ['search', '--error', '23505', '--limit', '7'],
      ['play', session, '--speed', 'max'],
      ['play', 'last', '-o', 'jsonl'],
    ];
    for (const command of commands) {
      const [vaults, own] = [await through(...command, '--why', 'case 7'), await directly(...command)];
      expect([command, vaults.code, vaults.out.text.length > 0]).toEqual([command, 0, true]);
      expect(vaults.out.text).toBe(own.out.text);
      const notice = `pgtape: reading ${root} directly: this reading is not recorded\n`;
      expect([vaults.err.text.includes(notice), own.err.text.startsWith(notice)]).toEqual([false, true]);
    }
    const verified = await through('verify', '-o', 'json');
    expect([verified.code, JSON.parse(verified.out.text)]).toEqual([
      0,
      expect.objectContaining({ strangers: [] }),
    ]);
    const last = (await accessIn(root)).find(
      ({ action, what }) => action === 'play' && !what.includes(session),
    );
    const by = { who: 'alice', method: 'token', why: 'case 7' };
    expect(await accessIn(root)).toEqual([
      { ...by, action: 'sessions', what: 'all' },
      { ...by, action: 'search', what: 'all: DELETE --user grace' },
      { ...by, action: 'search', what: 'all: --error 23505' },
      { ...by, action: 'play', what: `session ${session}` },
      { ...by, action: 'sessions', what: 'all: play last' },
      { ...by, action: 'play', what: last?.what },
      { ...by, action: 'verify', what: 'all', why: '' },
    ]);
  });

  it('go on when a grant ends: the reading is recorded again', async () => {
    await start({ grantsMax: 1 });
    const io = new FakeIo({ cwd: dir });
    const flags = { vault: url(), tokenFile: 'token' };
    const archive = await openReading(io, flags, { action: 'search', what: 'x' });
    const key = archive.reels[0]?.keys[0] as string;
    const before = await archive.store.get(key);
    // One more grant of the same caller ends the first.
    await openReading(io, flags, { action: 'sessions', what: '' });
    const again = await Promise.all([archive.store.get(key), archive.store.get(key), archive.store.get(key)]);
    expect(again).toEqual([before, before, before]);
    expect((await accessIn(root)).map(({ action, what }) => `${action} ${what}`)).toEqual([
      'search all: x',
      'sessions all',
      'search all: x',
    ]);
  });

  it('cannot read beyond what is on record', async () => {
    await start();
    const flags = { vault: url(), tokenFile: 'token' };
    const archive = await openReading(new FakeIo({ cwd: dir }), flags, { action: 'play', what: '', session });
    expect(archive.reels.map(({ reel }) => reel)).toEqual(['a0'.repeat(16)]);
    const [own = ''] = archive.reels[0]?.keys ?? [];
    const other = own.replaceAll('a0', 'a1');
    await expect(archive.store.get(other)).rejects.toMatchObject({ code: 'VAULT_OUTSIDE_SCOPE' });
  });

  it.each([
    { name: 'no token', args: [], code: 'VAULT_UNAUTHENTICATED', exit: exitCode.environment, http: {} },
    {
      name: 'a token nobody has',
      args: ['--token-file', 'token.sha256'],
      code: 'VAULT_UNAUTHENTICATED',
      exit: exitCode.environment,
      http: {},
    },
    {
      name: 'no reason where one is asked for',
      args: ['--token-file', 'token'],
      code: 'VAULT_WHY_REQUIRED',
      exit: exitCode.usage,
      http: { whyRequired: true },
    },
    {
      name: 'a vault without callers',
      args: ['--token-file', 'token'],
      code: 'VAULT_NO_CALLERS',
      exit: exitCode.environment,
      http: { callers: [] },
    },
  ])('end with $code at $name', async ({ args, code, exit, http }) => {
    await start(http);
    for (const command of [['sessions'], ['search', 'x'], ['play', 'last'], ['tail']]) {
      const io = await runFake([...command, '--vault', url(), ...args], { cwd: dir });
      expect([command, io.code, io.out.text]).toEqual([command, exit, '']);
      expect(io.err.text).toContain(`[${code}]`);
    }
    expect(await accessIn(root)).toEqual([]);
  });

  it('end when the vault goes in the middle, and show no less as if it were all', async () => {
    await start();
    const io = new FakeIo({ cwd: dir });
    const lines: string[] = [];
    io.out.onWrite = (chunk) => {
      lines.push(chunk);
      return lines.length > 1;
    };
    const args = ['search', '-o', 'jsonl', '--vault', url(), '--token-file', 'token'];
    const ended = runProgram(args, io);
    for (let i = 0; i < 6000 && lines.length === 0; i += 1)
      await new Promise((resolve) => setTimeout(resolve, 5));
    await vault.close();
    io.out.release();
    await ended;
    expect([io.code, io.err.text]).toEqual([
      exitCode.environment,
      expect.stringContaining('[VAULT_UNREACHABLE]'),
    ]);
  });

  it('tell a stranger from a vault', async () => {
    await start();
    const answers: [number, string][] = [
      [404, '<html>'],
      [403, '{"error": "\\u001b[31mred"}'],
      [200, '<html>'],
      [201, '{"grant": 1}'],
      [201, 'null'],
    ];
    let next = 0;
    const stranger = createServer((_request, response) => {
      const [status, body] = answers[next] as [number, string];
      response.writeHead(status).end(body);
    });
    await new Promise<void>((resolve) => stranger.listen(0, '127.0.0.1', resolve));
    const { port } = stranger.address() as AddressInfo;
    for (; next < answers.length; next += 1) {
      const io = await runFake(['sessions', '--vault', `http://127.0.0.1:${port}`], { cwd: dir });
      expect([answers[next], io.code, io.out.text, io.err.text]).toEqual([
        answers[next],
        exitCode.environment,
        '',
        expect.stringContaining('[VAULT_STRANGE]'),
      ]);
    }
    stranger.closeAllConnections();
    await new Promise((resolve) => stranger.close(resolve));
  });

  it('come by certificate over TLS, and do not believe just any vault', async () => {
    const write = (name: string, text: string): string => {
      writeFileSync(join(dir, name), text);
      return join(dir, name);
    };
    const [ca, other] = [makeCertificate({ name: 'an authority' }), makeCertificate({ name: 'another' })];
    const server = makeCertificate({ name: 'vault', names: ['127.0.0.1'], issuer: ca });
    const bob = makeCertificate({ name: 'bob', names: ['bob.example'], issuer: ca });
    await start({
      tls: {
        certFile: write('server.crt', server.certificate),
        keyFile: write('server.key', server.key),
        clientCaFile: write('ca.crt', ca.certificate),
      },
      callers: [{ name: 'bob', certificate: 'DNS:bob.example', may: ['read'] }],
    });
    write('bob.crt', bob.certificate);
    write('bob.key', bob.key);
    write('other.crt', other.certificate);
    const secure = url().replace('http:', 'https:');
    const as = (...flags: string[]) =>
      runFake(['search', '--limit', '3', '-o', 'jsonl', '--vault', secure, ...flags], { cwd: dir });
    const known = await as('--cert', 'bob.crt', '--key', 'bob.key', '--ca', 'ca.crt');
    expect([known.code, known.err.text, known.out.text.split('\n').length]).toEqual([0, '', 4]);
    const env = { PGTAPE_VAULT: secure, PGTAPE_CERT: 'bob.crt', PGTAPE_KEY: 'bob.key', PGTAPE_CA: 'ca.crt' };
    expect((await runFake(['sessions'], { cwd: dir, env })).code).toBe(0);
    const refused = [await as(), await as('--ca', 'other.crt'), await as('--ca', 'ca.crt')];
    expect(refused.map(({ err }) => /\[(\w+)\]/.exec(err.text)?.[1])).toEqual([
      'VAULT_TLS',
      'VAULT_TLS',
      'VAULT_UNAUTHENTICATED',
    ]);
    expect((await accessIn(root)).map(({ who, method }) => `${who} ${method}`)).toEqual([
      'bob mtls',
      'bob mtls',
    ]);
  });

  it('end at a signal', async () => {
    await start();
    const io = new FakeIo({ cwd: dir });
    io.out.onWrite = () => {
      io.controller.abort('signal');
      return true;
    };
    await runProgram(['search', '-o', 'jsonl', '--vault', url(), '--token-file', 'token'], io);
    expect([io.code, io.err.text]).toEqual([exitCode.interrupted, 'pgtape: stopped before the end\n']);
  });

  it('watch, and that is on record, too', async () => {
    await start();
    const io = new FakeIo({ cwd: dir });
    const ended = runProgram(['tail', '--session', session, '--vault', url(), '--token-file', 'token'], io);
    for (let i = 0; i < 3000 && (await accessIn(root)).length === 0; i += 1) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    io.controller.abort('signal');
    await ended;
    expect([io.err.text, await accessIn(root)]).toEqual([
      '',
      [{ who: 'alice', method: 'token', action: 'tail', what: `session ${session}`, why: '' }],
    ]);
  });

  it('show the token to nobody', async () => {
    await start();
    const io = await through('sessions', '-o', 'jsonl');
    expect(`${io.out.text}${io.err.text}`).not.toContain(token);
    expect(readFileSync(join(dir, 'token.sha256'), 'utf8')).not.toContain(token);
  });
});
