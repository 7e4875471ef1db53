/** Owns reading what earlier vaults of this name wrote into their reels. It refuses to judge it. */
import type { ParsedRecord } from '@pgtape/evidence';
import type { Archive } from './archive.ts';
import type { Enrolment } from './enrolments.ts';

/** In the order they were written. What cannot be read is left to `verify`. Rejects as the archive does. */
export async function* ownRecords(archive: Archive, vaultId: string): AsyncIterable<ParsedRecord> {
  for await (const segment of archive.segmentsOf(vaultId)) yield* segment?.records ?? [];
}

/** As `Enrolments` wants them. */
export async function* ownEnrolments(
  archive: Archive,
  vaultId: string,
): AsyncIterable<Enrolment & { readonly reel: string }> {
  for await (const record of ownRecords(archive, vaultId)) {
    if (record.kind !== 'enrolment') continue;
    const method = record.method as Enrolment['method'];
    yield { reel: String(record.of_reel), method, name: String(record.name) };
  }
}
