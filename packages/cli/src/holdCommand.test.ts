import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { logger } from '@pgtape/process';
import { startVault, type Vault, VaultConfig } from '@pgtape/vault';
import { writeBigArchive } from './archive.testing.ts';
import { exitCode } from './exitCode.ts';
import { type FakeIo, runFake } from './fakeIo.testing.ts';
import type { ShownHold } from './holdClient.ts';
import { writeToken } from './tokenFiles.testing.ts';

const nowMs = Date.parse('2026-11-20T12:00:00Z');

describe('pgtape hold, over files', () => {
  let dir = '';
  let vault: Vault | null = null;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'pgtape-hold-'));
    writeBigArchive(join(dir, 'archive'), 1200, 3, 500);
  });
  afterEach(async () => {
    await vault?.close();
    vault = null;
    rmSync(dir, { recursive: true });
  });

  const start = async (holds: object = {}): Promise<void> => {
    const callers = [
      { name: 'olga', ...writeToken(dir, 'olga', 'token-of-olga'), may: ['hold'] },
      { name: 'rita', ...writeToken(dir, 'rita', 'token-of-rita'), may: ['read'] },
    ];
    const config = VaultConfig.parse({
      otlp: { port: 0 },
      http: { port: 0, callers },
      archive: { store: join(dir, 'archive') },
      holds,
    });
    vault = await startVault(config, { log: logger('vault', 'silent') });
  };
  const local = (...args: string[]): Promise<FakeIo> => runFake(args, { cwd: dir, now: () => nowMs });
  const as = (who: string, ...args: string[]): Promise<FakeIo> =>
    local(...args, '--vault', `http://127.0.0.1:${vault?.http.port}`, '--token-file', who);
  const olga = (...args: string[]): Promise<FakeIo> => as('olga', ...args);
  const placed = async (...args: string[]): Promise<ShownHold> => {
    const reason = ['--case', 'c 7', '--reason', 'court order', '-o', 'json'];
    const io = await olga('hold', 'create', ...reason, ...args);
    expect([io.code, io.out.text !== '']).toEqual([0, true]);
    return JSON.parse(io.out.text) as ShownHold;
  };
  const saidBy = ({ code, err }: FakeIo): [number, string] => [
    code,
    /\[([A-Z_]+)\]/.exec(err.text)?.[1] ?? '',
  ];

  it('places a hold, lists it and releases it', async () => {
    await start();
    const hold = await placed('--user', 'grace', '--since', '2025-01-01', '--search', '/order/i');
    expect(hold).toEqual({
      hold: expect.stringMatching(/^[0-9a-f]{32}$/),
      case: 'c 7',
      reason: 'court order',
      who: 'olga',
      at: expect.any(String),
      scope: { user: 'grace', since: `${Date.parse('2025-01-01')}000000`, search: '/order/i' },
      dual_control: false,
      state: 'active',
      notes: ['hold_not_enforced'],
      objects: expect.any(Number),
      objects_seen: 0,
      release: null,
    });
    expect(hold.objects).toBeGreaterThan(0);
    const list = await olga('hold', 'list');
    const [head, row] = list.out.text.split('\n');
    expect(head).toMatch(/^HOLD +STATE +CASE +PLACED +BY +OBJECTS +NOTES +SCOPE$/);
    expect(row).toContain(`${hold.hold.slice(0, 12)}  active  c 7`);
    expect(row).toContain('user=grace since=2025-01-01 00:00:00 search=/order/i');
    const released = await olga('hold', 'release', hold.hold.slice(0, 8), '--reason', 'over', '-o', 'jsonl');
    expect([released.code, JSON.parse(released.out.text)]).toMatchObject([0, { state: 'released' }]);
    expect((await olga('hold', 'list')).err.text).toBe('no holds (and 1 released one: --all)\n');
    expect(JSON.parse((await olga('hold', 'list', '--all', '-o', 'json')).out.text)).toHaveLength(1);
  });

  it('says on standard error that nothing enforces a hold over files', async () => {
    await start();
    const io = await olga('hold', 'create', '--case', 'c', '--reason', 'r', '--database', 'shop');
    expect(io.err.text).toBe(
      'pgtape: the hold is on record, but the store of this archive enforces nothing\n',
    );
  });

  it('is told by verify, which says that nothing enforces it', async () => {
    await start();
    const { objects } = await placed('--user', 'grace');
    await vault?.close();
    vault = null;
    const line = `complete  legal holds  1 in force over ${objects} objects, on record only: the store of this archive enforces none`;
    expect((await local('verify', '--archive', 'archive')).out.text.split('\n')).toContain(line);
    const { holds } = JSON.parse((await local('verify', '--archive', 'archive', '-o', 'json')).out.text);
    expect(holds).toMatchObject({ verdict: 'complete', checked: 0, isEnforced: false, findings: [] });
  });

  it('has a second person sign, and shows what', async () => {
    const made = await local('hold', 'key', '--new', 'bob.pem');
    const publicKey = made.out.text.trim();
    expect((await local('hold', 'key', '--key', 'bob.pem')).out.text).toBe(`${publicKey}\n`);
    expect(statSync(join(dir, 'bob.pem')).mode & 0o777).toBe(0o600);
    await start({ dualControl: true, signers: [{ name: 'bob', publicKey }] });
    const { hold } = await placed('--user', 'grace');

    const asked = await olga('hold', 'release', hold, '--reason', 'over', '--request', 'release.txt');
    expect([asked.code, asked.err.text.split('\n')[0]]).toEqual([
      exitCode.found,
      'nothing is released yet: this hold asks for a second person. He signs the text',
    ]);
    const shown = await olga('hold', 'release', hold, '--reason', 'over');
    expect(shown.out.text).toMatch(new RegExp(`^pgtape-release-v1\n${hold}\nover\nolga\n\\d{19}\n$`));

    const sign = [
      'hold',
      'sign',
      'release.txt',
      '--key',
      'bob.pem',
      '--as',
      'bob',
      '--out',
      'release.signed',
    ];
    const declined = await local(...sign);
    expect([declined.code, existsSync(join(dir, 'release.signed'))]).toEqual([exitCode.found, false]);
    expect(declined.err.text).toContain(`release of hold ${hold}\n  asked for by  olga\n`);
    expect(declined.err.text).toContain(`  because       over\nsigned as bob with key ${publicKey}\n`);
    const signed = await runFake(sign, { cwd: dir, presses: ['next'] });
    expect([signed.code, readFileSync(join(dir, 'release.signed'), 'utf8')]).toEqual([
      0,
      expect.stringMatching(/^pgtape-release-v1\n[\s\S]*\n\nsecond bob [0-9a-f]{64} [0-9a-f]{128}\n$/),
    ]);

    const released = await olga('hold', 'release', hold, '--signed', 'release.signed', '-o', 'json');
    expect([released.code, JSON.parse(released.out.text)]).toMatchObject([
      0,
      { state: 'released', release: { reason: 'over', who: 'olga', second: 'bob' } },
    ]);
  });

  it('refuses with a word and a code', async () => {
    await start();
    const { hold } = await placed('--user', 'grace');
    const create = ['hold', 'create', '--case', 'c', '--reason', 'r'];
    writeFileSync(join(dir, 'text'), 'pgtape-release-v1\nno\n');
    expect({
      'no condition': saidBy(await olga(...create)),
      'no time': saidBy(await olga(...create, '--since', 'yesterday')),
      'half a session id': saidBy(await olga(...create, '--session', 'abc')),
      'no expression': saidBy(await olga(...create, '--search', '/(/')),
      'not for rita': saidBy(await as('rita', 'hold', 'list')),
      'no reason': saidBy(await olga('hold', 'release', hold)),
      'no hold': saidBy(await olga('hold', 'release', 'ff', '--reason', 'r')),
      'nothing signed': saidBy(await olga('hold', 'release', hold, '--signed', 'text')),
      'no release text': saidBy(await local('hold', 'sign', 'text', '--key', 'olga', '--as', 'x')),
      'no key': saidBy(await local('hold', 'key', '--key', 'olga')),
      'no file': saidBy(await local('hold', 'key', '--key', 'nowhere')),
      'a key that is there': saidBy(await local('hold', 'key', '--new', 'olga')),
      'no retention here': saidBy(
        await olga('retention', 'extend', '--older-than', '1d', '--days', '9', '--reason', 'r'),
      ),
      'two scopes': saidBy(
        await olga('retention', 'extend', 'x', '--reel', 'y', '--days', '9', '--reason', 'r'),
      ),
      'no until': saidBy(await olga('retention', 'extend', '--older-than', '1d', '--reason', 'r')),
    }).toEqual({
      'no condition': [exitCode.usage, 'SCOPE_EMPTY'],
      'no time': [exitCode.usage, 'TIME'],
      'half a session id': [exitCode.usage, 'SESSION_ID'],
      'no expression': [exitCode.usage, 'SCOPE_PATTERN'],
      'not for rita': [exitCode.environment, 'VAULT_NOT_ALLOWED'],
      'no reason': [exitCode.usage, 'REASON'],
      'no hold': [exitCode.found, 'NO_HOLD'],
      'nothing signed': [exitCode.usage, 'NOT_SIGNED'],
      'no release text': [exitCode.usage, 'NO_RELEASE'],
      'no key': [exitCode.usage, 'KEY'],
      'no file': [exitCode.usage, 'FILE'],
      'a key that is there': [exitCode.usage, 'FILE'],
      'no retention here': [exitCode.usage, 'RETENTION_UNSUPPORTED'],
      'two scopes': [exitCode.usage, 'USAGE'],
      'no until': [exitCode.usage, 'USAGE'],
    });
  });

  it.each([
    ['hold'],
    ['hold', 'create'],
    ['hold', 'list'],
    ['hold', 'release'],
    ['hold', 'sign'],
    ['hold', 'key'],
    ['retention', 'extend'],
  ])('helps with examples: %s %s', async (...command) => {
    const io = await local(...command.filter((word) => word !== undefined), '--help');
    expect([io.code, io.out.text.includes('Examples:\n  $ pgtape ')]).toEqual([0, true]);
  });
});
