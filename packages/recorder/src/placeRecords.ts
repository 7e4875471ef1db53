/** Makes the records of what the journal says of the recorder's place. Knows no journal. */
import type { DraftOf } from '@pgtape/evidence';
import type { BypassEntry, ConfiguredEntry } from './journalFormat.ts';

type Head = Pick<DraftOf<'bypass'>, 'at' | 'mono'>;

export function bypassRecord(entry: BypassEntry, head: Head): DraftOf<'bypass'> {
  const { how, sessions, pid, user, database, address, port, application, started } = entry;
  return { ...head, kind: 'bypass', how, sessions, pid, user, database, address, port, application, started };
}

export function configuredRecord(entry: ConfiguredEntry, head: Head): DraftOf<'configured'> {
  const { config, policy, changed, restart_needed } = entry;
  return { ...head, kind: 'configured', config, policy, changed, restart_needed };
}
