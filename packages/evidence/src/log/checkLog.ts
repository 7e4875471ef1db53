/**
 * Checks an archive against its transparency log: checkpoints, every tile and bundle computed again, every leaf against its
 * object, versions and retention. Reads through functions that are passed in; the objects themselves were read before, by
 * `checkReel`.
 */
import { Findings } from '../findings.ts';
import { type AuditorTrust, type Checkpoints, readCheckpoints } from './logCheckpoints.ts';
import { LeafLedger } from './logLeaves.ts';
import { checkpointKeyOf, type LogHead, type LogReads, logPaths, type ObjectFacts } from './logReads.ts';
import { checkTree, type TreeCheck } from './logTree.ts';
import type { LogVerdict } from './logVerdict.ts';
import { checkRetention, checkVersions, type VersionCheck } from './logVersions.ts';

export interface CheckLogOptions extends AuditorTrust {
  /** The auditor's clock, ms since 1970: for retention that is over. */
  readonly now: number;
  /** Only these reels were read; their leaves and objects alone are held against each other. null: all. */
  readonly reels?: ReadonlySet<string> | null;
  /** SHA-256 of the vault's `enrolment` and `vault_opened` lines; absent: the vault's reels were not read. */
  readonly enrolments?: ReadonlySet<string>;
  /** How long an object may take into the log before it counts as left out; ms. */
  readonly lagMs?: number;
}

/** A vault's own limit of patience is seconds; this leaves room for one that was down. */
const lagMsDefault = 10 * 60 * 1000;

/**
 * Verdict over the archive and its log. `head` was read before the archive was listed, `objects` are all that were found in
 * it, by key. Names every artefact; rejects only as `reads` does.
 */
export async function checkLog(
  reads: LogReads,
  head: LogHead,
  objects: ReadonlyMap<string, ObjectFacts>,
  options: CheckLogOptions,
): Promise<LogVerdict> {
  const findings = new Findings();
  const seen = await checkVersions(reads, findings);
  if (head.current === null && head.sizes.length === 0) {
    const isDemanded =
      options.policy !== undefined || options.logKeys !== undefined || options.remembered !== undefined;
    const isThere = [...seen.stored.keys()].some((key) => key.startsWith(logPaths.prefix));
    const detail = isThere ? 'there are tiles, and no checkpoint' : 'a log is demanded, the archive has none';
    if (isDemanded || isThere) findings.add('forged', logPaths.checkpoint, 'log_missing', detail);
    return verdictOf(findings, null, seen, options);
  }
  const checkpoints = await readCheckpoints(reads, head, options, findings);
  if (checkpoints === null) return verdictOf(findings, null, seen, options);
  const { reels = null, enrolments = null, now } = options;
  const leaves = new LeafLedger({ objects, stored: seen.stored, now, reels, enrolments }, findings);
  const tree = await checkTree(reads, checkpoints.head, checkpoints.all, findings, (index, entry) =>
    leaves.entry(index, entry),
  );
  const headAt = seen.stored.get(checkpointKeyOf(checkpoints.head.checkpoint.size))?.at ?? null;
  const unlogged = leaves.unlogged(headAt, options.lagMs ?? lagMsDefault);
  const promised = [...leaves.logged.values()].map(({ object, version, retain_until }) => ({
    key: object,
    version,
    retainUntil: retain_until,
  }));
  const retentions = await checkRetention(reads, promised, now, findings);
  return verdictOf(findings, checkpoints, seen, options, { tree, leaves, unlogged, retentions });
}

interface Parts {
  readonly tree: TreeCheck;
  readonly leaves: LeafLedger;
  readonly unlogged: number;
  readonly retentions: number;
}

function verdictOf(
  findings: Findings,
  checkpoints: Checkpoints | null,
  seen: VersionCheck,
  { policy, logKeys }: AuditorTrust,
  parts?: Parts,
): LogVerdict {
  const { origin = '', size = 0, root = new Uint8Array() } = checkpoints?.head.checkpoint ?? {};
  const { leaves = 0, objects = 0, unknown = 0 } = parts?.leaves.counts ?? {};
  return {
    verdict: findings.worst,
    findings: findings.list(logPaths.checkpoint),
    origin,
    size,
    root: Buffer.from(root).toString('hex'),
    keyFrom: policy === undefined && logKeys === undefined ? 'archive' : 'auditor',
    cosigned: checkpoints?.cosigned ?? [],
    checked: {
      checkpoints: parts?.tree.checkpoints ?? 0,
      tiles: parts?.tree.tiles ?? 0,
      leaves,
      objects,
      versions: seen.versions,
      retentions: parts?.retentions ?? 0,
    },
    started: parts?.leaves.started ?? [],
    unlogged: parts?.unlogged ?? 0,
    isSound: (parts?.tree.isSound ?? false) && unknown === 0 && findings.worst !== 'forged',
    remembered: checkpoints?.remembered ?? null,
  };
}
