import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkBundle, type DraftRecord, type ExampleLog, filesOf, type Manifest } from '@pgtape/evidence';
import { drafts, ReelWriter, wallAt, writeLog } from './archive.testing.ts';
import { exitCode } from './exitCode.ts';
import { type FakeIo, runFake } from './fakeIo.testing.ts';

const reels = ['f1'.repeat(16), '0a'.repeat(16), 'bb'.repeat(16)] as const;
const ids = {
  ada: `${reels[0].slice(0, 16)}-1`,
  grace: `${reels[0].slice(0, 16)}-2`,
  eve: `${reels[1].slice(0, 16)}-1`,
};
const { reelOpened, opened, statement, closed, reelClosed } = drafts;
const head = { at: wallAt(9000), mono: '9' };

/** Two sessions in one reel, mixed; one in an open reel; a vault's reel with a hold on Ada's. */
function writeArchive(root: string): string[] {
  const first = new ReelWriter(root, reels[0]);
  const second = new ReelWriter(root, reels[1]);
  const vault = new ReelWriter(root, reels[2]);
  const keys = [
    first.seal([reelOpened(), opened(ids.ada, 1000), opened(ids.grace, 1000, { user: 'grace' })]),
    first.seal([statement(ids.grace, 2, 1500, 'select secret')]),
    first.seal([
      statement(ids.ada, 2, 2000, 'select 1'),
      statement(ids.grace, 3, 2000, 'select hidden'),
      statement(ids.ada, 3, 2100, 'select salary'),
    ]),
    first.seal([closed(ids.ada, 4, 3000, 2), closed(ids.grace, 4, 3000, 2), reelClosed(2, 4, 4000)]),
    second.seal([reelOpened(5000), opened(ids.eve, 6000), statement(ids.eve, 2, 7000, 'select salary, 2')]),
  ];
  const held = (key: string, sessions: string[]) => ({ key, version: '', sessions });
  const records = [
    {
      ...head,
      kind: 'vault_opened',
      recorder: '00112233445566aa',
      name: 'vault',
      version: '0.1.0',
      store: 'file',
      lock: 'none',
      log: 'example.org/log',
      config: 'ab'.repeat(32),
    },
    { ...head, kind: 'hold', hold: 'h1', case: '4711', reason: 'r', who: 'w', scope: { user: 'ada' } },
    {
      ...head,
      kind: 'held',
      hold: 'h1',
      objects: [held(keys[0]!, [ids.grace]), held(keys[2]!, [ids.grace]), held(keys[3]!, [ids.grace])],
    },
  ] as DraftRecord[];
  return [...keys, vault.seal(records)];
}

