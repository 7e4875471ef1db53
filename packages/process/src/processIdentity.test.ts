import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { isSameProcess, lifeOf, ourIdentity, readStat, startOf } from './processIdentity.ts';

const us = ourIdentity();
/** Linux' largest pid is 2^22. */
const nobody = 5_000_000;
const until = async (done: () => boolean): Promise<void> => {
  for (let i = 0; i < 4000 && !done(); i += 1) await new Promise((resolve) => setTimeout(resolve, 5));
};

describe('lifeOf', () => {
  it.each([
    { name: 'ourselves', holder: us, life: 'alive' },
    { name: 'pid 1, not ours to signal', holder: { ...us, pid: 1, started: '' }, life: 'alive' },
    { name: 'nobody', holder: { ...us, pid: nobody }, life: 'dead' },
    { name: 'another host', holder: { ...us, host: 'elsewhere' }, life: 'unknown' },
  ])('$name: $life', ({ holder, life }) => {
    expect(lifeOf(holder, us)).toBe(life);
  });

  it('counts a zombie as dead, though its pid can be signalled', async () => {
    // The shell makes a child and becomes a process that never waits for it.
    const parent = spawn('sh', ['-c', 'sleep 60 & echo $!; exec sleep 60'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    try {
      const pid = Number(String(await new Promise((resolve) => parent.stdout.once('data', resolve))));
      const holder = { ...us, pid, started: startOf(pid) };
      expect(lifeOf(holder, us)).toBe('alive');
      process.kill(pid, 'SIGKILL');
      await until(() => readStat(readFileSync(`/proc/${pid}/stat`, 'utf8')).state === 'Z');
      expect(process.kill(pid, 0)).toBe(true);
      expect(lifeOf(holder, us)).toBe('dead');
      expect(lifeOf({ ...holder, started: '' }, us)).toBe('dead');
    } finally {
      parent.kill('SIGKILL');
    }
  });

  it.each([
    { name: 'this process', pid: process.pid, started: us.started, same: true },
    { name: 'this process, whenever it started', pid: process.pid, started: '', same: true },
    { name: 'its pid used again', pid: process.pid, started: '1', same: false },
    { name: 'nobody', pid: nobody, started: '', same: false },
  ])('isSameProcess of $name: $same', ({ pid, started, same }) => {
    expect(isSameProcess(pid, started)).toBe(same);
  });

  it('reads a process’s state and start whatever it is called', () => {
    const fields = `X ${Array.from({ length: 30 }, (_, i) => i + 4).join(' ')}`;
    expect(readStat(`12 (a) Z (b) ${fields}`)).toEqual({ state: 'X', started: '22' });
    expect(readStat('')).toEqual({ state: '', started: '' });
  });
});
