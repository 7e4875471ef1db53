import { cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type HeaderLine, recoverySigner, type SealLine } from '@pgtape/evidence';
import fc from 'fast-check';
import {
  builtReel,
  growJournal,
  JournalBuilder,
  journalFiles,
  say,
  type TurnEnd,
  turnEnds,
} from './journalBuilder.testing.ts';
import {
  type Death,
  Killed,
  makeSpool,
  mortalDisk,
  pipelineOptions,
  recordLines,
  runPipeline,
  sealedSegments,
  segmentLines,
  type TestSpool,
  verdictOf,
} from './pipelineFixture.testing.ts';
import { ReelPipeline } from './reelPipeline.ts';
import { spoolDisk } from './spoolDisk.ts';

/** Two sessions, both protocols, errors, a transaction, a split frame, an oversized query, a lost one, idle time. */
function script(journalDir: string, fileBytesMax = 3000): JournalBuilder {
  const tape = new JournalBuilder(journalDir, { fileBytesMax });
  tape.begin(1);
  tape.begin(2, 'ben');
  const query = say.query('select name from items where price > 10');
  for (let round = 0; round < 6; round += 1) {
    tape.client(1, query.subarray(0, 9 + round));
    tape.turn();
    // Session 2 binds a value of this type in each round.
    if (round === 2) {
      const mood = { oid: 90_001, name: 'public.mood', kind: 'enum', of: 0 } as const;
      tape.types({ database: 'shop', types: [mood] });
      tape.types({ database: 'elsewhere', types: [{ ...mood, name: 'public.other', kind: 'base' }] });
    }
    tape.client(1, query.subarray(9 + round));
    tape.client(
      2,
      say.parse('s1', 'update items set mood = $1', [90_001]),
      say.bind('s1', [`${round}`], [1]),
      say.execute,
      say.sync,
    );
    tape.turn();
    const rows = [say.rowDescription('name'), say.dataRow('pear'), say.dataRow('plum')];
    tape.server(1, ...rows, say.complete('SELECT 2'), say.ready('I'));
    tape.server(2, say.parseComplete, say.bindComplete, say.complete(`UPDATE ${round}`));
    tape.turn(300);
    tape.server(2, say.ready('I'));
    tape.client(1, say.query('begin'), say.query('selec 1'), say.query('rollback'));
    tape.turn();
    tape.server(1, say.complete('BEGIN'), say.ready('T'), say.error('42601', 'no such'), say.ready('E'));
    tape.server(1, say.complete('ROLLBACK'), say.ready('I'));
    tape.turn(400);
  }
  tape.client(1, say.query(`insert into t values ('${'x'.repeat(9000)}')`));
  tape.turn();
  tape.server(1, say.complete('INSERT 0 1'), say.ready('I'));
  tape.begin(3, 'cy');
  tape.gap(3, { reason: 'bad_framing', detail: 'length 3' });
  tape.turn(20_000);
  tape.close(3, 'error');
  tape.client(2, say.query('select pg_sleep(100)'));
  tape.turn();
  tape.turn(2500);
  tape.server(2, say.complete('SELECT 1'), say.ready('I'));
  tape.turn(1);
  tape.close(2);
  tape.client(1, say.terminate);
  tape.close(1);
  tape.turn();
  return tape;
}

const source = makeSpool();
const ended = script(source.journalDir);
ended.end();
const ends = turnEnds(ended.dir);

/** Lines of a run that was never interrupted, over the journal up to `end`. */
function referenceLines(end: TurnEnd | null): string[] {
  const spool = makeSpool();
  const dir = join(spool.journalDir, builtReel.reel);
  growJournal(ended.dir, dir, end);
  runPipeline(spool, { isDead: true });
  return recordLines(spool);
}

const wholeLines = referenceLines(null);
const dirOf = (spool: TestSpool): string => join(spool.journalDir, builtReel.reel);

