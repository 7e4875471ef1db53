import { AcceptedRing } from './acceptedRing.ts';

describe('AcceptedRing', () => {
  it('knows the last 512, written as one writes addresses', () => {
    const ring = new AcceptedRing();
    ring.add('10.0.0.1', 1);
    ring.add('fd00::7', 2);
    ring.add('::ffff:10.0.0.3', 3);
    ring.add(undefined, undefined);
    expect(['10.0.0.1:1', '[fd00::7]:2', '10.0.0.3:3', '10.0.0.1:4'].map((from) => ring.has(from))).toEqual([
      true,
      true,
      true,
      false,
    ]);
    for (let port = 1; port <= 511; port++) ring.add('10.0.0.9', port);
    expect([ring.has('10.0.0.1:1'), ring.has('[fd00::7]:2'), ring.has('10.0.0.9:511')]).toEqual([
      false,
      false,
      true,
    ]);
  });
});
