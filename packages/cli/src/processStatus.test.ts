import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { bornOf, hangupIgnored, isRunning } from './processStatus.ts';

describe('the status of processes', () => {
  it.each([
    { name: 'nohup', status: 'Name:\tnode\nSigIgn:\t0000000000001001\n', ignored: true },
    { name: 'no nohup', status: 'Name:\tnode\nSigIgn:\t0000000000001000\n', ignored: false },
    { name: 'no status', status: '', ignored: false },
  ])('reads from $name whether hangups are ignored', ({ status, ignored }) => {
    expect(hangupIgnored(status)).toBe(ignored);
  });

  it('tells the living from the dead', async () => {
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
    const pid = child.pid as number;
    expect([isRunning(pid), bornOf(pid) === bornOf(process.pid)]).toEqual([true, false]);
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect([isRunning(pid), bornOf(pid)]).toEqual([false, '']);
  });
});
