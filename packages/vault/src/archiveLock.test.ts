import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { takeLock } from './archiveLock.ts';
import { type Holder, ourselves, readHolder } from './lockHolder.ts';

const scratch = mkdtempSync(join(tmpdir(), 'pgtape-lock-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));
let made = 0;
function newDir(): string {
  made += 1;
  return mkdtempSync(join(scratch, `${made}-`));
}

function logged() {
  const lines: string[] = [];
  const add = (_fields: object, message: string): void => void lines.push(message);
  return { lines, log: { warn: add, error: add } };
}

const timing = { renewMs: 5, watchMs: 60 };
const us = ourselves('us');
/** Linux' largest pid is 2^22. */
const nobody = 5_000_000;
/** At once, as a vault does it: a lock read while it is written names nobody. */
const put = (dir: string, holder: Holder): void => {
  writeFileSync(join(dir, 'draft'), `${JSON.stringify(holder)}\n`);
  renameSync(join(dir, 'draft'), join(dir, '.vault.lock'));
};
const until = async (done: () => boolean): Promise<void> => {
  for (let i = 0; i < 4000 && !done(); i += 1) await new Promise((resolve) => setTimeout(resolve, 5));
};

describe('takeLock', () => {
  it('keeps the second out, tells it what to do, and lets it in afterwards', async () => {
    const dir = newDir();
    const { log, lines } = logged();
    const lock = await takeLock(dir, log, timing);
    expect(lock.held()).toBe(true);
    const second = takeLock(dir, log, timing);
    await expect(second).rejects.toMatchObject({ code: 'ARCHIVE_LOCKED' });
    await expect(second).rejects.toThrow(`pid ${process.pid} on ${us.host}`);
    await expect(second).rejects.toThrow(/stop it, or give this vault another archive\.store$/);
    await lock.release();
    expect([lock.held(), readdirSync(dir)]).toEqual([false, []]);
    await (await takeLock(dir, log, timing)).release();
    expect(lines).toEqual([]);
  });

  it.each([
    { name: 'a dead process', holder: { ...us, pid: nobody } },
    { name: 'a pid used again', holder: { ...us, started: '1' } },
  ])('takes over the lock of $name at once, and says so', async ({ holder }) => {
    const dir = newDir();
    const { log, lines } = logged();
    put(dir, holder);
    // One that was watched first would be told of, and outlast the test.
    const lock = await takeLock(dir, log, { renewMs: 5, watchMs: 600_000 });
    expect(lines).toEqual(["took over a dead vault's lock"]);
    await lock.release();
    expect(readdirSync(dir)).toEqual([]);
  });

  it.each([
    { name: 'another host', holder: { ...us, host: 'elsewhere' } },
    { name: 'another boot', holder: { ...us, boot: 'other' } },
    { name: 'another container', holder: { ...us, namespace: 'pid:[1]' } },
  ])('watches a holder on $name before it takes over', async ({ holder }) => {
    const dir = newDir();
    const { log, lines } = logged();
    put(dir, holder);
    const lock = await takeLock(dir, log, timing);
    expect(lines).toEqual([
      'the lock is of a vault not visible from here; watching it',
      "took over a dead vault's lock",
    ]);
    await lock.release();
  });

  it('watches a file that is no lock', async () => {
    const dir = newDir();
    writeFileSync(join(dir, '.vault.lock'), '');
    await (await takeLock(dir, logged().log, timing)).release();
  });

  it('leaves a lock alone that is renewed by someone it cannot see', async () => {
    const dir = newDir();
    const { log } = logged();
    const elsewhere = await takeLock(dir, log, timing);
    const path = join(dir, '.vault.lock');
    const disguised = { ...(readHolder(readFileSync(path, 'utf8')) ?? us), host: 'elsewhere' };
    put(dir, disguised);
    const renewing = setInterval(() => put(dir, disguised), 5);
    const refused = await takeLock(dir, log, timing).catch((error: unknown) => String(error));
    clearInterval(renewing);
    expect(refused).toContain('on elsewhere');
    await elsewhere.release();
  });

  it('notices that it was taken over, and leaves the other’s lock alone', async () => {
    const dir = newDir();
    const { log, lines } = logged();
    const lock = await takeLock(dir, log, timing);
    put(dir, { ...us, token: 'other' });
    await until(() => !lock.held());
    expect(lock.held()).toBe(false);
    expect(lines).toEqual(['the lock was taken away; nothing is accepted any more']);
    await lock.release();
    expect(readdirSync(dir)).toEqual(['.vault.lock']);
  });

  it('lets one of many win', async () => {
    const dir = newDir();
    put(dir, { ...us, pid: nobody });
    const tries = Array.from({ length: 6 }, () => takeLock(dir, logged().log, timing));
    const results = await Promise.allSettled(tries);
    const won = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
    expect(won.length).toBe(1);
    expect(readdirSync(dir)).toEqual(['.vault.lock']);
    await won[0]?.release();
  });

  it('says when the directory cannot be written', async () => {
    const failed = takeLock(join(newDir(), 'absent'), logged().log, timing);
    await expect(failed).rejects.toMatchObject({ code: 'ARCHIVE_UNUSABLE' });
  });
});
