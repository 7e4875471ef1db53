import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import {
  type DraftRecord,
  type ExampleLog,
  exampleBundle,
  exampleBundleParts,
  tarOf,
} from '@pgtape/evidence';
import { formatVkey } from '@pgtape/tlog';
import { drafts, ReelWriter, writeLog } from './archive.testing.ts';
import { exitCode } from './exitCode.ts';
import { type FakeIo, runFake } from './fakeIo.testing.ts';
import type { VerifyReport } from './verifyArchive.ts';

const reels = ['f1'.repeat(16), '0a'.repeat(16)] as const;
const ids = { ada: `${reels[0].slice(0, 16)}-1`, eve: `${reels[1].slice(0, 16)}-1` };
const { reelOpened, opened, statement, closed, reelClosed } = drafts;

/** A closed reel of two segments, and an open one of one. */
function writeArchive(root: string): string[] {
  const first = new ReelWriter(root, reels[0]);
  const second = new ReelWriter(root, reels[1]);
  const segments: [ReelWriter, DraftRecord[]][] = [
    [first, [reelOpened(), opened(ids.ada, 1000), statement(ids.ada, 2, 2000, 'select 1')]],
    [first, [closed(ids.ada, 3, 3000, 1), reelClosed(1, 1, 4000)]],
    [second, [reelOpened(5000), opened(ids.eve, 6000), statement(ids.eve, 2, 7000, 'select 2')]],
  ];
  return segments.map(([writer, records]) => writer.seal(records));
}

