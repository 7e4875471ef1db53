/** A bundle's part of the log: its checkpoint by a policy, and entries by their proofs. Knows nothing of segments. */
import {
  checkByPolicy,
  leafHash,
  NO_QUORUM,
  type Policy,
  parsePolicy,
  parseTlogProof,
  type VerifierKey,
  verifyInclusion,
} from '@pgtape/tlog';
import { type Leaf, parseLeaf } from '../leaf.ts';
import type { BundleFindings } from './bundleFindings.ts';
import type { BundleVerdict } from './bundleVerdict.ts';
import { bundlePaths } from './manifest.ts';

/** What the auditor brings along; without either, the bundle's own policy is taken, and the verdict says so. */
export interface LogTrust {
  readonly policy?: Policy;
  readonly logKeys?: readonly VerifierKey[];
}

export class BundleLog {
  readonly #files: ReadonlyMap<string, Uint8Array>;
  readonly #findings: BundleFindings;
  readonly checked: NonNullable<BundleVerdict['log']>;
  readonly #checkpoint: Uint8Array;
  readonly #root: Uint8Array;

  private constructor(
    files: ReadonlyMap<string, Uint8Array>,
    findings: BundleFindings,
    checked: NonNullable<BundleVerdict['log']>,
    root: Uint8Array,
  ) {
    this.#files = files;
    this.#findings = findings;
    this.checked = checked;
    this.#checkpoint = files.get(bundlePaths.checkpoint)!;
    this.#root = root;
  }

  /** null, with a finding, when the checkpoint is not to be believed. */
  static open(
    files: ReadonlyMap<string, Uint8Array>,
    trust: LogTrust,
    findings: BundleFindings,
  ): BundleLog | null {
    const policy = policyOf(files, trust, findings);
    if (policy === null) return null;
    const check = checkByPolicy(policy, files.get(bundlePaths.checkpoint)!);
    if (!check.ok) {
      const reason =
        check.reason === 'quorum_missing'
          ? 'quorum_missing'
          : check.reason === 'malformed'
            ? 'checkpoint_invalid'
            : 'checkpoint_signature';
      return findings.forged(bundlePaths.checkpoint, reason, `${check.reason} ${check.detail}`.trim());
    }
    const { origin, size, root } = check.checkpoint;
    return new BundleLog(files, findings, { origin, size, cosigned: check.cosigned }, root);
  }

  /** The leaf, proven to be in the log; null, with a finding, otherwise. */
  entry(leafFile: string, proofFile: string): { readonly leaf: Leaf; readonly index: number } | null {
    const entry = this.#files.get(leafFile);
    const proofBytes = this.#files.get(proofFile);
    // Files that are missing are named by the manifest's own check.
    if (entry === undefined || proofBytes === undefined) return null;
    const proof = parseTlogProof(proofBytes);
    if (!proof.ok) return this.#findings.forged(proofFile, 'log_proof_invalid', proof.detail);
    const { index, hashes, checkpoint, extra } = proof.value;
    if (extra !== null || Buffer.compare(checkpoint, this.#checkpoint) !== 0)
      return this.#findings.forged(proofFile, 'log_proof_invalid', "not of the bundle's checkpoint");
    if (!verifyInclusion(leafHash(entry), index, this.checked.size, hashes, this.#root))
      return this.#findings.forged(proofFile, 'log_inclusion', `the entry is not leaf ${index} of the log`);
    const leaf = parseLeaf(entry);
    return typeof leaf === 'string' ? this.#findings.forged(leafFile, 'leaf_invalid', leaf) : { leaf, index };
  }
}

function policyOf(
  files: ReadonlyMap<string, Uint8Array>,
  { policy, logKeys }: LogTrust,
  findings: BundleFindings,
): Policy | null {
  if (policy !== undefined) return policy;
  if (logKeys !== undefined)
    return { logs: logKeys.map((key) => ({ key })), witnesses: [], groups: [], quorum: NO_QUORUM };
  const own = files.get(bundlePaths.policy);
  if (own === undefined) return null;
  const parsed = parsePolicy(own);
  return parsed.ok ? parsed.value : findings.forged(bundlePaths.policy, 'policy_invalid', parsed.detail);
}
