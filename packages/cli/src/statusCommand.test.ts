import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startVault, type Vault, VaultConfig, type VaultStatus } from '@pgtape/vault';
import { drafts, ReelWriter } from './archive.testing.ts';
import { exitCode } from './exitCode.ts';
import { FakeIo, type FakeIoOptions, FakeOutput, runFake } from './fakeIo.testing.ts';
import { paintFor } from './paint.ts';
import { runProgram } from './program.ts';
import { statusText } from './statusText.ts';
import { writeToken } from './tokenFiles.testing.ts';
import { well } from './vaultStatus.testing.ts';

const a = '0a'.repeat(16);
const b = '0b'.repeat(16);
const open = {
  reel: a,
  recorder: '01'.repeat(8),
  name: 'db-0',
  state: 'open',
  enrolled: { method: 'secret', name: 'shop' },
  segment: 12,
  quiet_ms: 1500,
  lag_ms: 20,
  heartbeat_ms: 30_000,
  missing: null,
  skew_ms: 3,
  skew_bound_ms: 1,
} as const;
const troubled: VaultStatus = {
  ...well,
  ready: false,
  reasons: ['STORE_IO'],
  archive: { ...well.archive, lock: 'strict', tamper_evident_only: false, retention: { days: 30 } },
  holds: { active: 2, enforced: true },
  log: { ...well.log, size: 1, pending: 3, checkpoint_at: null, checkpoint_age_ms: null, fenced: true },
  own_reel: { waiting: 3 },
  forward: { url: 'http://jaeger:4317', queue_bytes: 2048 },
  reels: {
    open: 1,
    silent: 1,
    crashed: 0,
    list: [
      {
        ...open,
        reel: b,
        name: 'db-1',
        state: 'silent',
        enrolled: { method: 'none', name: '' },
        quiet_ms: 125_000,
        lag_ms: null,
        missing: 13,
        skew_ms: null,
        skew_bound_ms: null,
      },
      open,
    ],
    more: 1,
  },
  alerts: [
    { reason: 'reel_silent', reel: b, detail: 'nothing came for 60 s', since: '2026-11-27T01:02:03.000Z' },
    { reason: 'worm', detail: 'delete was allowed', since: '2026-11-27T01:02:03.000Z' },
  ],
};

const textOf = (status: VaultStatus): string => {
  const io = new FakeIo();
  return statusText(status, new FakeOutput(), paintFor(io, io.out, false));
};

describe('statusText', () => {
  it('is short when all is well', () => {
    expect(textOf(well)).toBe(
      [
        'vault    main, ready',
        'archive  /srv/archive, no lock: tamper-evident only, no retention',
        'log      example.test/log, 2 leaves and 0 pending, checkpoint 4.00 s ago',
        '',
        'Reels  0 open, 0 silent, 0 crashed',
        '',
        'No alert stands.',
        '',
      ].join('\n'),
    );
  });

  it('says of legal holds over files that nothing enforces them', () => {
    expect(textOf({ ...well, holds: { active: 1, enforced: false } })).toContain(
      'no retention, 1 legal hold that nothing enforces\n',
    );
  });

  it('shows what wants attention first', () => {
    expect(textOf(troubled).split('\n')).toEqual([
      'vault    main, not ready: STORE_IO',
      'archive  /srv/archive, lock strict, retention, 2 legal holds',
      'log      example.test/log, 1 leaf and 3 pending, no checkpoint yet, fenced: another writer has it',
      'own reel 3 records wait to be stored',
      'forward  http://jaeger:4317, 2.0 KiB waiting',
      '',
      'Reels  1 open, 1 silent, 0 crashed',
      'RECORDER  STATE   REEL                              SEGMENT            LAST      LAG      SKEW  MISSING  ENROLLED',
      `db-1      silent  ${b}       12  2 min 05 s ago                          13  no`,
      `db-0      open    ${a}       12      1.50 s ago  20.0 ms  +3 ±1 ms           shop (secret)`,
      '1 more reel not listed',
      '',
      '2 alerts',
      `  reel_silent  reel ${b}  since 2026-11-27T01:02:03Z`,
      '    nothing came for 60 s',
      '  worm  since 2026-11-27T01:02:03Z',
      '    delete was allowed',
      '',
    ]);
  });

  it('lets no control character of a recorder reach a terminal', () => {
    const list = [{ ...open, name: '\u001b[2J', enrolled: { method: 'mtls', name: '\u0007' } as const }];
    const text = textOf({ ...well, reels: { ...well.reels, list } });
    expect(['\u001b', '\u0007'].filter((control) => text.includes(control))).toEqual([]);
  });
});

