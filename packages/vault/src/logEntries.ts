/** Reads the log's entries back, bundle by bundle. It verifies nothing: the writer's recovery did. */
import { type LogStorage, parseBundle, TILE_WIDTH, TlogError, tilePath, tileWidth } from '@pgtape/tlog';

/** Object stores answer in tens of milliseconds, and a log of a million segments has four thousand bundles. */
const readsAtOnce = 8;

/** Entries `from` to, not including, `size`, of a tree of `size` leaves. Rejects with TlogError `TILE_DAMAGED`. */
export async function* entriesOf(
  storage: LogStorage,
  from: number,
  size: number,
): AsyncGenerator<{ readonly entry: Uint8Array; readonly index: number }> {
  const end = Math.ceil(size / TILE_WIDTH);
  for (let first = Math.floor(from / TILE_WIDTH); first < end; first += readsAtOnce) {
    const count = Math.min(readsAtOnce, end - first);
    const reading = Array.from({ length: count }, (_, i) => bundleOf(storage, first + i, size));
    for (const [at, entries] of (await Promise.all(reading)).entries()) {
      for (const [i, entry] of entries.entries()) {
        const index = (first + at) * TILE_WIDTH + i;
        if (index >= from) yield { entry, index };
      }
    }
  }
}

async function bundleOf(storage: LogStorage, index: number, size: number): Promise<Uint8Array[]> {
  const width = tileWidth(size, 'entries', index);
  const path = tilePath({ level: 'entries', index, width });
  const full = tilePath({ level: 'entries', index, width: TILE_WIDTH });
  const bytes = (await storage.get(path)) ?? (await storage.get(full));
  const entries = bytes === null ? null : parseBundle(bytes, width);
  if (entries?.ok === true) return entries.value;
  throw new TlogError('TILE_DAMAGED', `${path}: ${entries?.detail ?? 'is missing'}`);
}
