/** Reads the log's entries back, bundle by bundle. It verifies nothing: the writer's recovery did. */
import { type LogStorage, parseBundle, TILE_WIDTH, TlogError, tilePath, tileWidth } from '@pgtape/tlog';

/** Entries `from` to, not including, `size`, of a tree of `size` leaves. Rejects with TlogError `TILE_DAMAGED`. */
export async function* entriesOf(
  storage: LogStorage,
  from: number,
  size: number,
): AsyncGenerator<{ readonly entry: Uint8Array; readonly index: number }> {
  for (let bundle = Math.floor(from / TILE_WIDTH); bundle * TILE_WIDTH < size; bundle += 1) {
    const width = tileWidth(size, 'entries', bundle);
    const path = tilePath({ level: 'entries', index: bundle, width });
    const full = tilePath({ level: 'entries', index: bundle, width: TILE_WIDTH });
    const bytes = (await storage.get(path)) ?? (await storage.get(full));
    const entries = bytes === null ? null : parseBundle(bytes, width);
    if (entries?.ok !== true)
      throw new TlogError('TILE_DAMAGED', `${path}: ${entries?.detail ?? 'is missing'}`);
    for (const [i, entry] of entries.value.entries()) {
      const index = bundle * TILE_WIDTH + i;
      if (index >= from) yield { entry, index };
    }
  }
}
