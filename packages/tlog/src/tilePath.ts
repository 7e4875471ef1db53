/** Names of tiles and entry bundles below a log's prefix (C2SP tlog-tiles). Knows no bytes. */
import { decimal } from './decimal.ts';

/** Hashes of a full tile, entries of a full bundle. */
export const TILE_WIDTH = 256;
export const TILE_LEVEL_MAX = 63;

export interface TileName {
  /** 0..63, or `entries` for an entry bundle. */
  readonly level: number | 'entries';
  /** Within the level. */
  readonly index: number;
  /** 1..256; 256 of a full one. */
  readonly width: number;
}

/** `tile/0/x001/x234/067.p/8`, `tile/entries/000`. @throws RangeError for what is no name */
export function tilePath({ level, index, width }: TileName): string {
  const fits =
    (level === 'entries' || (Number.isInteger(level) && level >= 0 && level <= TILE_LEVEL_MAX)) &&
    Number.isSafeInteger(index) &&
    index >= 0 &&
    Number.isInteger(width) &&
    width >= 1 &&
    width <= TILE_WIDTH;
  if (!fits) throw new RangeError(`no tile ${level}/${index} of width ${width}`);
  const digits = String(index);
  const groups = digits.padStart(Math.ceil(digits.length / 3) * 3, '0').match(/\d{3}/g) ?? [];
  const last = groups.length - 1;
  const path = groups.map((group, i) => (i === last ? group : `x${group}`)).join('/');
  return `tile/${level}/${path}${width === TILE_WIDTH ? '' : `.p/${width}`}`;
}

const shape = /^tile\/(\d{1,2}|entries)\/((?:x\d{3}\/)*)(\d{3})(?:\.p\/(\d{1,3}))?$/;

/** Null for any path that `tilePath` would not write. */
export function parseTilePath(path: string): TileName | null {
  const match = shape.exec(path);
  if (match === null) return null;
  const level = match[1] === 'entries' ? 'entries' : decimal(match[1]!);
  const index = Number(`${match[2]!.replace(/[x/]/g, '')}${match[3]!}`);
  const width = match[4] === undefined ? TILE_WIDTH : decimal(match[4]);
  if (level === null || width === null || !Number.isSafeInteger(index)) return null;
  if (width < 1 || width > TILE_WIDTH || (level !== 'entries' && level > TILE_LEVEL_MAX)) return null;
  const name: TileName = { level, index, width };
  return tilePath(name) === path ? name : null;
}

/** Hashes that tile `index` of `level` has in a tree of `size` leaves; 0 when there is no such tile. */
export function tileWidth(size: number, level: number | 'entries', index: number): number {
  const hashes = Math.floor(size / TILE_WIDTH ** (level === 'entries' ? 0 : level));
  return Math.max(0, Math.min(TILE_WIDTH, hashes - index * TILE_WIDTH));
}

/** The partial tiles and the partial bundle of a tree of `size` leaves: its right edge, the bundle first. */
export function partialTiles(size: number): TileName[] {
  const edge: TileName[] = [];
  for (let level = 0, hashes = size; hashes > 0; level += 1, hashes = Math.floor(hashes / TILE_WIDTH)) {
    const width = hashes % TILE_WIDTH;
    const index = Math.floor(hashes / TILE_WIDTH);
    if (width > 0 && level === 0) edge.push({ level: 'entries', index, width });
    if (width > 0) edge.push({ level, index, width });
  }
  return edge;
}
