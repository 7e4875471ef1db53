import fc from 'fast-check';
import { parseTilePath, partialTiles, type TileName, tilePath, tileWidth } from './index.ts';

describe('tilePath', () => {
  it.each([
    { tile: { level: 0, index: 0, width: 256 }, path: 'tile/0/000' },
    { tile: { level: 0, index: 1_234_067, width: 256 }, path: 'tile/0/x001/x234/067' },
    { tile: { level: 1, index: 999, width: 1 }, path: 'tile/1/999.p/1' },
    { tile: { level: 63, index: 1000, width: 255 }, path: 'tile/63/x001/000.p/255' },
    { tile: { level: 'entries', index: 273, width: 112 }, path: 'tile/entries/273.p/112' },
    {
      tile: { level: 'entries', index: Number.MAX_SAFE_INTEGER, width: 256 },
      path: 'tile/entries/x009/x007/x199/x254/x740/991',
    },
  ] as { tile: TileName; path: string }[])('$path', ({ tile, path }) => {
    expect([tilePath(tile), parseTilePath(path)]).toEqual([path, tile]);
  });

  it.each([
    'tile/0/0',
    'tile/00/000',
    'tile/64/000',
    'tile/0/1234',
    'tile/0/x000/001',
    'tile/0/x001/x234/x067',
    'tile/0/001/067',
    'tile/0/000.p/0',
    'tile/0/000.p/256',
    'tile/0/000.p/01',
    'tile/data/000',
    '/tile/0/000',
    'tile/0/000/',
    'tile/0/x999/x999/x999/x999/x999/999',
  ])('refuses %s', (path) => {
    expect(parseTilePath(path)).toBeNull();
  });

  it.each([
    { level: 64, index: 0, width: 1 },
    { level: 0, index: -1, width: 1 },
    { level: 0, index: 0, width: 0 },
    { level: 0, index: 0, width: 257 },
  ])('will not name tile $level/$index of width $width', (tile) => {
    expect(() => tilePath(tile)).toThrow(RangeError);
  });

  it('reads nothing but what it writes', () => {
    const near = fc.stringMatching(/^tile\/(\d{1,3}|entries)\/(x\d{3}\/){0,3}\d{3}(\.p\/\d{1,3})?$/);
    fc.assert(
      fc.property(fc.oneof(near, fc.string()), (path) => {
        const tile = parseTilePath(path);
        if (tile !== null) expect(tilePath(tile)).toBe(path);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('partialTiles', () => {
  it.each([
    { size: 0, paths: [] },
    { size: 1, paths: ['tile/entries/000.p/1', 'tile/0/000.p/1'] },
    { size: 255, paths: ['tile/entries/000.p/255', 'tile/0/000.p/255'] },
    { size: 256, paths: ['tile/1/000.p/1'] },
    { size: 257, paths: ['tile/entries/001.p/1', 'tile/0/001.p/1', 'tile/1/000.p/1'] },
    { size: 65_536, paths: ['tile/2/000.p/1'] },
    {
      size: 70_000,
      paths: ['tile/entries/273.p/112', 'tile/0/273.p/112', 'tile/1/001.p/17', 'tile/2/000.p/1'],
    },
  ])('of $size leaves', ({ size, paths }) => {
    expect(partialTiles(size).map(tilePath)).toEqual(paths);
  });
});

describe('tileWidth', () => {
  it.each([
    { size: 70_000, level: 0, index: 272, width: 256 },
    { size: 70_000, level: 0, index: 273, width: 112 },
    { size: 70_000, level: 'entries', index: 273, width: 112 },
    { size: 70_000, level: 0, index: 274, width: 0 },
    { size: 70_000, level: 1, index: 1, width: 17 },
    { size: 70_000, level: 2, index: 0, width: 1 },
    { size: 70_000, level: 3, index: 0, width: 0 },
    { size: 256, level: 0, index: 0, width: 256 },
    { size: Number.MAX_SAFE_INTEGER, level: 63, index: 0, width: 0 },
  ] as const)('$level/$index of $size leaves: $width', ({ size, level, index, width }) => {
    expect(tileWidth(size, level, index)).toBe(width);
  });
});
