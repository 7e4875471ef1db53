/** Makes a reel's first record of what its journal says of it. Knows no journal. */
import { type DraftOf, type Instant, monoText, wallText } from '@pgtape/evidence';
import type { ReelEntry } from './journalFormat.ts';

export function reelOpened(reel: ReelEntry, at: Instant): DraftOf<'reel_opened'> {
  const { recorder, name, version, upstream, listen, journal, trustUpstream, policy } = reel;
  return {
    at: wallText(at),
    mono: monoText(at),
    kind: 'reel_opened',
    ...{ recorder, name, version, upstream, listen, journal },
    trust_upstream: trustUpstream,
    policy,
  };
}
