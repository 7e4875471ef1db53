/** Entry bundles (C2SP tlog-tiles): entries behind uint16 lengths, big-endian. Refuses to look into an entry. */
import { malformed, type Parsed, parsed } from './parsed.ts';
import { TILE_WIDTH } from './tilePath.ts';

/** Longest entry: its length is a uint16. */
export const ENTRY_BYTES_MAX = 65_535;

const lengthBytes = 2;

/** @throws RangeError when an entry is too long, or there are none or more than 256 */
export function bundleBytes(entries: readonly Uint8Array[]): Uint8Array {
  if (entries.length < 1 || entries.length > TILE_WIDTH)
    throw new RangeError(`a bundle of ${entries.length} entries`);
  let size = 0;
  for (const { length } of entries) {
    if (length > ENTRY_BYTES_MAX) throw new RangeError(`an entry of ${length} bytes`);
    size += lengthBytes + length;
  }
  const bytes = Buffer.alloc(size);
  let at = 0;
  for (const entry of entries) {
    bytes.writeUInt16BE(entry.length, at);
    bytes.set(entry, at + lengthBytes);
    at += lengthBytes + entry.length;
  }
  return bytes;
}

/**
 * The first `width` entries; more may follow, as in the full bundle that stands for a partial one. Views of
 * `bytes`. Never throws.
 */
export function parseBundle(bytes: Uint8Array, width: number = TILE_WIDTH): Parsed<Uint8Array[]> {
  const entries: Uint8Array[] = [];
  let at = 0;
  while (at < bytes.length) {
    if (at + lengthBytes > bytes.length) return malformed(`entry ${entries.length} is cut`);
    const end = at + lengthBytes + bytes[at]! * 256 + bytes[at + 1]!;
    if (end > bytes.length) return malformed(`entry ${entries.length} is cut`);
    if (entries.length === TILE_WIDTH) return malformed(`more than ${TILE_WIDTH} entries`);
    entries.push(bytes.subarray(at + lengthBytes, end));
    at = end;
  }
  if (entries.length < width) return malformed(`${entries.length} entries instead of ${width}`);
  return parsed(entries.slice(0, width));
}