describe('ReelPipeline', () => {
  it('seals a reel that ended in order, and leaves nothing of its journal', async () => {
    const spool = makeSpool();
    cpSync(source.journalDir, spool.journalDir, { recursive: true });
    expect(runPipeline(spool)).toBe('ended');
    expect(readdirSync(spool.journalDir)).toEqual([]);
    const kinds = recordLines(spool).map((line) => JSON.parse(line).kind as string);
    expect(kinds[0]).toBe('reel_opened');
    expect(kinds.at(-1)).toBe('reel_closed');
    expect(new Set(kinds)).toEqual(
      new Set([
        'reel_opened',
        'opened',
        'statement',
        'transaction',
        'gap',
        'heartbeat',
        'running',
        'stretch',
        'closed',
        'reel_closed',
      ]),
    );
    const { verdict, findings } = await verdictOf(sealedSegments(spool));
    expect({ verdict, findings: findings.map(({ reason }) => reason) }).toEqual({
      verdict: 'gap',
      findings: ['bad_framing'],
    });
  });

  it('numbers records without a hole, whatever the segments', () => {
    for (const records of [1, 3, 1000]) {
      const spool = makeSpool();
      cpSync(source.journalDir, spool.journalDir, { recursive: true });
      runPipeline(spool, { segment: { records } });
      expect(recordLines(spool)).toEqual(wholeLines);
      const counts = sealedSegments(spool).map((lines) => lines.length - 2);
      expect(Math.max(...counts)).toBeLessThanOrEqual(records);
    }
  });

  it('closes a segment by bytes', () => {
    const spool = makeSpool();
    cpSync(source.journalDir, spool.journalDir, { recursive: true });
    runPipeline(spool, { segment: { records: 1000, bytes: 4000 } });
    const sizes = sealedSegments(spool).map((lines) => lines.slice(0, -1).join('').length);
    expect(sizes.length).toBeGreaterThan(3);
    // All but the last record of a segment stay below the limit.
    for (const lines of sealedSegments(spool)) expect(lines.slice(0, -2).join('').length).toBeLessThan(4000);
  });

  it('closes a segment by the time of the journal, not of the worker', () => {
    const spool = makeSpool();
    cpSync(source.journalDir, spool.journalDir, { recursive: true });
    runPipeline(spool, { segment: { records: 1000, maxSeconds: 2 } });
    const firsts = sealedSegments(spool).map((lines) => JSON.parse(lines[1]!).mono as string);
    expect(firsts.length).toBeGreaterThan(2);
    for (let i = 1; i < firsts.length; i += 1) {
      expect(Number(firsts[i]) - Number(firsts[i - 1])).toBeGreaterThanOrEqual(2e9);
    }
  });

  // Determinism: DESIGN 2.2 and 2.3.
  it('yields the same lines when killed at any turn boundary and taken up again', () => {
    for (const [index, end] of ends.slice(0, -1).entries()) {
      const spool = makeSpool();
      growJournal(ended.dir, dirOf(spool), end, index % 3 === 0 ? 0 : 5);
      expect(runPipeline(spool)).toBe('idle');
      growJournal(ended.dir, dirOf(spool), null);
      expect(runPipeline(spool)).toBe('ended');
      expect(recordLines(spool)).toEqual(wholeLines);
      rmSync(join(spool.journalDir, '..'), { recursive: true });
    }
  });

  it('knows a type from the entry that tells it, and in its database alone', () => {
    const spool = makeSpool();
    script(spool.journalDir);
    runPipeline(spool);
    const params = recordLines(spool).flatMap(
      (line) => (JSON.parse(line) as { params?: { v: string; enc: string; type: string }[] }).params ?? [],
    );
    expect(params.map(({ v, enc, type }) => [v, enc, type])).toEqual([
      ['30', 'hex', 'unknown'],
      ['31', 'hex', 'unknown'],
      ['2', 'text', 'public.mood'],
      ['3', 'text', 'public.mood'],
      ['4', 'text', 'public.mood'],
      ['5', 'text', 'public.mood'],
    ]);
  });

  it('yields the same lines over any series of restarts and any pace of snapshots', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.nat({ max: ends.length - 2 }), { maxLength: 5 }),
        fc.integer({ min: 1, max: 400 }),
        fc.integer({ min: 1, max: 20 }),
        (cuts, paceMs, records) => {
          const spool = makeSpool();
          let now = 0;
          const nowMs = (): number => {
            now += paceMs;
            return now;
          };
          for (const cut of [...cuts.sort((a, b) => a - b), null]) {
            growJournal(ended.dir, dirOf(spool), cut === null ? null : ends[cut]!, 3);
            runPipeline(spool, { nowMs, segment: { records } });
          }
          expect(recordLines(spool)).toEqual(wholeLines);
          rmSync(join(spool.journalDir, '..'), { recursive: true });
        },
      ),
      { numRuns: 30 },
    );
  });

  it('trims files that lie before the snapshot before the newest, and none after', () => {
    const spool = makeSpool();
    growJournal(ended.dir, dirOf(spool), ends.at(-2)!);
    runPipeline(spool);
    const kept = journalFiles(dirOf(spool));
    const all = journalFiles(ended.dir);
    expect(kept.length).toBeLessThan(all.length);
    const lines = readFileSync(join(dirOf(spool), 'snapshot.previous.json'), 'utf8').split('\n');
    const { head } = JSON.parse(lines[0]!);
    expect(kept[0]).toBe(`${String(head.position.file).padStart(8, '0')}.journal`);
  });

  it.each([
    { name: 'torn', content: (whole: Buffer) => whole.subarray(0, whole.length - 9) },
    { name: 'empty', content: () => Buffer.alloc(0) },
    { name: 'of another version', content: () => Buffer.from('{"v":0}') },
  ])('takes up from the snapshot before when the newest is $name', ({ content }) => {
    const spool = makeSpool();
    growJournal(ended.dir, dirOf(spool), ends[Math.floor(ends.length * 0.7)]!);
    runPipeline(spool);
    const path = join(dirOf(spool), 'snapshot.json');
    writeFileSync(path, content(readFileSync(path)));
    growJournal(ended.dir, dirOf(spool), null);
    expect(runPipeline(spool)).toBe('ended');
    expect(recordLines(spool)).toEqual(wholeLines);
  });

  it('keeps the settings a reel began with', () => {
    const spool = makeSpool();
    growJournal(ended.dir, dirOf(spool), ends[20]!);
    runPipeline(spool);
    growJournal(ended.dir, dirOf(spool), null);
    runPipeline(spool, { heartbeatSeconds: 1 });
    expect(recordLines(spool)).toEqual(wholeLines);
  });
});

