import { BoundedMap } from './boundedMap.ts';

describe('a bounded map', () => {
  it.each([
    { name: 'keeps what fits', keys: ['a', 'b', 'c'], kept: ['a', 'b', 'c'] },
    { name: 'forgets what was written longest ago', keys: ['a', 'b', 'c', 'd', 'e'], kept: ['c', 'd', 'e'] },
    { name: 'forgets nothing for a key that it has', keys: ['a', 'b', 'c', 'b'], kept: ['a', 'c', 'b'] },
    { name: 'counts what is written again as new', keys: ['a', 'b', 'c', 'a', 'd'], kept: ['c', 'a', 'd'] },
  ])('$name', ({ keys, kept }) => {
    const map = new BoundedMap<string, number>(3);
    keys.forEach((key, at) => {
      map.set(key, at);
    });
    expect([...map]).toEqual(kept.map((key) => [key, keys.lastIndexOf(key)]));
  });
});
