import { CancelTargets } from './cancelTargets.ts';
import { cancelRequest } from './relayFixture.testing.ts';

const one = { number: 1, isServerSecured: false };
const two = { number: 2, isServerSecured: true };

describe('CancelTargets', () => {
  it.each([4, 32, 256])('finds by pid and a key of %d bytes, and by nothing less', (keyBytes) => {
    const key = Buffer.alloc(keyBytes, 7);
    const targets = new CancelTargets();
    targets.add(4711, key, one);
    targets.add(4712, Buffer.alloc(keyBytes, 8), two);
    const wrong = Buffer.from(key);
    wrong[keyBytes - 1] = 8;
    const found = [
      cancelRequest(4711, key),
      cancelRequest(4712, key),
      cancelRequest(4713, key),
      cancelRequest(4711, wrong),
      cancelRequest(4711, key.subarray(1)),
      cancelRequest(4711, Buffer.concat([key, key])),
      cancelRequest(4711, Buffer.alloc(0)),
    ].map((packet) => targets.find(packet)?.number ?? null);
    expect(found).toEqual([1, null, null, null, null, null, null]);
  });

  it('a pid that was given to another session is not forgotten with the first', () => {
    const targets = new CancelTargets();
    const key = Buffer.from('abcd');
    targets.add(7, Buffer.from('old.'), one);
    targets.add(7, key, two);
    targets.remove(1);
    expect(targets.find(cancelRequest(7, key))).toBe(two);
    targets.remove(2);
    targets.remove(2);
    expect(targets.find(cancelRequest(7, key))).toBeNull();
  });
});
