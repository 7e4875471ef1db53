import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Disk, nodeDisk } from './disk.ts';
import { fileStore } from './fileStore.ts';
import { MemoryDisk } from './memoryDisk.ts';
import { codeOf, itKeepsTheStoreContract, keysOf } from './storeContract.testing.ts';

const scratch = mkdtempSync(join(tmpdir(), 'pgtape-store-'));
let made = 0;
function newRoot(): string {
  made += 1;
  return join(scratch, String(made), 'archive');
}
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const one = Uint8Array.of(1);

describe('fileStore on this machine', () => {
  itKeepsTheStoreContract(() => Promise.resolve(fileStore(newRoot())));

  it('makes files that nobody may write', async () => {
    const root = newRoot();
    await fileStore(root).putOnce('reel/a', one);
    expect(statSync(join(root, 'reel/a')).mode & 0o777).toBe(0o444 & ~process.umask());
    expect(statSync(join(root, 'reel/a')).nlink).toBe(1);
  });

  it('neither lists nor reads links and hidden files', async () => {
    const root = newRoot();
    const store = fileStore(root);
    await store.putOnce('a', one);
    symlinkSync('/etc/passwd', join(root, 'link'));
    writeFileSync(join(root, '.lock'), '');
    writeFileSync(join(root, '.tmp-0011'), '');
    expect(await keysOf(store)).toEqual(['a']);
    expect(await store.has('link')).toBe(false);
    expect(await codeOf(store.get('link'))).toBe('STORE_CONFLICT');
  });

  it('removes what a crash left at the first put, and not before', async () => {
    const root = newRoot();
    mkdirSync(root, { recursive: true });
    writeFileSync(join(root, '.tmp-left'), 'half');
    const store = fileStore(root);
    expect(await keysOf(store)).toEqual([]);
    expect(readdirSync(root)).toEqual(['.tmp-left']);
    await store.putOnce('a', one);
    expect(readdirSync(root)).toEqual(['a']);
  });

  it('says what is in the way', async () => {
    const file = join(scratch, 'file');
    writeFileSync(file, '');
    const failed = fileStore(join(file, 'archive')).putOnce('a', one);
    await expect(failed).rejects.toMatchObject({ code: 'STORE_CONFLICT', errno: 'ENOTDIR' });
  });
});

describe('fileStore on a disk in memory', () => {
  itKeepsTheStoreContract(() => Promise.resolve(fileStore('/archive', new MemoryDisk())));

  it('makes exactly these calls', async () => {
    const disk = new MemoryDisk();
    const store = fileStore('/archive', disk);
    await store.putOnce('reel/a', one);
    const first = disk.trace.map(withoutRandom);
    disk.trace.length = 0;
    await store.putOnce('reel/b', one);
    const second = disk.trace.map(withoutRandom);
    const each = [
      'open /archive/.tmp-*',
      'write /archive/.tmp-*',
      'fsync /archive/.tmp-*',
      'close /archive/.tmp-*',
    ];
    expect(first).toEqual([
      'mkdir /archive',
      'fsyncDirectory /',
      'mkdir /archive/reel',
      'fsyncDirectory /archive',
      'readdir /archive',
      ...each,
      'link /archive/reel/a',
      'fsyncDirectory /archive/reel',
      'unlink /archive/.tmp-*',
    ]);
    expect(second).toEqual([
      ...each,
      'link /archive/reel/b',
      'fsyncDirectory /archive/reel',
      'unlink /archive/.tmp-*',
    ]);
  });

  it('makes exactly these calls to swap', async () => {
    const disk = new MemoryDisk();
    const store = fileStore('/archive', disk);
    await store.putOnce('log/a', one);
    const traced = async (to: Uint8Array, from: Uint8Array | null): Promise<string[]> => {
      disk.trace.length = 0;
      await store.swap('log/checkpoint', to, from);
      return disk.trace.map(withoutRandom);
    };
    const temporary = ['open', 'write', 'fsync', 'close'].map((call) => `${call} /archive/.tmp-*`);
    const read = 'readFile /archive/log/checkpoint';
    const sync = 'fsyncDirectory /archive/log';
    const unlink = 'unlink /archive/.tmp-*';
    const [two, three] = [Uint8Array.of(2), Uint8Array.of(3)];
    expect(await traced(one, null)).toEqual([
      read,
      ...temporary,
      'link /archive/log/checkpoint',
      sync,
      unlink,
    ]);
    expect(await traced(two, one)).toEqual([
      read,
      ...temporary,
      'rename /archive/log/checkpoint',
      sync,
      unlink,
    ]);
    expect(await traced(two, one)).toEqual([read, sync]);
    expect(await traced(three, one)).toEqual([read]);
  });

  it('goes on after a short write', async () => {
    const store = fileStore(
      '/archive',
      new MemoryDisk((syscall) => (syscall === 'write' ? 'short' : 'none')),
    );
    const long = Uint8Array.from({ length: 1000 }, (_, i) => i % 256);
    await store.putOnce('a', long);
    expect(await store.get('a')).toEqual(long);
  });

  it.each([
    { name: 'full', errno: 'ENOSPC', code: 'STORE_FULL' },
    { name: 'quota', errno: 'EDQUOT', code: 'STORE_FULL' },
    { name: 'read-only', errno: 'EROFS', code: 'STORE_READ_ONLY' },
    { name: 'access', errno: 'EACCES', code: 'STORE_ACCESS' },
    { name: 'no links', errno: 'EPERM', code: 'STORE_NO_LINKS' },
    { name: 'files', errno: 'EMFILE', code: 'STORE_OPEN_FILES' },
    { name: 'anything else', errno: 'EIO', code: 'STORE_IO' },
  ])('says who must act: $name', async ({ errno, code }) => {
    const refusing: Disk = {
      ...nodeDiskOver(new MemoryDisk()),
      link: () => Promise.reject(Object.assign(new Error(errno), { code: errno })),
    };
    const failed = fileStore('/archive', refusing).putOnce('a', one);
    await expect(failed).rejects.toMatchObject({ code, errno });
    await expect(failed).rejects.toThrow(/^link \/archive\/a failed \([A-Z]+\): \w.*/);
  });

  it('lets a parent pass that it may not read, where the root stood already', async () => {
    const memory = new MemoryDisk();
    await memory.mkdir('/archive', 0o755);
    const refusing: Disk = {
      ...nodeDiskOver(memory),
      fsyncDirectory: (path) =>
        path === '/'
          ? Promise.reject(Object.assign(new Error('EACCES'), { code: 'EACCES' }))
          : memory.fsyncDirectory(path),
    };
    expect(await fileStore('/archive', refusing).putOnce('a', one)).toEqual({
      answer: 'stored',
      version: '',
    });
  });
});

function withoutRandom(call: string): string {
  return call.replace(/\.tmp-[0-9a-f]{24}$/, '.tmp-*');
}

/** A disk's methods as own properties, so that single ones can be replaced. */
function nodeDiskOver(disk: Disk): Disk {
  const names = Object.keys(nodeDisk) as (keyof Disk)[];
  return Object.fromEntries(names.map((name) => [name, disk[name].bind(disk)])) as unknown as Disk;
}
