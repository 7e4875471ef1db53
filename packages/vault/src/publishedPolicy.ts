/**
 * Owns what the operator published of each database's configuration, and whether a seal's policy is that. Pure.
 */
import { type PublishedConfig, publishedConfigOf } from '@pgtape/evidence';

/** Of one database. */
export interface PublishedPolicy {
  /** SHA-256, hex, of the recorder's configuration. */
  readonly config: string;
  /** What seals carry; null: recorders are of an image that the operator does not know. */
  readonly policy: string | null;
  /** Policies published before, the newest first. */
  readonly former: readonly string[];
  /** What the same configuration is to recorders of other versions, which run until their pods are made anew. */
  readonly ofOthers: readonly string[];
}

const databasesMax = 10_000;

/** A ConfigMap's `data`, by `namespace/name`. An entry that cannot be read is left out. */
export function readPublished(data: unknown): ReadonlyMap<string, PublishedPolicy> {
  const entries =
    typeof data === 'object' && data !== null ? Object.entries(data).slice(0, databasesMax) : [];
  const published = new Map<string, PublishedPolicy>();
  for (const [key, text] of entries) {
    const entry = publishedConfigOf(typeof text === 'string' ? text : undefined);
    // A namespace has no dot in it.
    const at = key.indexOf('.');
    if (entry === null || at <= 0) continue;
    published.set(`${key.slice(0, at)}/${key.slice(at + 1)}`, policyOf(entry));
  }
  return published;
}

function policyOf({
  configHash: config,
  policyHash: policy,
  version,
  history,
}: PublishedConfig): PublishedPolicy {
  const hashes = (entries: PublishedConfig['history']): string[] =>
    entries.flatMap(({ policyHash }) =>
      policyHash === undefined || policyHash === policy ? [] : [policyHash],
    );
  const ofOthers = history.filter((one) => one.configHash === config && one.version !== version);
  return { config, policy: policy ?? null, former: hashes(history), ofOthers: hashes(ofOthers) };
}

export type PolicyVerdict =
  /** Nobody can tell what it should be. */
  | { readonly kind: 'not_known' }
  | { readonly kind: 'published' }
  /** Another one, and recorders may still be reading. */
  | { readonly kind: 'settling' }
  | { readonly kind: 'not_published'; readonly detail: string };

/** `published`: of the seal's database; undefined: nothing. `isSettled`: recorders had their time to follow it. */
export function judgePolicy(
  policy: string,
  published: PublishedPolicy | undefined,
  isSettled: boolean,
): PolicyVerdict {
  if (published?.policy === null) return { kind: 'not_known' };
  if (published?.policy === policy || published?.ofOthers.includes(policy)) return { kind: 'published' };
  if (!isSettled) return { kind: 'settling' };
  const short = (hash: string): string => hash.slice(0, 12);
  if (published === undefined)
    return { kind: 'not_published', detail: `it seals with policy ${short(policy)}, and none is published` };
  const what = published.former.includes(policy) ? 'the former' : 'no published';
  const detail = `it seals with ${what} policy ${short(policy)}; published is ${short(published.policy)}`;
  return { kind: 'not_published', detail };
}