describe('pgtape status', () => {
  const token = 'the-token-of-the-test';
  let dir = '';
  let vault: Vault;
  beforeEach(async () => {
    dir = mkdtempSync(join(tmpdir(), 'pgtape-status-'));
    const archive = join(dir, 'archive');
    new ReelWriter(archive, a).seal([drafts.reelOpened(0)]);
    new ReelWriter(archive, b).seal([drafts.reelOpened(0), drafts.reelClosed(0, 0)]);
    const caller = { name: 'alice', ...writeToken(dir, 'token', token), may: ['status'] };
    vault = await startVault(
      VaultConfig.parse({
        otlp: { port: 0 },
        http: { port: 0, callers: [caller] },
        archive: { store: archive },
        log: { level: 'silent' },
      }),
    );
  });
  afterEach(async () => {
    await vault.close();
    rmSync(dir, { recursive: true });
  });
  const options = (more: FakeIoOptions = {}): FakeIoOptions => ({
    cwd: dir,
    env: { PGTAPE_VAULT: `http://127.0.0.1:${vault.http.port}`, PGTAPE_TOKEN_FILE: 'token' },
    ...more,
  });
  /** Once the vault has looked up which reels are open. */
  const settled = async (): Promise<VaultStatus> => {
    for (let tries = 0; tries < 3000; tries += 1) {
      const status = JSON.parse((await runFake(['status', '-o', 'json'], options())).out.text);
      if (status.reels.open > 0) return status;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    throw new Error('no reel');
  };

  it('says how the vault is, and which reels of the archive are open', async () => {
    const status = await settled();
    expect(status).toMatchObject({ ready: true, name: 'vault', holds_lock: true, alerts: [] });
    expect(status.reels).toEqual({
      open: 1,
      silent: 0,
      crashed: 0,
      more: 0,
      list: [
        {
          reel: a,
          recorder: expect.any(String),
          name: 'test',
          state: 'open',
          enrolled: { method: 'none', name: '' },
          segment: 1,
          quiet_ms: expect.any(Number),
          lag_ms: null,
          heartbeat_ms: 30_000,
          missing: null,
          skew_ms: null,
          skew_bound_ms: null,
        },
      ],
    });
    const io = await runFake(['status'], options());
    expect([io.code, io.out.text.split('\n')[0]]).toEqual([exitCode.fine, 'vault    vault, ready']);
    expect(io.out.text).toContain('No alert stands.');
  });

  it('watches until it is stopped, one line for each look as JSON', async () => {
    const io = new FakeIo(options());
    let seen = 0;
    io.out.onWrite = () => {
      seen += 1;
      if (seen === 3) io.controller.abort('signal');
      return true;
    };
    await runProgram(['status', '--watch', '0.1', '-o', 'json'], io);
    const looks = io.out.text.trimEnd().split('\n');
    expect([io.code, looks.length, looks.map((line) => JSON.parse(line).ready)]).toEqual([
      exitCode.fine,
      3,
      [true, true, true],
    ]);
  });

  it('goes on watching while the vault is away, and then ends with 1', async () => {
    const io = new FakeIo(options());
    let closed: Promise<void> | undefined;
    io.out.onWrite = () => {
      closed ??= vault.close();
      return true;
    };
    io.err.onWrite = () => {
      io.controller.abort('signal');
      return true;
    };
    await runProgram(['status', '--watch', '0.1'], io);
    await closed;
    expect([io.code, io.err.text]).toEqual([exitCode.found, expect.stringMatching(/^no vault answers at /)]);
  });

  it.each<{ name: string; args: string[]; env: object; code: number; says: string }>([
    {
      name: 'a span that is none',
      args: ['--watch', 'soon'],
      env: {},
      code: exitCode.usage,
      says: '[WATCH]',
    },
    {
      name: 'a stranger',
      args: [],
      env: { PGTAPE_TOKEN_FILE: undefined },
      code: exitCode.environment,
      says: '[VAULT_UNAUTHENTICATED]',
    },
    {
      name: 'no vault',
      args: [],
      env: { PGTAPE_VAULT: undefined },
      code: exitCode.environment,
      says: '[NO_VAULT]',
    },
  ])('refuses $name', async ({ args, env, code, says }) => {
    const { env: own = {} } = options();
    const io = await runFake(
      ['status', ...args],
      options({ env: { ...own, ...env } as Record<string, string> }),
    );
    expect([io.code, io.err.text]).toEqual([code, expect.stringContaining(says)]);
  });
});