describe('pgtape export', () => {
  let cwd = '';
  let archive = '';
  let keys: string[] = [];
  let log: ExampleLog;
  beforeEach(() => {
    cwd = mkdtempSync(join(tmpdir(), 'pgtape-export-'));
    archive = join(cwd, 'archive');
    keys = writeArchive(archive);
    log = writeLog(archive, keys);
    writeFileSync(join(cwd, 'policy.txt'), log.policy);
    const { privateKey } = generateKeyPairSync('ed25519');
    writeFileSync(join(cwd, 'key.pem'), privateKey.export({ format: 'pem', type: 'pkcs8' }));
  });
  afterEach(() => {
    rmSync(cwd, { recursive: true });
  });
  const now = () => Date.parse('2026-11-20T12:00:00Z');
  const run = (...args: string[]): Promise<FakeIo> =>
    runFake(['export', '--archive', archive, ...args], { cwd, now });
  const bundle = (): ReadonlyMap<string, Uint8Array> => filesOf(readFileSync(join(cwd, 'out.tar')));
  const manifest = (): Manifest =>
    JSON.parse(Buffer.from(bundle().get('manifest.json')!).toString()) as Manifest;
  const verdicts = (): string[] => {
    const { verdict, sessions, findings } = checkBundle(bundle());
    return [
      verdict,
      ...sessions.map((one) => `${one.session} ${one.verdict} ${one.lines}`),
      ...findings.map(({ artefact, reason }) => `${artefact} ${reason}`),
    ];
  };

  it('writes a bundle of one session that checks out and shows nothing of the other', async () => {
    const io = await run(ids.ada, '--to', 'out.tar', '--policy', 'policy.txt');
    expect([io.code, io.err.text.split('\n').at(-2)]).toEqual([
      exitCode.fine,
      expect.stringMatching(/^1 session in out\.tar, .*; 'pgtape verify --bundle out\.tar' checks it$/),
    ]);
    expect([verdicts(), manifest().lacks, manifest().segments.map(({ segment }) => segment)]).toEqual([
      ['complete', `${ids.ada} complete 4`],
      [],
      [1, 3, 4],
    ]);
    const all = readFileSync(join(cwd, 'out.tar')).toString('latin1');
    expect(['grace', ids.grace, 'secret', 'hidden'].filter((word) => all.includes(word))).toEqual([]);
    const verify = await runFake(['verify', '--bundle', 'out.tar', '--policy', 'policy.txt'], { cwd, now });
    expect([verify.code, verify.out.text]).toEqual([
      exitCode.fine,
      `complete  session ${ids.ada}  4 lines\nlog example.org/log, 9 leaves, witnessed by w\n\n` +
        'Not proven by these bytes alone:\n  - That no gap of the whole recording fell into a session: such lines ' +
        'belong to no session, and\n    whoever exported could have left one out.\n\n' +
        'Verdict: complete, 4 lines proven, 0 attested\n',
    ]);
  });

  it.each<{ name: string; args: string[]; says: () => string[]; lacks: string[] }>([
    { name: 'an open session', args: ['last'], says: () => ['open', `${ids.eve} open 2`], lacks: ['policy'] },
    {
      name: 'two sessions',
      args: [ids.ada, ids.eve],
      says: () => ['open', `${ids.ada} complete 4`, `${ids.eve} open 2`],
      lacks: ['policy'],
    },
    {
      name: 'a search',
      args: ['--search', 'salary', '--policy', 'policy.txt'],
      says: () => ['excerpt', `${ids.eve} excerpt 2`, `${ids.ada} excerpt 2`],
      lacks: [],
    },
    {
      name: 'a case',
      args: ['--case', '4711'],
      says: () => ['complete', `${ids.ada} complete 4`],
      lacks: ['policy'],
    },
    {
      name: 'redacted lines',
      args: [ids.ada, '--redact', '2-3', '--signing-key', 'key.pem'],
      says: () => ['attested', `${ids.ada} attested 4`],
      lacks: ['policy'],
    },
  ])('exports $name', async ({ args, says, lacks }) => {
    const io = await run(...args, '--to', 'out.tar');
    expect([io.code, verdicts().sort(), manifest().lacks]).toEqual([exitCode.fine, says().sort(), lacks]);
  });

  it('shows the gaps of the whole reel that fell into the session, and no others', async () => {
    const reel = 'cc'.repeat(16);
    const writer = new ReelWriter(archive, reel);
    const id = `${reel.slice(0, 16)}-1`;
    const gap = (ms: number, detail: string): DraftRecord => ({
      at: wallAt(ms),
      mono: '1',
      kind: 'gap',
      reason: 'journal_full',
      detail,
    });
    writer.seal([reelOpened(), gap(10, 'before')]);
    writer.seal([opened(id, 20), statement(id, 2, 30, 'select 1')]);
    writer.seal([gap(40, 'within')]);
    writer.seal([closed(id, 3, 50, 1)]);
    writer.seal([gap(60, 'behind'), reelClosed(1, 1, 70)]);
    await run(id, '--to', 'out.tar');
    expect([verdicts(), manifest().segments.map(({ segment, lines }) => [segment, lines])]).toEqual([
      ['gap', `${id} gap 3`, `lines/${reel}/00000003.jsonl#2 journal_full`],
      [
        [2, 2],
        [3, 1],
        [4, 1],
      ],
    ]);
  });

  it('hides what is redacted', async () => {
    await run(ids.ada, '--redact', '3', '--signing-key', 'key.pem', '--to', 'out.tar');
    const lines = [...bundle()]
      .filter(([name]) => name.startsWith('lines/'))
      .map(([, bytes]) => Buffer.from(bytes));
    const text = Buffer.concat(lines).toString();
    expect([text.includes('select 1'), text.includes('salary'), text.includes('"kind":"redacted"')]).toEqual([
      true,
      false,
      true,
    ]);
  });

  it('says what an archive without a log lacks', async () => {
    rmSync(join(archive, 'log'), { recursive: true });
    const io = await run(ids.ada, '--to', 'out.tar');
    expect([io.code, verdicts(), manifest().lacks]).toEqual([
      exitCode.fine,
      ['complete', `${ids.ada} complete 4`],
      ['log'],
    ]);
    expect(Buffer.from(bundle().get('README.md')!).toString()).toContain('has no transparency log');
  });

  it('says which segments were not in the log yet', async () => {
    rmSync(join(archive, 'log'), { recursive: true });
    writeLog(archive, keys.slice(0, 3));
    await run(ids.ada, '--to', 'out.tar');
    expect([verdicts()[0], manifest().lacks, manifest().segments.map(({ leaf }) => leaf)]).toEqual([
      'complete',
      ['log_entry', 'policy'],
      [1, 3, null],
    ]);
  });

  it.each<{ name: string; args: string[]; prepare?: () => void; code: string; exit?: number }>([
    { name: 'nothing to export', args: [], code: 'ONE_OF' },
    { name: 'two kinds of things', args: [ids.ada, '--search', 'x'], code: 'ONE_OF' },
    { name: 'redaction that nobody vouches for', args: [ids.ada, '--redact', '2'], code: 'SIGNING_KEY' },
    {
      name: 'redaction of a search',
      args: ['--search', 'salary', '--redact', '2', '--signing-key', 'key.pem'],
      code: 'REDACT',
    },
    {
      name: 'redaction of no lines',
      args: [ids.ada, '--redact', 'all', '--signing-key', 'key.pem'],
      code: 'REDACT',
    },
    { name: 'a key that is none', args: [ids.ada, '--signing-key', 'policy.txt'], code: 'SIGNING_KEY' },
    {
      name: 'a search that finds nothing',
      args: ['--search', 'nowhere'],
      code: 'NOTHING_TO_EXPORT',
      exit: 1,
    },
    { name: 'a case without a hold', args: ['--case', '1'], code: 'NOTHING_TO_EXPORT', exit: 1 },
    {
      name: 'a file that is there',
      args: [ids.ada],
      prepare: () => writeFileSync(join(cwd, 'out.tar'), ''),
      code: 'EXPORT_FILE',
      exit: 3,
    },
    {
      name: 'a session whose evidence is forged',
      args: [ids.ada],
      prepare: () => rmSync(join(archive, keys[1] as string)),
      code: 'EVIDENCE_FORGED',
      exit: 1,
    },
    {
      name: 'a log of another key',
      args: [ids.ada, '--policy', 'policy.txt'],
      prepare: () => {
        rmSync(join(archive, 'log'), { recursive: true });
        writeLog(archive, keys, { keys: 'forger log' });
      },
      code: 'LOG_KEY',
      exit: 1,
    },
    {
      name: 'a log whose tiles are gone',
      args: [ids.ada],
      prepare: () => rmSync(join(archive, 'log', 'tile', '0'), { recursive: true }),
      code: 'LOG_DAMAGED',
      exit: 1,
    },
  ])('refuses $name', async ({ args, prepare, code, exit = exitCode.usage }) => {
    prepare?.();
    const io = await run(...args, '--to', 'out.tar');
    expect([io.code, io.err.text]).toEqual([exit, expect.stringContaining(`[${code}]`)]);
  });
});
