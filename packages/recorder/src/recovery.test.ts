import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { builtReel, JournalBuilder, journalFiles } from './journalBuilder.testing.ts';
import {
  makeSpool,
  pipelineOptions,
  recordLines,
  sealedSegments,
  verdictOf,
} from './pipelineFixture.testing.ts';
import { recoverReel } from './recovery.ts';

describe('a dead reel that nobody can take up', () => {
  it('opens as any reel where nothing of it was sealed before: its verdict is crashed, not forged', async () => {
    const spool = makeSpool();
    const dead = new JournalBuilder(spool.journalDir, { fileBytesMax: 600 });
    for (let session = 1; session < 9; session += 1) dead.begin(session);
    dead.dispose();
    rmSync(join(dead.dir, journalFiles(dead.dir)[0] as string));
    expect(recoverReel(pipelineOptions(spool, { isDead: true }))).toBeNull();
    const records = recordLines(spool).map((line) => JSON.parse(line));
    expect(records.map(({ kind, seq, reason }) => [seq, kind, reason])).toEqual([
      [1, 'reel_opened', undefined],
      [2, 'gap', 'journal_damaged'],
      [3, 'gap', 'recorder_crashed'],
    ]);
    const { recorder, name, version, policy } = builtReel;
    expect(records[0]).toMatchObject({ recorder, name, version, policy });
    expect((await verdictOf(sealedSegments(spool))).verdict).toBe('crashed');
    expect(readdirSync(spool.journalDir)).toEqual([`${builtReel.reel}.damaged`]);
  });
});
