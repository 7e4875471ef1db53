/** Checks an archive: its reels, what they say of each other, its log. Says what was checked; prints nothing. */
import {
  archiveLimits,
  checkLog,
  type Finding,
  type HoldsVerdict,
  type JudgedReel,
  judgeTogether,
  type LogVerdict,
  type ObjectFacts,
  type SessionVerdict,
  type Verdict,
  worse,
} from '@pgtape/evidence';
import type { Lock } from '@pgtape/store';
import { type Archive, type ReelKeys, reelsByTime, vaultReels } from './archive.ts';
import { CommandError, exitCode } from './exitCode.ts';
import type { Io } from './io.ts';
import type { Paint } from './paint.ts';
import { Progress } from './progress.ts';
import { readReels } from './reelPool.ts';
import { findSession } from './sessionFinder.ts';
import { storeFailure } from './storeFailure.ts';
import { verifyHolds } from './verifyHolds.ts';
import type { VerifyResume } from './verifyResume.ts';
import type { Trust } from './verifyTrust.ts';
import { version } from './version.ts';

export interface VerifyPlan {
  /** Only reels whose id holds this; null: all. */
  readonly reel: string | null;
  /** Only this session, and its reel; null: all. */
  readonly session: string | null;
  readonly strict: boolean;
  readonly trust: Trust;
  readonly resume: VerifyResume | null;
}

export interface VerifyReport {
  readonly verdict: Verdict;
  /** What keeps the archive from being deleted: `none` is tamper-evident only. */
  readonly lock: Lock;
  readonly archive: string;
  /** When it was checked, ISO 8601. */
  readonly at: string;
  readonly by: string;
  readonly strict: boolean;
  /** The session that was asked for; null: the whole archive, or reels. */
  readonly session: SessionVerdict | null;
  readonly reels: readonly JudgedReel[];
  readonly strangers: readonly string[];
  readonly quarantined: readonly string[];
  /** null: the archive has no log, and none was demanded. */
  readonly log: LogVerdict | null;
  /** null: not the whole archive was asked for, or it never had a hold. */
  readonly holds: HoldsVerdict | null;
  readonly notProven: readonly string[];
}

/**
 * @throws CommandError `NO_REEL`, `NO_SESSION`, `AMBIGUOUS_SESSION`, and with the store's code where an object cannot be read;
 * Stopped
 */
export async function verifyArchive(
  io: Io,
  archive: Archive,
  plan: VerifyPlan,
  paint: Paint,
): Promise<VerifyReport> {
  const found = plan.session === null ? null : await findSession(io, archive, plan.session);
  const wanted = found === null ? await chosenReels(archive, plan.reel) : [found.reel];
  const isWhole = plan.reel === null && found === null;
  // What the vault's reels say of a reel is part of its verdict.
  const others = isWhole ? [] : await vaultReels(archive, wanted);
  const { strict, trust, resume } = plan;
  const readings = await readReels(
    io,
    archive,
    [...wanted, ...others],
    {
      strict,
      trustedKeys: trust.trustedKeys,
      facts: true,
      ...(resume !== null && {
        knownOf: (reel) => resume.knownOf(reel),
        onReading: (reading) => resume.keep(reading),
      }),
    },
    paint,
  );
  const judged = judgeTogether(readings.map(({ verdict }) => verdict));
  const objects = new Map(readings.flatMap((reading) => reading.objects.map((one) => [one.key, one])));
  const reels = judged.slice(0, wanted.length);
  const read = isWhole ? null : new Set(judged.map(({ reel }) => reel));
  const enrolments = new Set(
    judged.flatMap(({ vault }) =>
      vault === null ? [] : [vault.digest, ...vault.enrolments.map(({ digest }) => digest)],
    ),
  );
  const log = await heldAgainstLog(io, archive, objects, enrolments, plan, read, paint);
  const holds = isWhole ? await verifyHolds(io, archive, reels) : null;
  const strangers = isWhole ? archive.strangers : [];
  const quarantined = archive.quarantined.filter((key) =>
    wanted.some(({ reel }) => isWhole || key.includes(reel)),
  );
  const session = found === null ? null : sessionOf(reels, found.session, archive);
  return {
    verdict: worstOf({ reels, session, log, holds, isForged: strangers.length + quarantined.length > 0 }),
    lock: archive.store.capabilities.lock,
    archive: archive.name,
    at: new Date(io.now()).toISOString(),
    by: `pgtape ${version}`,
    strict,
    session,
    reels,
    strangers,
    quarantined,
    log,
    holds,
    notProven: archiveLimits(reels, log),
  };
}

async function chosenReels(archive: Archive, wanted: string | null): Promise<readonly ReelKeys[]> {
  const all = archive.reels;
  const reels = wanted === null ? all : all.filter(({ reel }) => reel.includes(wanted));
  if (wanted !== null && reels.length === 0) {
    throw new CommandError('NO_REEL', `no reel '${wanted}' in ${archive.name}`, { exit: exitCode.found });
  }
  return await reelsByTime(archive, reels);
}

function sessionOf(reels: readonly JudgedReel[], wanted: string, archive: Archive): SessionVerdict {
  const session = reels.flatMap(({ sessions }) => sessions).find((one) => one.session === wanted);
  if (session !== undefined) return session;
  throw new CommandError(
    'NO_SESSION',
    `no sound segment of ${archive.name} has a line of session '${wanted}'`,
    {
      exit: exitCode.found,
      advice: "'pgtape sessions' lists what there is, 'pgtape verify' what is wrong.",
    },
  );
}

async function heldAgainstLog(
  io: Io,
  archive: Archive,
  objects: ReadonlyMap<string, ObjectFacts>,
  enrolments: ReadonlySet<string>,
  { trust }: VerifyPlan,
  reels: ReadonlySet<string> | null,
  paint: Paint,
): Promise<LogVerdict | null> {
  const { logHead, store } = archive;
  if (logHead === null) return null;
  const progress = new Progress(io.err, paint, () => io.now());
  progress.passing('checking the log');
  try {
    const log = await checkLog(store, logHead, objects, { ...trust.log, now: io.now(), reels, enrolments });
    const isNothing = logHead.current === null && log.findings.length === 0;
    return isNothing ? null : log;
  } catch (error) {
    throw storeFailure(error);
  } finally {
    progress.clear();
  }
}

interface Parts extends Pick<VerifyReport, 'reels' | 'session' | 'log' | 'holds'> {
  readonly isForged: boolean;
}

function worstOf({ reels, session, log, holds, isForged }: Parts): Verdict {
  const ofReels =
    session === null
      ? reels.reduce<Verdict>((sum, reel) => worse(sum, reel.verdict), 'complete')
      : session.verdict;
  const others = [log?.verdict, holds?.verdict, isForged ? ('forged' as const) : undefined];
  return others.reduce<Verdict>((sum, one) => worse(sum, one ?? 'complete'), ofReels);
}

/** Every finding of a report: of its reels, of the log, of holds. */
export function findingsOf({ reels, log, holds }: VerifyReport): Finding[] {
  return [...reels.flatMap(({ findings }) => findings), ...(log?.findings ?? []), ...(holds?.findings ?? [])];
}
