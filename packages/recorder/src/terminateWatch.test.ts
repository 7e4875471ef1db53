import { frame } from './relayFixture.testing.ts';
import { TerminateWatch } from './terminateWatch.ts';

const terminate = frame('X');

function isSeen(pieces: readonly Buffer[]): boolean {
  const watch = new TerminateWatch();
  for (const piece of pieces) watch.see(piece);
  return watch.isSeen;
}

describe('TerminateWatch', () => {
  it.each([
    { name: 'alone', bytes: terminate, seen: true },
    { name: 'behind a query', bytes: Buffer.concat([frame('Q', 'select 1\0'), terminate]), seen: true },
    {
      name: 'behind bytes that begin like it',
      bytes: Buffer.concat([Buffer.from('X\0\0'), terminate]),
      seen: true,
    },
    { name: 'not at the end', bytes: Buffer.concat([terminate, frame('S')]), seen: false },
    { name: 'followed by one byte', bytes: Buffer.concat([terminate, Buffer.from('Q')]), seen: false },
    { name: 'Sync', bytes: frame('S'), seen: false },
    { name: 'cut short', bytes: terminate.subarray(0, 4), seen: false },
    { name: 'nothing', bytes: Buffer.alloc(0), seen: false },
  ])('$name, at every split', ({ bytes, seen }) => {
    expect(isSeen([bytes])).toBe(seen);
    for (let cut = 0; cut <= bytes.length; cut += 1) {
      expect(isSeen([bytes.subarray(0, cut), bytes.subarray(cut)])).toBe(seen);
    }
    expect(isSeen(Array.from(bytes, (_, at) => bytes.subarray(at, at + 1)))).toBe(seen);
  });
});
