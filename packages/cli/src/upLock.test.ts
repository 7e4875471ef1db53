import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { takeUpLock } from './upLock.ts';

describe('the lock of pgtape up', () => {
  let dir = '';
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'pgtape-lock-'));
  });
  afterEach(() => {
    rmSync(dir, { recursive: true });
  });

  it('is taken, refused while its holder lives, and free after release', () => {
    const file = join(dir, 'up.lock');
    const lock = takeUpLock(file, 'postgres://here');
    expect(lock.stale).toBe(false);
    expect(() => takeUpLock(file, 'postgres://there')).toThrow(
      /already running here \(pid \d+\): postgres:\/\/here/,
    );
    lock.release();
    takeUpLock(file, 'postgres://there').release();
  });

  it.each([
    { name: 'a dead process', text: JSON.stringify({ pid: 4_194_000, born: '1', connection: '' }) },
    {
      name: 'a pid that was used again',
      text: JSON.stringify({ pid: process.pid, born: '1', connection: '' }),
    },
    { name: 'a torn file', text: '{"pid":' },
    { name: 'an empty file', text: '' },
  ])('is taken over from $name', ({ text }) => {
    const file = join(dir, 'up.lock');
    writeFileSync(file, text);
    const lock = takeUpLock(file, 'postgres://new');
    expect(lock.stale).toBe(true);
    expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({
      pid: process.pid,
      connection: 'postgres://new',
    });
    lock.release();
  });
});