describe('recovery of a dead reel', () => {
  it.each([0.15, 0.4, 0.6, 0.85].map((part) => ({ part })))(
    'ends it as crashed after $part of its journal',
    async ({ part }) => {
      const end = ends[Math.floor(ends.length * part)]!;
      const spool = makeSpool();
      growJournal(ended.dir, dirOf(spool), end, 7);
      expect(runPipeline(spool)).toBe('idle');
      expect(runPipeline(spool, { isDead: true })).toBe('ended');
      const lines = recordLines(spool);
      expect(lines).toEqual(referenceLines(end));
      const last = JSON.parse(lines.at(-1)!);
      expect({ kind: last.kind, reason: last.reason, session: last.session }).toEqual({
        kind: 'gap',
        reason: 'recorder_crashed',
        session: undefined,
      });
      const headers = sealedSegments(spool).map((segment) => JSON.parse(segment[0]!).recovered as boolean);
      expect(headers.at(-1)).toBe(true);
      expect((await verdictOf(sealedSegments(spool))).verdict).toBe('crashed');
      expect(existsSync(dirOf(spool))).toBe(false);
    },
  );

  it('signs what is recovered with the key of the journal’s seed, which every header names', () => {
    const spool = makeSpool();
    const end = ends[Math.floor(ends.length * 0.6)]!;
    growJournal(ended.dir, dirOf(spool), end, 7);
    runPipeline(spool);
    runPipeline(spool, { isDead: true });
    const key = recoverySigner(builtReel.seed).publicKey;
    const seen = sealedSegments(spool).map((lines) => {
      const header = JSON.parse(lines[0]!) as HeaderLine;
      const seal = JSON.parse(lines.at(-1)!) as SealLine;
      expect(header.recovery_key).toBe(key);
      return [header.recovered, header.key === key, seal.next_key === key];
    });
    expect(seen[0]).toEqual([false, false, false]);
    expect(seen.at(-1)).toEqual([true, true, true]);
    expect(seen.every(([recovered, signed, next]) => recovered === signed && recovered === next)).toBe(true);
  });

  it('says of statements in flight that their outcome is lost', () => {
    const spool = makeSpool();
    const tape = new JournalBuilder(spool.journalDir);
    tape.begin(1);
    tape.client(1, say.query('delete from items'));
    tape.turn();
    tape.dispose();
    runPipeline(spool, { isDead: true });
    const records = recordLines(spool).map((line) => JSON.parse(line));
    const statement = records.find(({ kind }) => kind === 'statement');
    expect({ sql: statement.sql, outcome: statement.outcome }).toEqual({
      sql: 'delete from items',
      outcome: 'lost',
    });
    expect(records.find(({ kind }) => kind === 'closed').why).toBe('recorder_crashed');
  });

  it('tells which backends the dead recorder had open: the server may not have noticed', () => {
    const spool = makeSpool();
    const tape = new JournalBuilder(spool.journalDir);
    tape.begin(1);
    tape.turn();
    tape.dispose();
    const left: number[] = [];
    const dead = new ReelPipeline({
      ...pipelineOptions(spool, { isDead: true }),
      onCrashed: (pids) => left.push(...pids),
    });
    while (dead.step(64) === 'busy');
    dead.close();
    const opened = recordLines(spool).map((line) => JSON.parse(line) as { kind: string; pid: number });
    expect(left).toEqual(opened.filter(({ kind }) => kind === 'opened').map(({ pid }) => pid));
    expect(left[0]).toBeGreaterThan(0);
  });

  it('removes a journal that was never begun', () => {
    const spool = makeSpool();
    spoolDisk.mkdir(dirOf(spool));
    writeFileSync(join(dirOf(spool), '00000001.journal'), 'pgta');
    expect(runPipeline(spool, { isDead: true })).toBe('ended');
    expect(readdirSync(spool.journalDir)).toEqual([]);
  });
});

