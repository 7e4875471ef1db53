/** Reads the log's entries back, bundle by bundle. It verifies nothing: the writer's recovery did. */
import { type LogStorage, parseBundle, TILE_WIDTH, TlogError, tilePath, tileWidth } from '@pgtape/tlog';
import { inOrder } from './inOrder.ts';

/** Object stores answer in tens of milliseconds, and a log of a million segments has four thousand bundles. */
const readsAtOnce = 8;

/** Entries of a tree of `size` leaves, the first first. Rejects with TlogError `TILE_DAMAGED`. */
export async function* entriesOf(
  storage: LogStorage,
  size: number,
): AsyncGenerator<{ readonly entry: Uint8Array; readonly index: number }> {
  const bundles = Array.from({ length: Math.ceil(size / TILE_WIDTH) }, (_, bundle) => bundle);
  let index = 0;
  for await (const entries of inOrder(bundles, readsAtOnce, (bundle) => bundleOf(storage, bundle, size))) {
    for (const entry of entries) yield { entry, index: index++ };
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
