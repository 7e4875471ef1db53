import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { openSpool, type SpoolOptions } from './spool.ts';
import { lockSpool } from './spoolLock.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'pgtape-spool-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const memory = mkdtempSync('/dev/shm/pgtape-test-');
afterAll(() => rmSync(memory, { recursive: true, force: true }));

const options = (more: Partial<SpoolOptions> = {}): SpoolOptions => ({
  spoolDir: join(root, 'spool'),
  onDisk: false,
  env: { XDG_RUNTIME_DIR: memory },
  ...more,
});

const uid = process.getuid?.() ?? 0;

describe('openSpool', () => {
  it('puts the journal into XDG_RUNTIME_DIR, apart from other spools, and keeps its id', async () => {
    const first = await openSpool(options());
    expect(first).toMatchObject({
      journal: 'memory',
      journalDir: join(memory, `pgtape-${uid}`, first.recorder),
      outboxDir: join(root, 'spool', 'outbox'),
      warnings: [],
    });
    expect(first.recorder).toMatch(/^[0-9a-f]{16}$/);
    expect(statSync(first.journalDir).mode & 0o777).toBe(0o700);
    first.lock.release();
    const second = await openSpool(options());
    expect(second.recorder).toBe(first.recorder);
    second.lock.release();
    const other = await openSpool(options({ spoolDir: join(root, 'other') }));
    expect(other.recorder).not.toBe(first.recorder);
    other.lock.release();
  });

  it.each([
    { name: 'XDG_RUNTIME_DIR is not set', env: {} },
    { name: 'XDG_RUNTIME_DIR is not there', env: { XDG_RUNTIME_DIR: '/nowhere' } },
    { name: 'XDG_RUNTIME_DIR is a disk', env: { XDG_RUNTIME_DIR: '/var/tmp' } },
  ])('takes /dev/shm when $name', async ({ env }) => {
    const spool = await openSpool(options({ env }));
    expect(spool.journalDir).toBe(`/dev/shm/pgtape-${uid}/${spool.recorder}`);
    spool.lock.release();
    rmSync(spool.journalDir, { recursive: true });
    rmSync(`/var/tmp/pgtape-${uid}`, { recursive: true, force: true });
  });

  it('does not fall for a name in a shared directory that is not ours', async () => {
    const shared = mkdtempSync(join(memory, 'shared-'));
    symlinkSync(root, join(shared, `pgtape-${uid}`));
    const spool = await openSpool(options({ env: { XDG_RUNTIME_DIR: shared } }));
    expect(spool.journalDir.startsWith('/dev/shm/pgtape-')).toBe(true);
    spool.lock.release();
    rmSync(spool.journalDir, { recursive: true });
  });

  it('refuses a journal on a disk unless asked for, then warns', async () => {
    const journalDir = '/var/tmp/pgtape-journal-test';
    try {
      await expect(openSpool(options({ journalDir }))).rejects.toMatchObject({
        code: 'JOURNAL_NOT_IN_MEMORY',
        message: expect.stringContaining('journal.onDisk') as unknown,
      });
      const spool = await openSpool(options({ journalDir, onDisk: true }));
      expect(spool.journal).toBe('disk');
      expect(spool.warnings).toHaveLength(1);
      spool.lock.release();
    } finally {
      rmSync(journalDir, { recursive: true, force: true });
    }
  });

  it('a damaged recorder id is an error that says what to do, and leaves no lock', async () => {
    mkdirSync(join(root, 'spool'));
    writeFileSync(join(root, 'spool', 'recorder-id'), 'nonsense');
    await expect(openSpool(options())).rejects.toMatchObject({ code: 'SPOOL_UNUSABLE' });
    expect(existsSync(join(root, 'spool', 'lock'))).toBe(false);
  });

  it('a spool that is a file is an error that says what to do', async () => {
    writeFileSync(join(root, 'spool'), '');
    await expect(openSpool(options())).rejects.toMatchObject({ code: 'SPOOL_UNUSABLE' });
  });

  const asUser = uid === 0 ? it.skip : it;
  asUser('a spool that cannot be written is an error that says what to do', async () => {
    mkdirSync(join(root, 'spool'));
    chmodSync(join(root, 'spool'), 0o500);
    await expect(openSpool(options())).rejects.toMatchObject({ code: 'SPOOL_UNUSABLE' });
  });
});

const parents: ChildProcess[] = [];
afterAll(() => {
  for (const parent of parents) parent.kill('SIGKILL');
});

/** A process that has ended and that nobody waits for, as a lock's holder. */
function zombie(): { pid: number; started: string } {
  const script = `const child = require('node:child_process').spawn('true', { detached: true });
    require('node:fs').writeFileSync(process.argv[1], String(child.pid));
    for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);`;
  const note = join(root, 'zombie');
  parents.push(spawn(process.execPath, ['-e', script, note]));
  const isThere = (): string => {
    try {
      const pid = readFileSync(note, 'utf8');
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      return stat.slice(stat.lastIndexOf(')') + 2);
    } catch {
      return '';
    }
  };
  for (let i = 0; i < 200 && !isThere().startsWith('Z'); i += 1) spawnSync('sleep', ['0.05']);
  expect(isThere().startsWith('Z')).toBe(true);
  const started = isThere().split(' ')[19] ?? '';
  const pid = Number(readFileSync(note, 'utf8'));
  rmSync(note);
  return { pid, started };
}

