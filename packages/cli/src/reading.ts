/** Opens an archive for one reading: through the vault, with a grant, or directly, and then says that nobody records it. */
import { type Archive, listedArchive } from './archive.ts';
import type { Io } from './io.ts';
import { printable } from './paint.ts';
import { VaultClient } from './vaultClient.ts';
import { grantFor, type Purpose } from './vaultStore.ts';
import { type Way, type WayFlags, wayOf } from './vaultWay.ts';

/** What is read; `why` is what the person said with --why. */
export type ReadingPurpose = Omit<Purpose, 'why'>;

/** Told once a process: a command may open more than one reading. */
const told = new WeakSet<Io>();

function tell(io: Io, address: string): void {
  if (told.has(io)) return;
  told.add(io);
  io.err.write(`pgtape: reading ${printable(address)} directly: this reading is not recorded\n`);
}

/**
 * Lists the archive; reads no object. Through a vault, the reading is on record when this resolves, and what the purpose
 * does not cover cannot be read.
 * @throws CommandError of `wayOf` and VaultClient
 */
export async function openReading(io: Io, flags: WayFlags, purpose: ReadingPurpose): Promise<Archive> {
  const isChecking = purpose.action === 'verify';
  const withLog = isChecking || purpose.action === 'export';
  const way: Way = wayOf(io, flags, isChecking);
  if (way.kind === 'direct') {
    if (!isChecking) tell(io, way.address);
    return await listedArchive(io, way.address, way, withLog);
  }
  const { access } = way;
  const whole: Purpose = { ...purpose, why: flags.why ?? '' };
  const { grant, capabilities } = await grantFor(new VaultClient(access, io.stop), whole);
  const source = { kind: 'vault', access, purpose: whole, grant, capabilities } as const;
  return await listedArchive(io, access.url, source, withLog);
}
