import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type DraftRecord,
  decodeObject,
  exampleRecords,
  filesOf,
  type SessionVerdict,
  sealDigest,
} from '@pgtape/evidence';
import { drafts, ReelWriter, recorderId } from './archive.testing.ts';
import { exitCode } from './exitCode.ts';
import { FakeIo, type FakeIoOptions, runFake } from './fakeIo.testing.ts';
import { runProgram } from './program.ts';
import type { VerifyReport } from './verifyArchive.ts';

const older = 'f1'.repeat(16);
const newer = '0a'.repeat(16);
const ids = {
  ada: `${older.slice(0, 16)}-1`,
  grace: `${older.slice(0, 16)}-2`,
  eve: `${newer.slice(0, 16)}-1`,
};

/** Two reels, the older one last in the order of keys; Grace's session opens in one segment and works in the next. */
function writeArchive(root: string): string[] {
  const { opened, statement, closed, reelOpened, reelClosed } = drafts;
  const first = new ReelWriter(root, older);
  const second = new ReelWriter(root, newer);
  const segments: [ReelWriter, DraftRecord[]][] = [
    [
      first,
      [
        reelOpened(0),
        opened(ids.ada, 1000),
        opened(ids.grace, 2000, {
          user: 'grace',
          application_name: 'metabase',
          client: { address: '10.0.0.9', port: 0 },
        }),
        statement(ids.ada, 2, 3000, 'select 1'),
      ],
    ],
    [
      first,
      [
        statement(ids.grace, 2, 4000, 'delete from "größe"\nwhere a = 1', {
          tag: 'DELETE 3',
          rows: 3,
          returned_rows: 0,
          duration_ns: 2e9,
        }),
        statement(ids.ada, 3, 5000, 'selct 1', {
          outcome: 'failed',
          returned_rows: 0,
          error: { severity: 'ERROR', sqlstate: '42601', message: 'syntax error' },
        }),
        closed(ids.grace, 3, 6000, 1),
        closed(ids.ada, 4, 7000, 2),
        reelClosed(2, 3, 8000),
      ],
    ],
    [
      second,
      [
        reelOpened(100_000),
        opened(ids.eve, 101_000, { user: 'eve' }),
        statement(ids.eve, 2, 102_000, 'select 2'),
      ],
    ],
  ];
  return segments.map(([writer, records]) => writer.seal(records));
}

