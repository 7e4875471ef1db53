/** A vault at work, its log and its own reel, under `pgtape verify` and `pgtape export`: nothing that it does is called forged. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { pgtapeMain } from './pgtapeCommand.ts';
import { startStack } from './stack.ts';

interface Judged {
  readonly findings: readonly { readonly verdict: string; readonly reason: string }[];
  readonly sessions: readonly { readonly session: string; readonly verdict: string }[];
}

interface Report {
  readonly reels: readonly Judged[];
  readonly log: Judged & {
    readonly size: number;
    readonly isSound: boolean;
    readonly checked: { readonly objects: number };
  };
}

describe('the archive of a vault at work', () => {
  let cwd = '';
  beforeEach(() => {
    cwd = mkdtempSync(join(tmpdir(), 'pgtape-verify-stack-'));
  });
  afterEach(() => {
    rmSync(cwd, { recursive: true });
  });
  const pgtape = (...args: string[]) =>
    spawnSync(process.execPath, [pgtapeMain, ...args], { cwd, encoding: 'utf8' });

  it('holds against its log while the vault goes on, and gives a bundle that check.py believes', async () => {
    const stack = await startStack();
    try {
      const way = ['--archive', stack.archiveDir];
      const key = ['--log-key', join(stack.archiveDir, 'log', 'vkey')];
      const report = (): Report =>
        JSON.parse(pgtape('verify', ...way, ...key, '-o', 'json').stdout) as Report;
      for (let round = 0; round < 3; round += 1) {
        const client = new pg.Client({ connectionString: stack.url });
        await client.connect();
        for (let index = 0; index < 20; index += 1) await client.query('SELECT $1::int AS index', [index]);
        await client.end();
        const { reels, log } = report();
        const wrong = [...reels, log].flatMap(({ findings }) =>
          findings.filter(({ verdict }) => verdict !== 'open'),
        );
        expect([wrong, log.isSound]).toEqual([[], true]);
      }
      await stack.settle();
      const { reels, log } = report();
      const session = reels
        .flatMap(({ sessions }) => sessions)
        .find(({ verdict }) => verdict === 'complete')!;
      expect([log.size > 0, log.checked.objects > 0]).toEqual([true, true]);
      const made = pgtape('export', session.session, ...way, ...key, '--to', 'out.tar');
      expect([made.status, made.stderr]).toEqual([0, expect.stringContaining('1 session in out.tar')]);
      expect(pgtape('verify', '--bundle', 'out.tar', ...key).status).toBe(0);
      spawnSync('tar', ['-xf', 'out.tar'], { cwd });
      const check = spawnSync('/usr/bin/python3', ['check.py', '.'], { cwd, encoding: 'utf8' });
      expect([check.status, check.stdout.split('\n')[0]]).toEqual([
        0,
        expect.stringMatching(new RegExp(`^complete session ${session.session} `)),
      ]);
    } finally {
      await stack.stop();
    }
  });
});
