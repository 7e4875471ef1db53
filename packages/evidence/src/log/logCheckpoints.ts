/** The log's checkpoints: which is believed, which of the older ones, and the one an auditor remembers. Knows no tiles. */
import {
  type Checkpoint,
  checkByPolicy,
  ED25519,
  NO_QUORUM,
  openCheckpoint,
  type Policy,
  parseCheckpoint,
  parseVkey,
  sameKey,
  type VerifierKey,
} from '@pgtape/tlog';
import type { Findings } from '../findings.ts';
import { checkpointKeyOf, type LogHead, type LogReads, logPaths } from './logReads.ts';
import type { LogVerdict } from './logVerdict.ts';

export interface AuditorTrust {
  /** Logs, witnesses, quorum. */
  readonly policy?: Policy;
  readonly logKeys?: readonly VerifierKey[];
  /** A checkpoint seen earlier, bytes as published. */
  readonly remembered?: Uint8Array;
}

export interface SignedCheckpoint {
  /** Of the object; the auditor's own has a name instead. */
  readonly key: string;
  readonly checkpoint: Checkpoint;
  readonly signedBy: readonly VerifierKey[];
}

export interface Checkpoints {
  /** The largest that is believed: what everything is held against. */
  readonly head: SignedCheckpoint;
  /** All whose root must come out, rising; the head and the remembered one are among them. */
  readonly all: readonly SignedCheckpoint[];
  readonly keyFrom: LogVerdict['keyFrom'];
  readonly cosigned: LogVerdict['cosigned'];
  readonly remembered: number | null;
}

/** The name of the auditor's own checkpoint in findings. */
export const rememberedName = 'remembered checkpoint';
const readsAtOnce = 16;

/** null, with a finding, where there is nothing to hold the archive against. */
export async function readCheckpoints(
  reads: LogReads,
  head: LogHead,
  trust: AuditorTrust,
  findings: Findings,
): Promise<Checkpoints | null> {
  const own = await ownKeys(reads);
  const given = trust.policy?.logs.map(({ key }) => key) ?? trust.logKeys;
  const keys = given ?? own;
  const forged = (key: string, reason: string, detail: string): null => {
    findings.add('forged', key, reason, detail);
    return null;
  };
  if (keys.length === 0) return forged(logPaths.vkey, 'log_missing', 'no key of the log is given or stored');
  // A copy of an older checkpoint may be signed by a key that was rotated since; its root must come out all the same.
  const former = [...keys, ...own.filter((key) => !keys.some((known) => sameKey(known, key)))];
  const all: SignedCheckpoint[] = [];
  for (let at = 0; at < head.sizes.length; at += readsAtOnce) {
    const some = head.sizes.slice(at, at + readsAtOnce).map(checkpointKeyOf);
    const bytes = await Promise.all(some.map((key) => reads.get(key)));
    for (const [i, key] of some.entries()) {
      const opened = open(key, bytes[i]!, former, findings);
      if (opened === null) continue;
      if (opened.checkpoint.size === head.sizes[at + i]) all.push(opened);
      else forged(key, 'checkpoint_invalid', `is of ${opened.checkpoint.size} leaves`);
    }
  }
  const current =
    head.current === null
      ? forged(logPaths.checkpoint, 'log_missing', 'the log has no published checkpoint')
      : open(logPaths.checkpoint, head.current, keys, findings);
  if (current !== null) {
    all.push(current);
    const { size } = current.checkpoint;
    // One that was published after the copies were listed.
    if (!head.sizes.includes(size) && !(await isThere(reads, checkpointKeyOf(size))))
      forged(checkpointKeyOf(size), 'checkpoint_missing', 'of the published checkpoint there is no copy');
    judgeCurrent(current, head.sizes, findings);
  }
  const remembered =
    trust.remembered === undefined ? null : open(rememberedName, trust.remembered, former, findings);
  if (remembered !== null) all.push(remembered);
  all.sort((a, b) => a.checkpoint.size - b.checkpoint.size);
  const isBelieved = ({ key, signedBy }: SignedCheckpoint): boolean =>
    key !== rememberedName && signedBy.some((signer) => keys.some((known) => sameKey(known, signer)));
  const largest = all.filter(isBelieved).at(-1);
  if (largest === undefined) return null;
  if (remembered !== null && remembered.checkpoint.size > largest.checkpoint.size)
    forged(
      logPaths.checkpoint,
      'checkpoint_rolled_back',
      `the log has ${largest.checkpoint.size} leaves, the remembered checkpoint ${remembered.checkpoint.size}`,
    );
  return {
    head: largest,
    all: all.filter(({ checkpoint }) => checkpoint.size <= largest.checkpoint.size),
    keyFrom: given === undefined ? 'archive' : 'auditor',
    cosigned: cosignatures(head.current, trust.policy, findings),
    remembered: remembered?.checkpoint.size ?? null,
  };
}