/** Runs over the whole journal, dying at call `at`; whether it died. */
function runMortal(spool: TestSpool, at: number, death: Death, isDead: boolean): boolean {
  try {
    runPipeline(spool, { isDead, disk: mortalDisk(at, death) });
    return false;
  } catch (error) {
    if (error instanceof Killed) return true;
    throw error;
  }
}

/** As a sender at once: what stands in the outbox goes to the vault and is acknowledged. */
function runAcknowledged(
  spool: TestSpool,
  vault: Map<number, string[]>,
  at: number,
  death: Death,
  isDead: boolean,
): boolean {
  try {
    const options = pipelineOptions(spool, { isDead, disk: mortalDisk(at, death), segment: { records: 3 } });
    const { outbox } = options;
    const send = (): void => {
      for (let segment = outbox.next(builtReel.reel); segment > 0; segment = outbox.next(builtReel.reel)) {
        const lines = segmentLines(outbox.read(builtReel.reel, segment)!);
        // Sent twice, it is the same; a hole would be refused.
        expect(vault.get(segment) ?? lines).toEqual(lines);
        expect(vault.has(segment) || segment === vault.size + 1).toBe(true);
        vault.set(segment, lines);
        outbox.acknowledged(builtReel.reel, segment);
      }
    };
    send();
    if (!existsSync(dirOf(spool))) return false;
    const pipeline = new ReelPipeline({ ...options, onSealed: send });
    let state = pipeline.step(64);
    while (state === 'busy') state = pipeline.step(64);
    pipeline.close();
    return false;
  } catch (error) {
    if (error instanceof Killed) return true;
    throw error;
  }
}

describe('a process killed at any of its disk calls', () => {
  const cut = ends[Math.floor(ends.length * 0.6)]!;
  const crashedLines = referenceLines(cut);

  it.each<{ name: string; death: Death }>([
    { name: 'before the call', death: 'before' },
    { name: 'after the call', death: 'after' },
    { name: 'halfway through the call', death: 'torn' },
  ])('loses nothing and doubles nothing, $name', async ({ death }) => {
    let died = true;
    let deaths = 0;
    for (let at = 1; died; at += 1) {
      const spool = makeSpool();
      growJournal(ended.dir, dirOf(spool), cut);
      died = runMortal(spool, at, death, false);
      if (died) deaths += 1;
      // The next one dies as well, while it recovers.
      if (died && deaths % 3 === 0) runMortal(spool, 1 + (at % 40), death, true);
      if (existsSync(dirOf(spool))) expect(runPipeline(spool, { isDead: true })).toBe('ended');
      expect(recordLines(spool)).toEqual(crashedLines);
      expect((await verdictOf(sealedSegments(spool))).verdict).toBe('crashed');
      rmSync(join(spool.journalDir, '..'), { recursive: true });
    }
    expect(deaths).toBeGreaterThan(50);
  });

  // What is acknowledged leaves the outbox, so that a next process cannot see it there.
  it.each<Death>(['before', 'after', 'torn'])(
    'seals nothing anew that was acknowledged before, %s the call',
    (death) => {
      let died = true;
      for (let at = 1; died; at += 3) {
        const spool = makeSpool();
        growJournal(ended.dir, dirOf(spool), cut);
        const vault = new Map<number, string[]>();
        died = runAcknowledged(spool, vault, at, death, false);
        if (died) runAcknowledged(spool, vault, 12 + (at % 30), death, true);
        runAcknowledged(spool, vault, Number.POSITIVE_INFINITY, death, true);
        expect(existsSync(join(spool.outboxDir, builtReel.reel))).toBe(false);
        expect([...vault.values()].flatMap((lines) => lines.slice(1, -1))).toEqual(crashedLines);
        rmSync(join(spool.journalDir, '..'), { recursive: true });
      }
    },
  );

  it('recovers when recovery is killed again and again', () => {
    const spool = makeSpool();
    growJournal(ended.dir, dirOf(spool), cut);
    let rounds = 0;
    while (existsSync(dirOf(spool)) && runMortal(spool, 17 + (rounds % 5), 'after', true)) rounds += 1;
    expect(rounds).toBeGreaterThan(2);
    expect(recordLines(spool)).toEqual(crashedLines);
  });
});

