/** Makes an evidence bundle out of an archive: checks what is shown, gathers its segments, seals and log entries. */
import {
  type BundlePlan,
  type BundleReel,
  type BundleSegment,
  checkBundle,
  checkSegment,
  decodeObject,
  EvidenceError,
  isRedactable,
  type Leaf,
  type LoggedEntry,
  makeBundle,
  type ParsedRecord,
  provenEntries,
  type Shown,
  type Signer,
} from '@pgtape/evidence';
import {
  formatPolicy,
  formatVkey,
  NO_QUORUM,
  openCheckpoint,
  parsePolicy,
  parseVkey,
  type VerifierKey,
} from '@pgtape/tlog';
import type { Archive, ReelKeys } from './archive.ts';
import { CommandError, exitCode, throwIfStopped } from './exitCode.ts';
import type { Exported } from './exportSelection.ts';
import { wallNs } from './format.ts';
import type { Io } from './io.ts';
import { judgedReels } from './judgedReels.ts';
import type { Paint } from './paint.ts';
import { readReels } from './reelPool.ts';
import type { Trust } from './verifyTrust.ts';
import { version } from './version.ts';

export interface ExportPlan {
  readonly exported: Exported;
  readonly trust: Trust;
  /** Ordinals to redact, of the one session that is exported. */
  readonly redacted: ReadonlySet<number>;
  readonly exporter: Signer | null;
  readonly checker: Uint8Array;
}

/** More seals than these make a bundle longer than its lines; the log then says that segments are of one reel. */
const sealsMax = 5000;

type Gathered = Omit<BundleSegment, 'leaf'>;

/**
 * The files of a bundle that passed its own check.
 * @throws CommandError `EVIDENCE_FORGED` where a session's evidence is, `LOG_DAMAGED`, `LOG_KEY`; Stopped
 */
export async function exportBundle(
  io: Io,
  archive: Archive,
  plan: ExportPlan,
  paint: Paint,
): Promise<Map<string, Uint8Array>> {
  const { exported, trust, exporter, checker } = plan;
  const wanted = [...new Set([...exported.sessions.values()].map(({ reel }) => reel))].sort((a, b) =>
    a.reel < b.reel ? -1 : 1,
  );
  const readings = await readReels(io, archive, wanted, { trustedKeys: trust.trustedKeys }, paint);
  const sessions = (await judgedReels(io, archive, wanted, readings, paint))
    .flatMap((judged) => judged.sessions)
    .filter(({ session }) => exported.sessions.has(session));
  const forged = sessions.find(({ verdict }) => verdict === 'forged');
  if (forged !== undefined || sessions.length < exported.sessions.size) throw unsound(forged?.session);
  const segments: Gathered[] = [];
  const reels = new Map<string, BundleReel>();
  for (const reel of wanted) {
    const gathered = await gather(io, archive, reel, plan);
    segments.push(...gathered.segments);
    reels.set(reel.reel, gathered.reel);
  }
  const log = await logOf(archive, plan, segments, reels);
  const bundle: BundlePlan = {
    at: wallNs(io.now()),
    by: `pgtape ${version}`,
    selection: exported.selection,
    sessions: [...exported.sessions].map(([session, { reel, ordinals }]) => ({
      session,
      reel: reel.reel,
      whole: ordinals === null,
    })),
    segments: segments.map((segment) => ({ ...segment, leaf: log?.entries.get(segment.key) ?? null })),
    reels: new Map(
      [...reels].map(([id, reel]) => [id, { ...reel, start: log?.entries.get(`start ${id}`) ?? null }]),
    ),
    log: log?.bundle ?? null,
    exporter,
    checker,
    report: { at: new Date(io.now()).toISOString(), by: `pgtape ${version}`, sessions },
  };
  const files = makeBundle(bundle);
  const check = checkBundle(files, trust.log);
  const [finding] = check.findings.filter(({ verdict }) => verdict === 'forged');
  if (check.verdict !== 'forged') return files;
  throw new CommandError(
    'EVIDENCE_FORGED',
    `the bundle does not pass its own check: ${finding?.artefact ?? ''} ${finding?.reason ?? ''}`,
    { exit: exitCode.found, advice: "'pgtape verify' says what is wrong with the archive." },
  );
}

function unsound(session: string | undefined): CommandError {
  const what = session === undefined ? 'a session' : `session ${session}`;
  return new CommandError('EVIDENCE_FORGED', `the evidence of ${what} is not sound, so it proves nothing`, {
    exit: exitCode.found,
    advice: "'pgtape verify' says what is wrong.",
  });
}

/** Whether a line is shown: of a session those that are wanted; of the reel the gaps that fell into a whole session. */
class LineChoice {
  readonly #plan: ExportPlan;
  /** Whole sessions that have begun and not ended. */
  readonly #open = new Set<string>();
  readonly #gaps = new Set<number>();

  constructor(plan: ExportPlan) {
    this.#plan = plan;
  }

