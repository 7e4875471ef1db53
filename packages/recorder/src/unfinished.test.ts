import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { defaultLimits } from '@pgtape/session';
import { ReelDecoder } from './decoder.ts';
import { builtReel, growJournal, JournalBuilder, say, turnEnds } from './journalBuilder.testing.ts';
import { JournalReader } from './journalReader.ts';
import {
  makeSpool,
  pipelineOptions,
  quickDisk,
  recordLines,
  runPipeline,
} from './pipelineFixture.testing.ts';
import { ReelPipeline } from './reelPipeline.ts';

const kibibyte = 1024;
const bound = 1024 * kibibyte;
const reel = { ...builtReel, inspectBytesMax: bound };
const long = say.query(`select '${'x'.repeat(400 * kibibyte)}'`);

/** Four sessions that leave 300 KiB unfinished each, over a bound of 1024 KiB; a fifth that goes on as ever. */
function script(journalDir: string): JournalBuilder {
  const tape = new JournalBuilder(journalDir, { reel });
  for (const number of [1, 2, 3, 4, 5]) tape.begin(number);
  for (const number of [1, 2, 3, 4]) {
    tape.client(number, long.subarray(0, 150 * kibibyte));
    tape.turn();
    tape.client(number, long.subarray(150 * kibibyte, 300 * kibibyte));
    tape.turn();
    tape.client(5, say.query(`select ${number}`));
    tape.server(5, say.complete('SELECT 1'), say.ready('I'));
    tape.turn(100);
  }
  for (const number of [1, 2, 3, 4]) {
    tape.client(number, long.subarray(300 * kibibyte));
    tape.server(number, say.complete('SELECT 1'), say.ready('I'));
    tape.turn();
  }
  tape.end();
  return tape;
}

const source = makeSpool();
const tape = script(source.journalDir);

function runPipelineOn(spool: typeof source): string[] {
  const copy = makeSpool();
  growJournal(join(spool.journalDir, builtReel.reel), join(copy.journalDir, builtReel.reel), null);
  runPipeline(copy, { heldBytesMax: bound });
  return recordLines(copy);
}

describe('R7: messages that never end, held once and within one bound for all sessions', () => {
  const lines = runPipelineOn(source);
  const records = lines.map((line) => JSON.parse(line));

  it('ends the decoding of the session that asks for more, and of no other', () => {
    const gaps = records.filter(({ kind }) => kind === 'gap');
    expect(gaps.map(({ session, reason }) => [session.slice(-2), reason])).toEqual([['-4', 'decode_lost']]);
    const perSession = [1, 2, 3, 4, 5].map(
      (number) =>
        records.filter(({ kind, session }) => kind === 'statement' && session.endsWith(`-${number}`)).length,
    );
    expect(perSession).toEqual([1, 1, 1, 0, 4]);
  });

  it('decides the same when taken up again at any turn', () => {
    for (const end of turnEnds(tape.dir).slice(0, -1)) {
      const spool = makeSpool();
      const dir = join(spool.journalDir, builtReel.reel);
      growJournal(tape.dir, dir, end);
      runPipeline(spool, { heldBytesMax: bound, segment: { records: 1 } });
      growJournal(tape.dir, dir, null);
      expect(runPipeline(spool, { heldBytesMax: bound })).toBe('ended');
      expect(recordLines(spool)).toEqual(lines);
      rmSync(join(spool.journalDir, '..'), { recursive: true });
    }
  });

  it('saves them in pieces: no string holds more than a few of their kilobytes', () => {
    const decoder = new ReelDecoder({ limits: defaultLimits, heartbeatSeconds: 3 }, () => {});
    const reader = new JournalReader(tape.dir, null, 0, quickDisk);
    while (decoder.held.total < 900 * kibibyte && reader.read() === 'turn') {
      decoder.turn(reader.ms, reader.buffer, reader.start, reader.end);
    }
    reader.close();
    expect(decoder.held.total).toBeGreaterThanOrEqual(900 * kibibyte);
    expect(Math.max(...[...decoder.saved()].map((line) => line.length))).toBeLessThan(40 * kibibyte);
  });

  it('drops texts of prepared statements before it gives up a session', () => {
    const spool = makeSpool();
    const made = new JournalBuilder(spool.journalDir, { reel });
    made.begin(1);
    const sql = (number: number): string => `select ${number} -- ${'y'.repeat(60_000)}`;
    for (let number = 0; number < 30; number += 1) {
      made.client(1, say.parse(`s${number}`, sql(number)), say.sync);
      made.server(1, say.parseComplete, say.ready('I'));
      made.turn();
    }
    for (const number of [0, 29]) {
      made.client(1, say.bind(`s${number}`, []), say.execute, say.sync);
      made.server(1, say.bindComplete, say.complete('SELECT 1'), say.ready('I'));
      made.turn();
    }
    made.end();
    runPipeline(spool, { heldBytesMax: bound });
    const told = recordLines(spool).map((line) => JSON.parse(line));
    expect(told.filter(({ kind }) => kind === 'gap')).toEqual([]);
    const statements = told.filter(({ kind }) => kind === 'statement');
    expect(statements.map(({ sql_unknown }) => sql_unknown)).toEqual(['over_inspection_limit', undefined]);
    expect(statements[0].sql_cut.len).toBe(sql(0).length);
  });
});

describe('the pace of snapshots', () => {
  it.each([
    { name: 'twenty times what the last one took', snapshotBytes: 1 << 30, least: 1, most: 3 },
    { name: 'not held back when the journal waits for one', snapshotBytes: 1, least: 10, most: 1000 },
  ])('is $name', ({ snapshotBytes, least, most }) => {
    const spool = makeSpool();
    growJournal(tape.dir, join(spool.journalDir, builtReel.reel), null);
    let now = 0;
    let written = 0;
    const disk = {
      ...quickDisk,
      rename: (from: string, to: string): void => {
        if (from.endsWith('snapshot.json.tmp')) {
          written += 1;
          now += 1000;
        }
        quickDisk.rename(from, to);
      },
    };
    const options = pipelineOptions(spool, { disk, segment: { records: 1 }, snapshotPace: 20 });
    const pipeline = new ReelPipeline({ ...options, snapshotBytes, nowMs: () => (now += 1000) });
    while (pipeline.step(64) === 'busy');
    pipeline.close();
    expect(written).toBeGreaterThanOrEqual(least);
    expect(written).toBeLessThanOrEqual(most);
  });
});