describe('an outbox that takes nothing', () => {
  it('holds the reel until it does, and loses nothing', () => {
    const spool = makeSpool();
    cpSync(source.journalDir, spool.journalDir, { recursive: true });
    let full = 5;
    const disk = {
      ...spoolDisk,
      write: (fd: number, bytes: Uint8Array, offset: number, length: number): number => {
        if (full > 0 && isFull) {
          full -= 1;
          throw Object.assign(new Error('no space left'), { code: 'ENOSPC', syscall: 'write' });
        }
        return spoolDisk.write(fd, bytes, offset, length);
      },
    };
    let isFull = false;
    const pipeline = new ReelPipeline(pipelineOptions(spool, { disk }));
    isFull = true;
    const states: string[] = [];
    for (let i = 0; i < 100 && states.at(-1) !== 'ended'; i += 1) {
      states.push(pipeline.step(1 << 20));
      if (states.at(-1) === 'stalled') expect(pipeline.failure?.code).toBe('ENOSPC');
    }
    expect(states.filter((state) => state === 'stalled')).toHaveLength(5);
    expect(recordLines(spool)).toEqual(wholeLines);
  });
});

describe('a journal directory that takes no snapshot', () => {
  it('costs nothing but space: nothing is trimmed, and the segments are as ever', () => {
    const spool = makeSpool();
    growJournal(ended.dir, dirOf(spool), ends.at(-2)!);
    let isFull = false;
    const disk = {
      ...spoolDisk,
      open: (path: string, mode: 'read' | 'write'): number => {
        if (isFull && mode === 'write' && path.includes('snapshot')) {
          throw Object.assign(new Error('no space left'), { code: 'ENOSPC', syscall: 'open' });
        }
        return spoolDisk.open(path, mode);
      },
    };
    const pipeline = new ReelPipeline(pipelineOptions(spool, { disk }));
    isFull = true;
    while (pipeline.step(64) === 'busy') expect(pipeline.settledBytes).toBe(0);
    expect(pipeline.snapshotFailure?.code).toBe('ENOSPC');
    expect(journalFiles(dirOf(spool))[0]).toBe('00000001.journal');
    isFull = false;
    growJournal(ended.dir, dirOf(spool), null);
    expect(pipeline.step(1 << 20)).toBe('ended');
    expect(recordLines(spool)).toEqual(wholeLines);
    expect(
      sealedSegments(spool)
        .slice(0, -1)
        .map((lines) => lines.length - 2),
    ).toContain(7);
  });
});

describe('a damaged journal', () => {
  it.each([
    { name: 'a flipped byte', hurt: (bytes: Buffer) => bytes.writeUInt8(bytes[400]! ^ 1, 400) },
    { name: 'an impossible length', hurt: (bytes: Buffer) => bytes.writeUInt32LE(0xffff_ffff, 16) },
    { name: 'a wrong header', hurt: (bytes: Buffer) => bytes.write('x', 2) },
  ])('is a gap of the reel and of each open session: $name', async ({ hurt }) => {
    const spool = makeSpool();
    growJournal(ended.dir, dirOf(spool), null);
    const path = join(dirOf(spool), '00000002.journal');
    const bytes = readFileSync(path);
    hurt(bytes);
    writeFileSync(path, bytes);
    expect(runPipeline(spool)).toBe('ended');
    const gaps = recordLines(spool)
      .map((line) => JSON.parse(line))
      .filter(({ reason }) => reason === 'journal_damaged')
      .map(({ session }) => (session === undefined ? 'reel' : 'session'));
    expect(gaps).toEqual(['reel', 'session', 'session']);
    expect((await verdictOf(sealedSegments(spool))).verdict).toBe('gap');
  });

  it('goes on behind a file that is missing', () => {
    const spool = makeSpool();
    growJournal(ended.dir, dirOf(spool), null);
    rmSync(join(dirOf(spool), '00000002.journal'));
    expect(runPipeline(spool)).toBe('ended');
    const records = recordLines(spool).map((line) => JSON.parse(line));
    expect(
      records.filter(({ reason, session }) => reason === 'journal_damaged' && session === undefined),
    ).toHaveLength(1);
    expect(records.at(-1).kind).toBe('reel_closed');
  });
});
