import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { JudgedReel } from '@pgtape/evidence';
import pg from 'pg';
import { metricsAt, until, verify } from './probes.ts';
import { type Stack, startStack } from './stack.ts';

const silent = 'pgtape_vault_reels_silent';
const alerts = 'pgtape_vault_alerts{reason="reel_silent"}';

describe('a recorder that enrols', () => {
  let dir = '';
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'pgtape-enrol-'));
    writeFileSync(join(dir, 'secret'), 'correct horse battery staple\n', { mode: 0o600 });
    writeFileSync(join(dir, 'other'), 'a secret of somebody else\n', { mode: 0o600 });
  });
  afterEach(() => {
    rmSync(dir, { recursive: true });
  });
  const started = (recordersFile: string): Promise<Stack> =>
    startStack({
      segmentSeconds: 0.2,
      recorder: {
        heartbeatSeconds: 1,
        vault: { enrolment: { name: 'shop', secretFile: join(dir, recordersFile) } },
      },
      vault: { enrolment: { required: true, secrets: [{ name: 'shop', file: join(dir, 'secret') }] } },
    });
  const query = async (stack: Stack): Promise<void> => {
    const client = new pg.Client({ connectionString: stack.url });
    await client.connect();
    await client.query('SELECT 1 AS enrolled');
    await client.end();
  };

  it('is named in verdicts, is missed when it falls silent, and goes on under its name', async () => {
    const stack = await started('secret');
    try {
      await query(stack);
      const seen = async (name: string): Promise<number | undefined> =>
        (await metricsAt(stack.ports.http))[name];
      await until('the reel is open', 60_000, async () => (await seen('pgtape_vault_reels_open')) === 1);
      // Its heartbeats say how often something is to be expected.
      const beats = (): number => stack.records().filter(({ kind }) => kind === 'heartbeat').length;
      await until('a heartbeat came', 60_000, async () => beats() > 0);
      await stack.recorder.stop(0);
      await until('its silence is noticed', 60_000, async () => (await seen(silent)) === 1);
      expect(await seen(alerts)).toBe(1);
      stack.recorder = await stack.startRecorder();
      await until('its reel is ended by the next one', 60_000, async () => (await seen(silent)) === 0);
      expect(await seen(alerts)).toBe(0);
      await until('the next one is open', 60_000, async () => (await seen('pgtape_vault_reels_open')) === 1);
      await query(stack);
      await stack.settle();
      const report = verify(stack.archiveDir);
      const said = (report.reels as JudgedReel[]).map(({ verdict, enrolled }) => [
        verdict,
        enrolled?.method,
        enrolled?.name,
      ]);
      expect([said, report.vaults.map(({ verdict }) => verdict)]).toEqual([
        [
          ['crashed', 'secret', 'shop'],
          ['complete', 'secret', 'shop'],
        ],
        ['complete'],
      ]);
    } finally {
      await stack.stop();
    }
  });

  it('is refused under another secret, keeps what it sealed, and says so', async () => {
    const stack = await started('other');
    try {
      await query(stack);
      const refused = 'pgtape_vault_requests_refused_total{reason="not_enrolled"}';
      await until(
        'it is refused',
        60_000,
        async () => ((await metricsAt(stack.ports.http))[refused] ?? 0) > 0,
      );
      const waiting = 'pgtape_recorder_outbox_segments';
      await until(
        'it is kept',
        60_000,
        async () => ((await metricsAt(stack.ports.health))[waiting] ?? 0) > 0,
      );
      expect((await metricsAt(stack.ports.http))['pgtape_vault_alerts{reason="not_enrolled"}']).toBe(1);
      expect(stack.records()).toEqual([]);
    } finally {
      await stack.stop();
    }
  });
});
