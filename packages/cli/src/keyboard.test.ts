import { PassThrough } from 'node:stream';
import { keyboard, pressOf } from './keyboard.ts';

describe('presses', () => {
  it.each([
    ['\r', 'next'],
    [' ', 'next'],
    ['\u001b[B', 'next'],
    ['\r\r\r', 'next'],
    ['q', 'end'],
    ['\u0003', 'end'],
    ['\u001b', 'end'],
    ['x', null],
    ['\u001b[A', null],
  ])('%j means %j', (keys, press) => {
    expect(pressOf(keys)).toBe(press);
  });

  it('come one for each line of what is no terminal, and for ever at its end', async () => {
    const input = new PassThrough();
    const press = keyboard(input as unknown as NodeJS.ReadStream, new AbortController().signal);
    input.write('\n\n');
    expect([await press(), await press()]).toEqual(['next', 'next']);
    const third = press();
    input.end();
    expect([await third, await press(), await press()]).toEqual(['next', 'next', 'next']);
  });

  it('end when the command is stopped', async () => {
    const stop = new AbortController();
    const press = keyboard(new PassThrough() as unknown as NodeJS.ReadStream, stop.signal);
    const waiting = press();
    stop.abort('signal');
    expect([await waiting, await press()]).toEqual(['end', 'end']);
  });
});
