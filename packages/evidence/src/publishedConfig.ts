/**
 * Owns what an operator says it has given the recorders of each database: who holds seals against it knows which policy was
 * in force when. JSON, one value per database (`namespace.name`) in a ConfigMap of the release. Pure.
 */
import { z } from 'zod';
import { Digest } from './fields.ts';

const one = {
  configHash: z.string().max(64).describe('Of the whole configuration, as pods are annotated with it.'),
  policyHash: Digest.optional().describe(
    'SHA-256 of the policy, as recorders of `version` understand the configuration; seals carry it. Absent: they are of an image that is ' +
      'not known.',
  ),
  version: z.string().max(64).default('').describe('Of the operator, and of recorders of its image.'),
  at: z.iso.datetime().describe('Since when, RFC 3339.'),
};

/** Of what was published before; more than that and a reel that is still open was never restarted. */
export const PUBLISHED_HISTORY_MAX = 8;

export const PublishedConfig = z.object({
  ...one,
  history: z.array(z.object(one)).max(PUBLISHED_HISTORY_MAX).describe('What held before, newest first.'),
});
export type PublishedConfig = z.infer<typeof PublishedConfig>;

/** Key of a database, `namespace/name`, in the ConfigMap: a slash may not stand there. */
export function publishedKey(database: string): string {
  return database.replace('/', '.');
}

/** null for what is not understood. */
export function publishedConfigOf(text: string | undefined): PublishedConfig | null {
  if (text === undefined) return null;
  try {
    const parsed = PublishedConfig.safeParse(JSON.parse(text));
    return parsed.success ? parsed.data : null;
  } catch {
    return null;
  }
}

/** What is published from now on; the same object while nothing changes. */
export function nextPublished(
  before: PublishedConfig | null,
  now: Omit<PublishedConfig, 'history'>,
): PublishedConfig {
  if (before === null) return { ...now, history: [] };
  if (
    before.configHash === now.configHash &&
    before.policyHash === now.policyHash &&
    before.version === now.version
  )
    return before;
  const { history, ...last } = before;
  return { ...now, history: [last, ...history].slice(0, PUBLISHED_HISTORY_MAX) };
}
