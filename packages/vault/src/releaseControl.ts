/**
 * Owns whether a hold may be released: the second person's signature, where one is asked for, and every reason
 * why not. Pure.
 */
import { type ReleaseRequest, type ReleaseSignature, verifyRelease } from '@pgtape/evidence';

/**
 * - `second_missing`: a second person has to sign, and nobody did;
 * - `second_same`: who asks and who signs are one person;
 * - `second_unknown`: nobody of that name is in `holds.signers`;
 * - `second_key`: signed with another key than the one registered for that name;
 * - `second_signature`: the signature is not over this release;
 * - `release_expired`: asked for longer ago than `holds.releaseHours`;
 * - `release_early`: asked for in the future.
 */
export type ReleaseProblem =
  | 'second_missing'
  | 'second_same'
  | 'second_unknown'
  | 'second_key'
  | 'second_signature'
  | 'release_expired'
  | 'release_early';

export interface SecondSigner {
  readonly name: string;
  /** Ed25519, 64 hex digits. */
  readonly publicKey: string;
}

export interface ReleaseRules {
  readonly signers: readonly SecondSigner[];
  /** How long after it was asked for a release may be done, ms. */
  readonly validMs: number;
}

/** What a second person's clock may be ahead of the vault's, ms. */
const aheadMsMax = 300_000;

/** Whether the signature of the second person counts; time is not looked at. null: it does. */
export function secondProblem(
  { signers }: Pick<ReleaseRules, 'signers'>,
  request: ReleaseRequest,
  second: ReleaseSignature | null,
): ReleaseProblem | null {
  if (second === null) return 'second_missing';
  if (second.who === request.who) return 'second_same';
  const registered = signers.filter(({ name }) => name === second.who);
  if (registered.length === 0) return 'second_unknown';
  if (!registered.some(({ publicKey }) => publicKey === second.key)) return 'second_key';
  return verifyRelease(request, second) ? null : 'second_signature';
}

/** Whether a release may be done now. null: it may. `second` counts only where one is asked for. */
export function releaseProblem(
  rules: ReleaseRules,
  request: ReleaseRequest,
  second: ReleaseSignature | null,
  nowMs: number,
): ReleaseProblem | null {
  const problem = secondProblem(rules, request, second);
  if (problem !== null) return problem;
  const askedMs = Number(BigInt(request.at) / 1_000_000n);
  if (askedMs > nowMs + aheadMsMax) return 'release_early';
  return nowMs - askedMs > rules.validMs ? 'release_expired' : null;
}
