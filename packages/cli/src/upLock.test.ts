import { mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { takeUpLock, upHolder } from './upLock.ts';

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
    const lock = takeUpLock(file);
    expect(lock.stale).toBe(false);
    expect(() => takeUpLock(file)).toThrow(/already starting here \(pid \d+\)/);
    const vault = { url: 'http://127.0.0.1:1', tokenFile: join(dir, 'token') };
    lock.announce('postgres://here', vault);
    expect(upHolder(file)).toMatchObject({ connection: 'postgres://here', vault });
    expect(() => takeUpLock(file)).toThrow(/already running here \(pid \d+\): postgres:\/\/here/);
    lock.release();
    expect(upHolder(file)).toBeNull();
    takeUpLock(file).release();
    expect(readdirSync(dir)).toEqual([]);
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
    expect(upHolder(file)).toBeNull();
    const lock = takeUpLock(file);
    expect(lock.stale).toBe(true);
    expect(upHolder(file)).toMatchObject({ pid: process.pid, connection: null });
    lock.release();
    expect(readdirSync(dir)).toEqual([]);
  });

  it('is not taken over while another takes it over, unless that one died', () => {
    const file = join(dir, 'up.lock');
    writeFileSync(file, '');
    mkdirSync(`${file}.takeover`);
    expect(() => takeUpLock(file)).toThrow(/another pgtape up is starting/);
    utimesSync(`${file}.takeover`, 1, 1);
    takeUpLock(file).release();
    expect(readdirSync(dir)).toEqual([]);
  });

  it('is not released by whom it was taken from', () => {
    const file = join(dir, 'up.lock');
    const lock = takeUpLock(file);
    writeFileSync(file, JSON.stringify({ pid: 1, born: '', connection: null }));
    lock.release();
    expect(readdirSync(dir)).toEqual(['up.lock']);
  });
});
