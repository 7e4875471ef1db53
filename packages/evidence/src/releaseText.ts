/**
 * What a second person signs when a legal hold is to be released: its exact bytes, and how they are checked.
 * Pure; it knows neither holds nor who may release them.
 */
import { z } from 'zod';
import { hex, nanoseconds } from './fields.ts';
import { verifySignature } from './signer.ts';

const context = 'pgtape-release-v1';

/** One line: what is signed has a line for each field, and no field may end its own. */
export const oneLine = (unitsMax: number) =>
  z
    .string()
    .min(1)
    .max(unitsMax)
    .refine((text) => text.isWellFormed() && !/[\p{Cc}\p{Zl}\p{Zp}]/u.test(text), {
      message: 'must be one line without control characters',
    });

export const HoldId = hex(16).describe('Random id of the hold.');
export const RELEASE_REASON_MAX = 1000;
export const CALLER_NAME_MAX = 200;

export const ReleaseRequest = z.strictObject({
  hold: HoldId,
  reason: oneLine(RELEASE_REASON_MAX).describe('Why it may be released.'),
  who: oneLine(CALLER_NAME_MAX).describe('Who asks for it, by name in the configuration of the vault.'),
  at: nanoseconds.describe('When it was asked for, wall ns since 1970.'),
});
export type ReleaseRequest = z.infer<typeof ReleaseRequest>;

export const ReleaseSignature = z.strictObject({
  who: z
    .string()
    .regex(/^\S{1,200}$/)
    .describe('The second person, by name in the configuration of the vault.'),
  key: hex(32).describe('Ed25519 public key.'),
  sig: hex(64).describe('Over the release text.'),
});
export type ReleaseSignature = z.infer<typeof ReleaseSignature>;

/** The bytes that are signed: `pgtape-release-v1`, hold, reason, who and time, each ended by a newline. */
export function releaseText({ hold, reason, who, at }: ReleaseRequest): string {
  return `${[context, hold, reason, who, at].join('\n')}\n`;
}

/** null for anything `releaseText` would not write. */
export function parseReleaseText(text: string): ReleaseRequest | null {
  const [, hold, reason, who, at] = text.split('\n');
  const parsed = ReleaseRequest.safeParse({ hold, reason, who, at });
  return parsed.success && releaseText(parsed.data) === text ? parsed.data : null;
}

export function verifyRelease(request: ReleaseRequest, { key, sig }: ReleaseSignature): boolean {
  return verifySignature(key, Buffer.from(releaseText(request)), Buffer.from(sig, 'hex'));
}

export interface SignedRelease {
  readonly request: ReleaseRequest;
  readonly second: ReleaseSignature;
}

/** The text, an empty line, and `second <name> <public key> <signature>`: what the second person gives back. */
export function signedReleaseText({ request, second }: SignedRelease): string {
  return `${releaseText(request)}\nsecond ${second.who} ${second.key} ${second.sig}\n`;
}

/** null for anything `signedReleaseText` would not write; the signature is not checked. */
export function parseSignedRelease(text: string): SignedRelease | null {
  const border = text.indexOf('\n\n');
  const request = parseReleaseText(text.slice(0, border + 1));
  const [word, who, key, sig] = text.slice(border + 2).split(/[ \n]/);
  const second = ReleaseSignature.safeParse({ who, key, sig });
  if (request === null || !second.success || word !== 'second') return null;
  const signed = { request, second: second.data };
  return signedReleaseText(signed) === text ? signed : null;
}