describe('pgtape verify', () => {
  let cwd = '';
  let archive = '';
  let keys: string[] = [];
  let log: ExampleLog;
  let vkey = '';
  beforeEach(() => {
    cwd = mkdtempSync(join(tmpdir(), 'pgtape-verify-'));
    archive = join(cwd, '.pgtape', 'archive');
    keys = writeArchive(archive);
    log = writeLog(archive, keys, { sizes: [0, 2, 5] });
    vkey = formatVkey(log.key);
    writeFileSync(join(cwd, 'policy.txt'), log.policy);
    writeFileSync(join(cwd, 'log.vkey'), `${vkey}\n`);
    writeFileSync(join(cwd, 'seen.txt'), log.checkpoint);
  });
  afterEach(() => {
    rmSync(cwd, { recursive: true });
  });
  const now = () => Date.parse('2026-11-20T12:00:00Z');
  const run = (...args: string[]): Promise<FakeIo> => runFake(['verify', ...args], { cwd, now });
  const report = async (...args: string[]): Promise<VerifyReport> =>
    JSON.parse((await run(...args, '-o', 'json')).out.text) as VerifyReport;
  const replace = (key: string, change: (bytes: Buffer) => Uint8Array): void => {
    const file = join(archive, key);
    const bytes = readFileSync(file);
    rmSync(file);
    writeFileSync(file, change(bytes));
  };
  const flipped = (bytes: Buffer): Buffer => {
    bytes[40] = (bytes[40] as number) ^ 1;
    return bytes;
  };
  const found = ({ reels: judged, log: ofLog }: VerifyReport): string[] =>
    [...judged.flatMap(({ findings }) => findings), ...(ofLog?.findings ?? [])].map(
      ({ artefact, reason }) => `${artefact} ${reason}`,
    );

  it('says what was checked, what was found, and what is not proven', async () => {
    const io = await run('--policy', 'policy.txt');
    expect([io.code, io.err.text]).toEqual([exitCode.fine, '']);
    expect(
      io.out.text,
    ).toBe(`complete  reel ${reels[0]}  2 segments, 5 records, 1 session, 3.7 KiB, not enrolled
open      reel ${reels[1]}  1 segment, 3 records, 1 session, 2.2 KiB, not enrolled
    open  ${keys[2]}
      not_closed: the reel does not end here: no line says so
complete  log example.org/log  5 leaves, 4 checkpoints, 4 tiles, 3 objects, witnessed by w

Not proven by these bytes alone:
  - That the first key is the recorder's own in reel ${reels[0]}: nobody
    vouched for it when the reel began; that it was this one ever since, the log shows.
  - That the first key is the recorder's own in reel ${reels[1]}: nobody
    vouched for it when the reel began; that it was this one ever since, the log shows.
  - That the log did not go on behind its 5 leaves (a witness saw it so at
    2026-11-20T22:00:10.000Z): cut back as a whole to an earlier state, and all objects after it
    with it, it looks like this. A later checkpoint, seen elsewhere, shows it: --checkpoint.

Verdict: open  tamper-evident only: its store locks nothing
`);
  });

  it.each([
    { name: 'a policy', args: ['--policy', 'policy.txt'], from: 'auditor', sentences: 3 },
    { name: 'a log key', args: ['--log-key', 'VKEY'], from: 'auditor', sentences: 4 },
    { name: 'a file of log keys', args: ['--log-key', 'log.vkey'], from: 'auditor', sentences: 4 },
    { name: 'no key', args: [], from: 'archive', sentences: 4 },
    {
      name: 'a policy and the checkpoint seen before',
      args: ['--policy', 'policy.txt', '--checkpoint', 'seen.txt'],
      from: 'auditor',
      sentences: 2,
    },
  ])('takes $name', async ({ args, from, sentences }) => {
    const {
      verdict,
      log: ofLog,
      notProven,
    } = await report(...args.map((arg) => (arg === 'VKEY' ? vkey : arg)));
    expect([verdict, ofLog?.keyFrom, notProven.length]).toEqual(['open', from, sentences]);
  });

  it.each([
    { name: 'no key', args: ['--log-key', 'nothing'], code: 'TRUST_FILE' },
    { name: 'a file that is none', args: ['--log-key', 'policy.txt'], code: 'LOG_KEY' },
    { name: 'a policy that is none', args: ['--policy', 'seen.txt'], code: 'POLICY' },
    {
      name: 'two sources of keys',
      args: ['--policy', 'policy.txt', '--log-key', 'log.vkey'],
      code: 'POLICY',
    },
    { name: 'two things to check', args: ['--reel', 'f1', '--session', 'last'], code: 'ONE_OF' },
    { name: 'a report to nowhere', args: ['--to', 'x'], code: 'TO' },
    { name: 'a resume file of someone else', args: ['--resume', 'policy.txt'], code: 'RESUME_FILE' },
  ])('refuses $name', async ({ args, code }) => {
    const io = await run(...args);
    expect([io.code, io.err.text]).toEqual([exitCode.usage, expect.stringContaining(`[${code}]`)]);
  });

  it.each<{ name: string; change: () => void; finds: (keys: readonly string[]) => string[] }>([
    {
      name: 'the end of an open reel deleted',
      change: () => rmSync(join(archive, keys[2] as string)),
      finds: ([, , third]) => [`${third} object_missing`],
    },
    {
      name: 'a whole reel deleted',
      change: () => rmSync(join(archive, dirname(keys[0] as string)), { recursive: true }),
      finds: ([first, second, third]) => [
        `${third} not_closed`,
        `${first} object_missing`,
        `${second} object_missing`,
      ],
    },
    {
      name: 'a reel sealed anew',
      change: () => {
        rmSync(join(archive, dirname(keys[2] as string)), { recursive: true });
        new ReelWriter(archive, reels[1]).seal([reelOpened(5000), reelClosed(0, 0, 6000)]);
      },
      finds: ([, , third]) => [`${third} reel_key_mismatch`, `${third} object_changed`],
    },
    {
      name: 'an object changed',
      change: () => replace(keys[2] as string, flipped),
      finds: ([, , third]) => [`${third} object_trailer`, `${third} not_closed`, `${third} object_changed`],
    },
    {
      name: 'a log rolled back',
      change: () => {
        rmSync(join(archive, 'log'), { recursive: true });
        writeLog(archive, keys.slice(0, 1), { sizes: [0, 2] });
      },
      finds: () => ['log/checkpoint checkpoint_rolled_back'],
    },
  ])('with $name says forged', async ({ change, finds }) => {
    change();
    const { verdict, ...rest } = await report('--policy', 'policy.txt', '--checkpoint', 'seen.txt');
    const named = found({ verdict, ...rest });
    expect([verdict, named]).toEqual(['forged', expect.arrayContaining(finds(keys))]);
  });

  it('checks one session against its reel and its part of the log', async () => {
    const {
      verdict,
      session,
      reels: judged,
      log: ofLog,
    } = await report('--session', ids.ada, '--policy', 'policy.txt');
    expect([verdict, session?.verdict, judged.map(({ reel }) => reel), ofLog?.checked.objects]).toEqual([
      'complete',
      'complete',
      [reels[0]],
      2,
    ]);
    rmSync(join(archive, keys[1] as string));
    const cut = await report('--session', ids.ada, '--policy', 'policy.txt');
    expect([cut.verdict, found(cut)]).toEqual([
      'forged',
      [`${keys[0]} not_closed`, `${keys[1]} object_missing`],
    ]);
  });

  describe('--resume', () => {
    const file = (): string => join(cwd, 'audit.jsonl');
    it('takes what did not change as it was, and reads again what did', async () => {
      const first = await report('--resume', 'audit.jsonl');
      const lines = readFileSync(file(), 'utf8').trimEnd().split('\n');
      expect([lines.length, lines[0]]).toEqual([3, expect.stringContaining('"format":"pgtape-verify-v1"')]);
      // What the file says of an unchanged reel is believed: that is how we see that it was not checked again.
      writeFileSync(
        file(),
        lines
          .map((line) => line.replace('"records":5', '"records":55'))
          .join('\n')
          .concat('\n'),
      );
      appendFileSync(file(), '{"verdict":{"reel":"torn');
      const second = await report('--resume', 'audit.jsonl');
      expect([first, second].map(({ reels: judged }) => judged.map(({ records }) => records))).toEqual([
        [5, 3],
        [55, 3],
      ]);
      replace(keys[0] as string, flipped);
      const third = await report('--resume', 'audit.jsonl');
      expect([third.verdict, found(third)[0]]).toEqual(['forged', `${keys[0]} object_trailer`]);
      const again = await report('--resume', 'audit.jsonl');
      expect([again.verdict, found(again)]).toEqual([third.verdict, found(third)]);
    });

    it('begins anew for another way of checking', async () => {
      await run('--resume', 'audit.jsonl');
      await run('--resume', 'audit.jsonl', '--strict', '--reel', 'f1');
      expect(readFileSync(file(), 'utf8').trimEnd().split('\n').length).toBe(2);
    });
  });

  describe('--report', () => {
    it('writes what was checked as JSON and as Markdown', async () => {
      const json = await run('--report', 'json', '--policy', 'policy.txt');
      const parsed = JSON.parse(json.out.text) as VerifyReport;
      expect([parsed.verdict, parsed.at, parsed.lock, parsed.log?.size]).toEqual([
        'open',
        '2026-11-20T12:00:00.000Z',
        'none',
        5,
      ]);
      const io = await run('--report', 'md', '--to', 'audit.md', '--policy', 'policy.txt');
      expect([io.code, io.out.text.endsWith('locks nothing\n')]).toEqual([exitCode.fine, true]);
      const text = readFileSync(join(cwd, 'audit.md'), 'utf8');
      const expected = [
        '# Verification: open\n',
        '| checked at | 2026-11-20T12:00:00.000Z |\n',
        '| protection | tamper-evident only: its store locks nothing |\n',
        '| log, checked | 5 leaves, 4 checkpoints, 4 tiles, 3 objects, witnessed by w |\n',
        '| complete | 1 | 1 |\n',
        '| open | 1 | 1 |\n',
        `| open | ${keys[2]} | not\\_closed | the reel does not end here: no line says so |\n`,
        `| open | ${ids.eve} | 2 |  |\n`,
      ];
      expect(expected.filter((part) => !text.includes(part))).toEqual([]);
    });
  });

  describe('--bundle', () => {
    const written = (name: string, files: ReadonlyMap<string, Uint8Array>): string => {
      for (const [file, bytes] of files) {
        mkdirSync(dirname(join(cwd, name, file)), { recursive: true });
        writeFileSync(join(cwd, name, file), bytes);
      }
      return name;
    };
    it('checks a tar and the folder it unpacks to', async () => {
      const files = exampleBundle();
      const tar = tarOf(files, 1_795_300_000);
      writeFileSync(join(cwd, 'case.tar'), tar);
      writeFileSync(join(cwd, 'theirs.txt'), exampleBundleParts().log.policy);
      writeFileSync(join(cwd, written('case', files), 'case.tar'), tar);
      for (const path of ['case.tar', 'case']) {
        const io = await run('--bundle', path, '--policy', 'theirs.txt');
        expect([io.code, io.out.text]).toEqual([
          exitCode.fine,
          'complete  session 0102030405060708-1  5 lines\nlog example.org/log, 6 leaves, witnessed by w\n\n' +
            'Not proven by these bytes alone:\n  - That no gap of the whole recording fell into a session: such lines belong to no session, and\n    whoever exported could have left one out.\n\n' +
            'Verdict: complete, 5 lines proven, 0 attested\n',
        ]);
      }
      tar[10] = (tar[10] as number) ^ 1;
      writeFileSync(join(cwd, 'case.tar'), tar);
      const damaged = await run('--bundle', 'case.tar');
      expect([damaged.code, damaged.out.text]).toEqual([
        exitCode.found,
        expect.stringContaining("bundle_tar: not a bundle's tar file: the entry at byte 0"),
      ]);
    });

    it('says attested, and exits with 0', async () => {
      const io = await run('--bundle', written('red', exampleBundle({ redacted: [2] })), '--report', 'md');
      expect([io.code, io.out.text.split('\n')[0]]).toEqual([
        exitCode.fine,
        '# Verification of a bundle: attested',
      ]);
    });

    it('says that there is none', async () => {
      expect((await run('--bundle', 'none.tar')).err.text).toContain('[NO_BUNDLE]');
    });
  });
});
