/** Whether a policy believes a checkpoint, and a proof with it. Reads no files and no clock. */
import { type Checkpoint, type CheckpointReason, openCheckpoint } from './checkpoint.ts';
import { verifyInclusion } from './inclusion.ts';
import { verifyNote } from './note.ts';
import { NO_QUORUM, type Policy } from './policy.ts';
import type { TlogProof } from './tlogProof.ts';
import { COSIGNATURE_V1, type VerifierKey } from './vkey.ts';

export type PolicyReason = CheckpointReason | 'quorum_missing' | 'inclusion';

export interface Cosigned {
  /** As the policy calls the witness. */
  readonly name: string;
  /** POSIX seconds; the newest, when it cosigned more than once. */
  readonly time: number;
}

export type PolicyCheck =
  | {
      readonly ok: true;
      readonly checkpoint: Checkpoint;
      /** The policy's log keys that signed it. */
      readonly signedBy: readonly VerifierKey[];
      readonly cosigned: readonly Cosigned[];
    }
  | { readonly ok: false; readonly reason: PolicyReason; readonly detail: string };

/** Signed by one of the policy's logs, and cosigned by its quorum; a bad signature by any key of it refuses all. */
export function checkByPolicy(policy: Policy, checkpointBytes: Uint8Array): PolicyCheck {
  const logKeys = policy.logs.map(({ key }) => key);
  const opening = openCheckpoint(checkpointBytes, logKeys);
  if (!opening.ok) return opening;
  const witnessKeys = policy.witnesses.map(({ key }) => key).filter(({ type }) => type === COSIGNATURE_V1);
  const witnessing = verifyNote(opening.note, witnessKeys);
  if (!witnessing.ok && witnessing.reason !== 'no_known_signature') return witnessing;
  const cosigned = cosignedBy(policy, witnessing.ok ? witnessing.verified : []);
  const { checkpoint, signedBy } = opening;
  if (!isQuorum(policy, new Set(cosigned.map(({ name }) => name)))) {
    const detail = `${cosigned.length} of the policy's witnesses cosigned`;
    return { ok: false, reason: 'quorum_missing', detail };
  }
  return { ok: true, checkpoint, signedBy, cosigned };
}

/** As `checkByPolicy`, and the leaf is in the tree at the proof's index. */
export function checkProofByPolicy(policy: Policy, proof: TlogProof, leaf: Uint8Array): PolicyCheck {
  const check = checkByPolicy(policy, proof.checkpoint);
  if (!check.ok) return check;
  const { size, root } = check.checkpoint;
  if (verifyInclusion(leaf, proof.index, size, proof.hashes, root)) return check;
  return { ok: false, reason: 'inclusion', detail: `leaf ${proof.index} of ${size}` };
}

/** Whether the named witnesses make the policy's quorum. */
export function isQuorum(policy: Policy, witnesses: ReadonlySet<string>): boolean {
  if (policy.quorum === NO_QUORUM) return true;
  const met = new Set(policy.witnesses.map(({ name }) => name).filter((name) => witnesses.has(name)));
  // Groups name only what stands before them, so one pass decides them all.
  for (const { name, threshold, members } of policy.groups) {
    if (members.filter((member) => met.has(member)).length >= threshold) met.add(name);
  }
  return met.has(policy.quorum);
}

function cosignedBy(
  policy: Policy,
  verified: readonly { readonly key: VerifierKey; readonly time: number | null }[],
): Cosigned[] {
  return policy.witnesses.flatMap(({ name, key }) => {
    const times = verified.filter((one) => one.key === key).map(({ time }) => time ?? 0);
    return times.length === 0 ? [] : [{ name, time: Math.max(...times) }];
  });
}