describe('journal_place', () => {
  const reel = 'dead0000000000000000000000000002';

  it('finds the journal of a killed recorder though the environment chooses another place now', async () => {
    const killed = await openSpool(options());
    mkdirSync(join(killed.journalDir, reel));
    rmSync(join(root, 'spool', 'lock'));
    const next = await openSpool(options({ env: {}, journalDir: mkdtempSync(join(memory, 'other-')) }));
    expect(next.journalDir).not.toBe(killed.journalDir);
    expect(next.former).toEqual({ found: [killed.journalDir], gone: [] });
    rmSync(join(killed.journalDir, reel), { recursive: true });
    next.leave();
    const third = await openSpool(options());
    expect(third.former).toEqual({ found: [], gone: [] });
    third.leave();
    expect(existsSync(join(root, 'spool', 'journal-place'))).toBe(false);
  });
});

describe('lockSpool', () => {
  const file = (): string => join(root, 'lock');
  const holder = (more: object): string => {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    const namespace = JSON.parse(readFileSync(file(), 'utf8')) as { namespace: string };
    return JSON.stringify({
      pid: 1,
      started: '1',
      boot,
      namespace: namespace.namespace,
      host: hostname(),
      ...more,
    });
  };

  it('keeps a second one off and lets it in after the first has gone', async () => {
    const first = await lockSpool(file());
    await expect(lockSpool(file())).rejects.toMatchObject({
      code: 'SPOOL_LOCKED',
      message: expect.stringContaining(`pid ${process.pid}`) as unknown,
    });
    first.release();
    const second = await lockSpool(file());
    second.release();
    expect(readdirSync(root)).toEqual([]);
  });

  it.each([
    { name: 'of a dead process', more: () => ({ pid: spawnSync('true').pid }) },
    {
      name: 'of a process whose pid is another one now',
      more: () => ({ pid: process.ppid, started: '12345' }),
    },
    {
      name: 'of another boot, untouched for ten seconds',
      more: () => ({ pid: process.ppid, boot: 'another' }),
    },
    { name: 'of a zombie', more: () => zombie() },
  ])('takes over a lock $name', async ({ more }) => {
    (await lockSpool(file())).release();
    const probe = await lockSpool(file());
    const text = holder(more());
    probe.release();
    writeFileSync(file(), text);
    const taken = await lockSpool(file());
    expect(readFileSync(file(), 'utf8')).not.toBe(text);
    taken.release();
  });

  it.each([
    { name: 'another host', more: { host: 'another' } },
    { name: 'a machine of the same name', more: { boot: 'another' } },
  ])('does not touch a lock of $name that is being touched', async ({ more }) => {
    const probe = await lockSpool(file());
    const text = holder(more);
    probe.release();
    writeFileSync(file(), text);
    const touching = setInterval(() => writeFileSync(file(), text), 100);
    try {
      await expect(lockSpool(file())).rejects.toMatchObject({ code: 'SPOOL_LOCKED' });
    } finally {
      clearInterval(touching);
    }
  });

  it("the container before ours in this pod: taken over at once, not after the ten seconds of another host's", async () => {
    (await lockSpool(file(), 'pod-1')).release();
    const probe = await lockSpool(file(), 'pod-1');
    const text = holder({ namespace: 'pid:[1]', pod: 'pod-1' });
    probe.release();
    writeFileSync(file(), text);
    const touching = setInterval(() => writeFileSync(file(), text), 100);
    try {
      await expect(lockSpool(file(), 'pod-2')).rejects.toMatchObject({ code: 'SPOOL_LOCKED' });
      await expect(lockSpool(file())).rejects.toMatchObject({ code: 'SPOOL_LOCKED' });
    } finally {
      clearInterval(touching);
    }
    const taken = await lockSpool(file(), 'pod-1');
    expect(JSON.parse(readFileSync(file(), 'utf8'))).toMatchObject({ pid: process.pid, pod: 'pod-1' });
    taken.release();
  });

  it('lock_lost: touch tells of a lock that is not ours any more, and takes a removed one again', async () => {
    const first = await lockSpool(file());
    expect(first.touch()).toBe(true);
    rmSync(file());
    expect(first.touch()).toBe(true);
    expect(existsSync(file())).toBe(true);
    writeFileSync(file(), 'of somebody else');
    expect(first.touch()).toBe(false);
  });

  it('does not release what somebody else has taken over', async () => {
    const first = await lockSpool(file());
    writeFileSync(file(), 'of somebody else');
    first.release();
    expect(existsSync(file())).toBe(true);
  });

  it('of eight processes that find a dead lock one gets it', async () => {
    const probe = await lockSpool(file());
    const text = holder({ pid: spawnSync('true').pid });
    probe.release();
    writeFileSync(file(), text);
    const module = new URL('./spoolLock.js', import.meta.url).href;
    const script = `import { lockSpool } from ${JSON.stringify(module)};
      await lockSpool(${JSON.stringify(file())})
        .then(() => process.stdout.write('held') && process.stdin.resume(), () => process.exit(7));`;
    const children = Array.from({ length: 8 }, () =>
      spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['pipe', 'pipe', 'inherit'] }),
    );
    // Who holds it goes on holding until everybody has looked: how long that takes is the machine's affair.
    const outcomes = await Promise.all(
      children.map(
        (child) =>
          new Promise<string>((resolve) => {
            child.stdout.once('data', (chunk: Buffer) => resolve(chunk.toString()));
            child.once('exit', (code) => resolve(`exit ${code}`));
          }),
      ),
    );
    for (const child of children) child.stdin.end();
    expect(outcomes.sort()).toEqual([...Array<string>(7).fill('exit 7'), 'held']);
  });
});