  /** Takes the records of a reel in their order; true when any of these is shown. */
  observe(records: readonly ParsedRecord[]): boolean {
    for (const { session, kind, seq } of records) {
      if (session === undefined) {
        if (kind === 'gap' && this.#open.size > 0) this.#gaps.add(seq);
      } else if (this.#plan.exported.sessions.get(session)?.ordinals === null) {
        if (kind === 'closed') this.#open.delete(session);
        else this.#open.add(session);
      }
    }
    return records.some((record) => this.show(record) !== 'not');
  }

  show({ session, n, kind, seq }: ParsedRecord): Shown {
    if (session === undefined) return this.#gaps.has(seq) ? 'whole' : 'not';
    const { exported, redacted } = this.#plan;
    const wanted = exported.sessions.get(session);
    if (wanted === undefined || wanted.ordinals?.has(n!) === false) return 'not';
    return redacted.has(n!) && isRedactable(kind) ? 'redacted' : 'whole';
  }
}

async function gather(
  io: Io,
  archive: Archive,
  reel: ReelKeys,
  plan: ExportPlan,
): Promise<{ segments: Gathered[]; reel: BundleReel }> {
  const choice = new LineChoice(plan);
  const show = (record: ParsedRecord): Shown => choice.show(record);
  const segments: Gathered[] = [];
  const seals = new Map<number, Uint8Array>();
  const shown: number[] = [];
  let keys = { key: '', recoveryKey: '' };
  for (const key of reel.keys) {
    throwIfStopped(io);
    const text = readable(await archive.store.get(key));
    const check = text === null ? null : checkSegment(text);
    if (text === null || check === null || !check.ok) continue;
    const { header, seal, lines, records } = check;
    if (header.segment === 1) keys = { key: header.key, recoveryKey: header.recovery_key };
    else if (keys.recoveryKey === '') keys = { key: header.key, recoveryKey: header.recovery_key };
    seals.set(seal.segment, text.subarray(lines.at(-1)!.end + 1, text.length - 1));
    if (!choice.observe(records)) continue;
    shown.push(seal.segment);
    segments.push({ key, text, show });
  }
  const last = shown.at(-1) ?? 0;
  const chain = Array.from({ length: last }, (_, i) => seals.get(i + 1));
  const isChain = last <= sealsMax && chain.every((seal) => seal !== undefined);
  const kept = isChain ? (chain as Uint8Array[]) : shown.map((segment) => seals.get(segment)!);
  return { segments, reel: { seals: kept, isChain, ...keys, start: null } };
}

function readable(object: Uint8Array): Uint8Array | null {
  try {
    return decodeObject(object);
  } catch (error) {
    if (error instanceof EvidenceError) return null;
    throw error;
  }
}

interface LogPart {
  readonly bundle: NonNullable<BundlePlan['log']>;
  readonly entries: ReadonlyMap<string, LoggedEntry>;
}

/** The log's part; null where the archive has none. */
async function logOf(
  archive: Archive,
  { trust }: ExportPlan,
  segments: readonly Gathered[],
  reels: ReadonlyMap<string, BundleReel>,
): Promise<LogPart | null> {
  const checkpoint = archive.logHead?.current ?? null;
  if (checkpoint === null) return null;
  const keys = trust.log.policy?.logs.map(({ key }) => key) ?? trust.log.logKeys ?? (await ownKeys(archive));
  const opening = openCheckpoint(checkpoint, keys);
  if (!opening.ok) {
    throw new CommandError('LOG_KEY', `the log's checkpoint is not to be believed: ${opening.reason}`, {
      exit: exitCode.found,
      advice: "'pgtape verify' says what is wrong; --log-key or --policy names the log's key.",
    });
  }
  const { size, root } = opening.checkpoint;
  const objects = new Set(segments.map(({ key }) => key));
  const isWanted = (leaf: Leaf): string | null => {
    if (leaf.kind === 'segment') return objects.has(leaf.object) ? leaf.object : null;
    return reels.has(leaf.reel) ? `start ${leaf.reel}` : null;
  };
  const own = { witnesses: [], groups: [], quorum: NO_QUORUM };
  const policy = trust.policyFile ?? formatPolicy({ logs: opening.signedBy.map((key) => ({ key })), ...own });
  const parsed = parsePolicy(policy);
  try {
    return {
      bundle: {
        checkpoint,
        vkeys: parsed.ok ? parsed.value.logs.map(({ key }) => formatVkey(key)) : [],
        policy,
        hasWitnessPolicy: parsed.ok && parsed.value.quorum !== NO_QUORUM,
      },
      entries: await provenEntries(archive.store, size, root, isWanted),
    };
  } catch (error) {
    if (!(error instanceof EvidenceError)) throw error;
    throw new CommandError(error.code, error.message, { exit: exitCode.found, cause: error });
  }
}

async function ownKeys(archive: Archive): Promise<VerifierKey[]> {
  const bytes = await archive.store.getLatest('log/vkey');
  const lines = Buffer.from(bytes ?? [])
    .toString('utf8')
    .split('\n');
  return lines.flatMap((line) => {
    const key = parseVkey(line);
    return key.ok ? [key.value] : [];
  });
}