describe('commands that read an archive', () => {
  let cwd = '';
  let archive = '';
  let keys: string[] = [];
  beforeEach(() => {
    cwd = mkdtempSync(join(tmpdir(), 'pgtape-read-'));
    archive = join(cwd, '.pgtape', 'archive');
    keys = writeArchive(archive);
  });
  afterEach(() => {
    rmSync(cwd, { recursive: true });
  });
  const env = { PGTAPE_ARCHIVE: join('.pgtape', 'archive') };
  /** What was said, but for the notice that the archive is read directly. */
  const said = (io: FakeIo): string =>
    io.err.text.replace(`pgtape: reading ${archive} directly: this reading is not recorded\n`, '');
  const run = async (args: readonly string[], options: FakeIoOptions = {}): Promise<FakeIo> => {
    const io = await runFake(args, { cwd, env, ...options });
    io.err.text = said(io);
    return io;
  };
  const flip = (key: string): void => {
    const bytes = readFileSync(join(archive, key));
    bytes[40] = (bytes[40] as number) ^ 1;
    rmSync(join(archive, key));
    writeFileSync(join(archive, key), bytes);
  };
  const seqs = (io: FakeIo): string[] =>
    io.out.text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as { session: string; n: number })
      .map(({ session, n }) => `${session}#${n}`);

  describe('search', () => {
    it.each([
      {
        name: 'everything, oldest reel first',
        args: [],
        hits: [`${ids.ada}#2`, `${ids.grace}#2`, `${ids.ada}#3`, `${ids.eve}#2`],
      },
      { name: 'text', args: ['"größe"'], hits: [`${ids.grace}#2`] },
      { name: 'a regular expression', args: ['/^sel(e)?ct 1$/'], hits: [`${ids.ada}#2`, `${ids.ada}#3`] },
      {
        name: 'the user of a session opened in an earlier segment',
        args: ['--user', 'grace'],
        hits: [`${ids.grace}#2`],
      },
      { name: 'a client', args: ['--client', '10.0.0.7:51234', '--error', '42'], hits: [`${ids.ada}#3`] },
      { name: 'what is slow', args: ['--slower-than', '1s'], hits: [`${ids.grace}#2`] },
      { name: 'what is large', args: ['--rows-over', '2'], hits: [`${ids.grace}#2`] },
      { name: 'a time', args: ['--since', '2026-11-20T10:01Z'], hits: [`${ids.eve}#2`] },
      { name: 'up to a limit', args: ['--limit', '2'], hits: [`${ids.ada}#2`, `${ids.grace}#2`] },
      { name: 'up to a limit, of a user', args: ['--limit', '1', '--user', 'eve'], hits: [`${ids.eve}#2`] },
    ])('finds $name', async ({ args, hits }) => {
      const io = await run(['search', ...args, '-o', 'jsonl']);
      expect([seqs(io), io.err.text, io.code]).toEqual([hits, '', 0]);
    });

    it('prints the exact lines, as one array too', async () => {
      const lines = (await run(['search', '-o', 'jsonl'])).out.text;
      const json = (await run(['search', '-o', 'json'])).out.text;
      expect(json).toBe(`[\n${lines.trimEnd().split('\n').join(',\n')}\n]\n`);
      expect((await run(['search', 'nothing', '-o', 'json'])).out.text).toBe('[]\n');
    });

    it('prints rows, cut to a terminal and whole elsewhere', async () => {
      const row = `2026-11-20 10:00:04.000Z  ${ids.grace}#2  grace  DELETE 3     2.00 s  delete from "größe" where a = 1\n`;
      expect((await run(['search', 'delete'])).out.text).toBe(row);
      expect((await run(['search', '--user', 'grace'])).out.text).toBe(row);
      const terminal = await run(['search', 'delete', '--no-color'], { columns: 90 });
      expect(terminal.out.text).toBe(`${row.replace('.000Z', '').slice(0, 89)}…\n`);
      expect((await run(['search', 'selct'], { columns: 120 })).out.text).toContain('\u001b[31m42601');
    });

    it('says that nothing was found', async () => {
      const io = await run(['search', 'no such text']);
      expect([io.code, io.out.text, io.err.text]).toEqual([exitCode.found, '', 'nothing found\n']);
    });

    it('names an object it cannot read and searches the others', async () => {
      flip(keys[1] as string);
      const io = await run(['search', '-o', 'jsonl']);
      expect(seqs(io)).toEqual([`${ids.ada}#2`, `${ids.eve}#2`]);
      expect([io.code, io.err.text]).toEqual([
        exitCode.found,
        expect.stringContaining(`pgtape: ${keys[1]}: `),
      ]);
    });

    it('waits for a slow reader before it goes on', async () => {
      const io = new FakeIo({ cwd, env });
      let writes = 0;
      io.out.onWrite = () => {
        writes += 1;
        return false;
      };
      const ended = runProgram(['search', '-o', 'jsonl'], io);
      const seen: number[] = [];
      for (let segment = 1; segment <= 3; segment += 1) {
        for (let waited = 0; writes < segment && waited < 30_000; waited += 10) await sleep(10);
        await sleep(30);
        seen.push(writes);
        io.out.release();
      }
      await ended;
      expect([seen, seqs(io).length]).toEqual([[1, 2, 3], 4]);
    });

    it('stops at a signal without passing for a search that found nothing', async () => {
      const io = new FakeIo({ cwd, env });
      io.controller.abort('signal');
      await runProgram(['search', 'select'], io);
      expect([io.code, io.out.text, said(io)]).toEqual([
        exitCode.interrupted,
        '',
        'pgtape: stopped before the end\n',
      ]);
    });

    it('says nothing when its reader has gone', async () => {
      const io = new FakeIo({ cwd, env });
      io.out.onWrite = () => {
        io.controller.abort('output_closed');
        return true;
      };
      await runProgram(['search', '-o', 'jsonl'], io);
      expect([io.code, seqs(io), said(io)]).toEqual([0, [`${ids.ada}#2`], '']);
    });

    it.each([
      { args: ['search', '/(/'], err: 'REGEX' },
      { args: ['search', '--since', 'yesterday'], err: 'TIME' },
      { args: ['search', '--limit', 'x'], err: 'whole number' },
      { args: ['search', '--slower-than', '5'], err: '250ms' },
      { args: ['sessions', '--since', 'yesterday'], err: 'TIME' },
      { args: ['play', 'last', '--speed', '0'], err: 'above 0' },
      { args: ['play', 'last', '--idle', '-1'], err: '0 or more' },
      { args: ['verify', '--trust-key', 'abc'], err: 'TRUST_KEY' },
    ])('explains $args', async ({ args, err }) => {
      const io = await run(args);
      expect([io.code, io.out.text, io.err.text]).toEqual([exitCode.usage, '', expect.stringContaining(err)]);
    });
  });

  describe('sessions', () => {
    it('lists who was there, oldest first', async () => {
      expect((await run(['sessions'])).out.text).toBe(
        `SESSION             VERDICT   STARTED               LASTED  USER   DATABASE  CLIENT    STMTS  FAILED  ROWS  APPLICATION
${ids.ada}  complete  2026-11-20 10:00:01Z  6.00 s  ada    shop      10.0.0.7      2       1     2  psql
${ids.grace}  complete  2026-11-20 10:00:02Z  4.00 s  grace  shop      10.0.0.9      1       0     3  metabase
${ids.eve}  open      2026-11-20 10:01:41Z    open  eve    shop      10.0.0.7      1       0     1  psql
`,
      );
    });

    it('a session keeps its verdict beside one of the same id in a reel of another recorder', async () => {
      const recorder = 'f'.repeat(16);
      new ReelWriter(archive, newer, recorder).seal([
        { ...drafts.reelOpened(100_000), recorder },
        drafts.opened(ids.eve, 101_500, { user: 'mallory' }),
        drafts.closed(ids.eve, 2, 102_000, 0),
        drafts.reelClosed(1, 0, 103_000),
      ]);
      const io = await run(['sessions', '-o', 'json']);
      const rows = JSON.parse(io.out.text) as { user: string; verdict: string }[];
      expect(rows.slice(2).map(({ user, verdict }) => `${user} ${verdict}`)).toEqual([
        'eve open',
        'mallory complete',
      ]);
    });

    it('leaves out columns a terminal has no room for, and says which', async () => {
      const io = await run(['sessions', '--no-color'], { columns: 90 });
      expect(io.out.text.split('\n')[0]).toBe(
        'SESSION             VERDICT   STARTED               LASTED  USER   CLIENT    STMTS  FAILED',
      );
      expect(io.err.text).toBe(
        'no room here for APPLICATION, ROWS, DATABASE: a wider terminal or -o json has them\n',
      );
    });

    it.each([
      { args: ['--user', 'eve'], found: [ids.eve] },
      { args: ['--open'], found: [ids.eve] },
      { args: ['--until', '2026-11-20T10:00:01.500Z'], found: [ids.ada] },
      { args: ['--since', '2026-11-20T10:00:06.500Z'], found: [ids.ada, ids.eve] },
    ])('filters by $args', async ({ args, found }) => {
      const io = await run(['sessions', ...args, '-o', 'jsonl']);
      const sessions = io.out.text
        .trimEnd()
        .split('\n')
        .map((line) => (JSON.parse(line) as { session: string }).session);
      expect(sessions).toEqual(found);
    });
  });

  describe('play', () => {
    it.each([
      { wanted: 'last', session: ids.eve },
      { wanted: 'last-1', session: ids.grace },
      { wanted: 'last-2', session: ids.ada },
      { wanted: ids.ada, session: ids.ada },
      { wanted: 'f1-2', session: ids.grace },
      { wanted: '0a0a', session: ids.eve },
    ])('finds $wanted', async ({ wanted, session }) => {
      const io = await run(['play', wanted, '--speed', 'max']);
      expect(io.err.text.split('\n')[0]).toBe(
        `session ${session}  verdict ${session === ids.eve ? 'open' : 'complete'}`,
      );
    });

    it.each([
      {
        wanted: 'f1f1',
        code: exitCode.usage,
        err: `'f1f1' fits 2 sessions: ${ids.ada}, ${ids.grace} [AMBIGUOUS_SESSION]`,
      },
      { wanted: 'last-3', code: exitCode.found, err: 'NO_SESSION' },
      { wanted: 'nobody', code: exitCode.found, err: 'NO_SESSION' },
      {
        wanted: `${older.slice(0, 16)}-9`,
        code: exitCode.found,
        err: 'no sound segment of this archive has a line of',
      },
      { wanted: `${'cc'.repeat(8)}-1`, code: exitCode.found, err: 'NO_SESSION' },
    ])('explains $wanted', async ({ wanted, code, err }) => {
      const io = await run(['play', wanted]);
      expect([io.code, io.out.text, io.err.text]).toEqual([code, '', expect.stringContaining(err)]);
    });

    it('shows a tape, and the exact lines', async () => {
      const io = await run(['play', ids.grace, '--speed', 'max']);
      expect(io.out.text).toBe(
        `-- 2026-11-20 10:00:02.000Z  grace in shop from 10.0.0.9
--   metabase, scram-sha-256, no TLS, pid 4711
#2 10:00:04.000  shop=> delete from "größe"
where a = 1
  DELETE 3  2.00 s
-- 2026-11-20 10:00:06.000Z  terminated; 1 statement, 1.00 ms
`,
      );
      const lines = (await run(['play', ids.grace, '-o', 'jsonl'])).out.text;
      expect(seqs(await run(['play', ids.grace, '-o', 'jsonl']))).toEqual(
        [1, 2, 3].map((n) => `${ids.grace}#${n}`),
      );
      const json = (await run(['play', ids.grace, '-o', 'json'])).out.text;
      expect(json).toBe(`[\n${lines.trimEnd().split('\n').join(',\n')}\n]\n`);
    });

    it('steps from statement to statement until it is ended', async () => {
      const io = await run(['play', ids.ada, '--step'], { presses: ['next', 'end'] });
      expect(io.out.text.split('\n').slice(2)).toEqual([
        '#2 10:00:03.000  shop=> select 1',
        '  SELECT 1 (1 row returned, 11 bytes)  250 µs',
        '#3 10:00:05.000  shop=> selct 1',
        '',
      ]);
    });

    it('plays what is sound of a damaged reel and says so', async () => {
      flip(keys[1] as string);
      const io = await run(['play', ids.ada, '--speed', 'max']);
      expect([io.code, io.err.text]).toEqual([exitCode.found, expect.stringContaining('verdict forged')]);
      expect(io.out.text).toContain('select 1');
      expect(io.out.text).not.toContain('selct');
    });

    it('reads no other reel than its own', async () => {
      flip(keys[0] as string);
      flip(keys[1] as string);
      expect((await run(['play', 'last', '--speed', 'max'])).code).toBe(0);
      expect((await run(['play', ids.eve, '--speed', 'max'])).code).toBe(0);
    });

    it('does not take a session of a copied reel for the one', async () => {
      const copy = (keys[2] as string).replace(recorderId, 'ffffffffffffffff');
      mkdirSync(dirname(join(archive, copy)), { recursive: true });
      writeFileSync(join(archive, copy), readFileSync(join(archive, keys[2] as string)));
      const io = await run(['play', ids.eve]);
      expect([io.code, io.err.text]).toEqual([
        exitCode.usage,
        expect.stringContaining('of recorder ffffffffffffffff'),
      ]);
    });
  });

  describe('verify', () => {
    it('finds nothing wrong, oldest reel first', async () => {
      const io = await run(['verify', '-o', 'json']);
      const report = JSON.parse(io.out.text) as {
        verdict: string;
        reels: { reel: string; verdict: string }[];
      };
      expect([io.code, report.verdict, report.reels.map(({ reel, verdict }) => [reel, verdict])]).toEqual([
        0,
        'open',
        [
          [older, 'complete'],
          [newer, 'open'],
        ],
      ]);
    });

    it('names what is wrong and a key that no recorder writes', async () => {
      flip(keys[1] as string);
      writeFileSync(join(archive, 'reel', 'stranger'), '');
      const io = await run(['verify']);
      expect(io.code).toBe(exitCode.found);
      expect(io.out.text).toContain(`    forged  ${keys[1]}\n      object_trailer: `);
      expect(io.out.text).toContain('forged    reel/stranger: no recorder writes such a key\n');
      expect(io.out.text).toContain('\nVerdict: forged  tamper-evident only: its store locks nothing\n');
    });

    it("shows a vault's reel as the vault's, and calls it crashed when the next one says so", async () => {
      const [before, after] = ['bb'.repeat(16), 'cc'.repeat(16)];
      new ReelWriter(archive, before).seal([drafts.vaultOpened(200_000)]);
      const shown = async (...args: string[]) =>
        (await run(['verify', ...args])).out.text.match(/^\w+ +reel [bc].*/gm)?.map((line) => line.trim());
      expect(await shown()).toEqual([
        expect.stringMatching(/^open {6}reel (bb)+ {2}1 segment, 1 record, \S+ \S+, of the vault main$/),
      ]);
      const previous = { reel: before, segment: 1, seal: '0'.repeat(64) };
      new ReelWriter(archive, after).seal([drafts.vaultOpened(300_000, { previous })]);
      expect(await shown()).toEqual([
        expect.stringMatching(/^forged {4}reel (bb)+ /),
        expect.stringMatching(/^open {6}reel (cc)+ /),
      ]);
      expect((await shown('--reel', before))?.[0]).toMatch(/^forged/);
      const io = await run(['sessions', '-o', 'json']);
      expect((JSON.parse(io.out.text) as unknown[]).length).toBe(3);
      expect((await run(['play', 'last', '--no-color'])).out.text).toContain('eve');
    });

    it('a session that was open when its pod went is crashed by the word of the vault, for whoever reads that', async () => {
      const text = decodeObject(readFileSync(join(archive, keys[2] as string))).toString();
      const [header = '', ...lines] = text.trimEnd().split('\n');
      const { key, recovery_key } = JSON.parse(header) as { key: string; recovery_key: string };
      const about = { of_reel: newer, of_recorder: recorderId };
      const { enrolment, orphaned } = exampleRecords;
      new ReelWriter(archive, 'bb'.repeat(16)).seal([
        drafts.vaultOpened(200_000),
        { ...enrolment({ ...about, key, recovery_key }), method: 'kubernetes', pod_uid: 'u-0' },
        orphaned({ ...about, segment: 1, seal: sealDigest(lines.at(-1) as string) }, 'u-0'),
      ]);
      const verified = await run(['verify', '--session', ids.eve, '-o', 'json']);
      const { session, reels } = JSON.parse(verified.out.text) as VerifyReport;
      expect([verified.code, session?.verdict, reels.map(({ findings }) => findings)]).toEqual([
        exitCode.found,
        'crashed',
        [
          [
            {
              verdict: 'crashed',
              artefact: keys[2],
              reason: 'pod_gone',
              detail: expect.stringContaining("says that pod 'shop/orders-0' is gone"),
            },
          ],
        ],
      ]);
      const listed = await run(['sessions', '--user', 'eve', '-o', 'json']);
      expect(JSON.parse(listed.out.text)).toEqual([
        expect.objectContaining({ session: ids.eve, verdict: 'crashed', closed: false }),
      ]);
      const played = await run(['play', ids.eve, '--no-color']);
      expect([played.code, played.err.text]).toEqual([
        exitCode.found,
        expect.stringMatching(/verdict crashed .*'pgtape verify' says.*\nits end is not on tape\n$/s),
      ]);
      const exported = await run(['export', ids.eve, '--to', 'eve.tar']);
      const files = filesOf(readFileSync(join(cwd, 'eve.tar')));
      const report = JSON.parse(Buffer.from(files.get('report.json') ?? []).toString());
      expect([exported.code, report.sessions.map(({ verdict }: SessionVerdict) => verdict)]).toEqual([
        0,
        ['crashed'],
      ]);
      // The word stays behind.
      const checked = await run(['verify', '--bundle', 'eve.tar']);
      expect([checked.code, checked.out.text]).toEqual([0, expect.stringContaining('Verdict: open')]);
    });

    it('wraps its sentences to a terminal', async () => {
      const io = await run(['verify', '--no-color'], { columns: 70 });
      const sentences = io.out.text
        .split('\n')
        .filter((line) => !line.includes(newer) && !line.includes(older));
      expect(sentences.filter((line) => line.length > 70)).toEqual([]);
    });

    it('stops at a signal without a verdict', async () => {
      const io = new FakeIo({ cwd, env });
      io.controller.abort('signal');
      await runProgram(['verify'], io);
      expect([io.code, io.out.text]).toEqual([exitCode.interrupted, '']);
    });
  });
});