async function isThere(reads: LogReads, key: string): Promise<boolean> {
  try {
    await reads.get(key);
    return true;
  } catch (error) {
    if ((error as { readonly code?: unknown }).code === 'STORE_NOT_FOUND') return false;
    throw error;
  }
}

/** What the archive says its log's keys are; nobody need believe it. */
async function ownKeys(reads: LogReads): Promise<VerifierKey[]> {
  const bytes = await reads.getLatest(logPaths.vkey);
  const lines = Buffer.from(bytes ?? [])
    .toString('utf8')
    .split('\n');
  return lines.flatMap((line) => {
    const parsed = parseVkey(line);
    return parsed.ok && parsed.value.type === ED25519 ? [parsed.value] : [];
  });
}

function open(
  key: string,
  bytes: Uint8Array,
  keys: readonly VerifierKey[],
  findings: Findings,
): SignedCheckpoint | null {
  const opening = openCheckpoint(bytes, keys);
  if (opening.ok) return { key, checkpoint: opening.checkpoint, signedBy: opening.signedBy };
  const isMalformed = !parseCheckpoint(bytes).ok;
  const reason = isMalformed ? 'checkpoint_invalid' : 'checkpoint_signature';
  findings.add('forged', key, reason, `${opening.reason} ${opening.detail}`.trim());
  return null;
}

/** The published one must be the newest copy, or the one before it while a new one is in the making. */
function judgeCurrent({ checkpoint }: SignedCheckpoint, sizes: readonly number[], findings: Findings): void {
  const { size } = checkpoint;
  const newer = sizes.filter((one) => one > size);
  const [next] = newer;
  if (next === undefined) return;
  const detail = `it has ${size} leaves, ${checkpointKeyOf(newer.at(-1)!)} was signed`;
  if (newer.length > 1) findings.add('forged', logPaths.checkpoint, 'checkpoint_rolled_back', detail);
  else
    findings.add(
      'open',
      logPaths.checkpoint,
      'checkpoint_pending',
      `${detail} and is not published, or no more`,
    );
}

function cosignatures(
  current: Uint8Array | null,
  policy: Policy | undefined,
  findings: Findings,
): LogVerdict['cosigned'] {
  if (policy === undefined || current === null) return [];
  const check = checkByPolicy(policy, current);
  if (check.ok) return check.cosigned;
  // What else is wrong with it was said when it was opened, but for a witness's signature.
  if (check.reason === 'quorum_missing')
    findings.add('gap', logPaths.checkpoint, 'quorum_missing', check.detail);
  else if (
    openCheckpoint(
      current,
      policy.logs.map(({ key }) => key),
    ).ok
  )
    findings.add(
      'forged',
      logPaths.checkpoint,
      'checkpoint_signature',
      `${check.reason} ${check.detail}`.trim(),
    );
  const partial = checkByPolicy({ ...policy, quorum: NO_QUORUM }, current);
  return partial.ok ? partial.cosigned : [];
}
