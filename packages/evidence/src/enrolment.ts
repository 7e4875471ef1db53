/**
 * How a recorder proves at the vault that a reel's keys are its own: an HMAC under a secret both know, sent as
 * gRPC metadata with the reel's first segment. docs/formats/keys.md has it in words. Reads no files.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';

/** Name of the metadata. */
export const enrolmentMetadata = 'pgtape-enrolment';
const context = 'pgtape-enrolment-v1';
/** Shorter ones can be guessed from one proof. */
export const ENROLMENT_SECRET_BYTES_MIN = 16;
/** Names of enrolment secrets: they stand in a header and in records. */
export const enrolmentNamePattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

/** What is proven to belong together; hex as in the first segment's header. */
export interface EnrolledKeys {
  readonly reel: string;
  readonly recorder: string;
  readonly key: string;
  readonly recovery_key: string;
}

export interface EnrolmentSecret {
  readonly name: string;
  readonly secret: string;
}

/** The metadata's value: `v1 <name> <64 hex digits>`. */
export function enrolmentProof({ name, secret }: EnrolmentSecret, keys: EnrolledKeys): string {
  return `v1 ${name} ${macOf({ name, secret }, keys).toString('hex')}`;
}

/** The name it claims; null when it is not written as one is. */
export function enrolmentNameOf(proof: string): string | null {
  return split(proof)?.name ?? null;
}

/** Whether one of the secrets of the name it claims made the proof. Never throws, whatever the text. */
export function checkEnrolment(
  proof: string,
  keys: EnrolledKeys,
  secrets: readonly EnrolmentSecret[],
): boolean {
  const claim = split(proof);
  if (claim === null) return false;
  return secrets.some(
    (known) =>
      known.name === claim.name && timingSafeEqual(macOf(known, keys), Buffer.from(claim.mac, 'hex')),
  );
}

function split(proof: string): { readonly name: string; readonly mac: string } | null {
  const [version, name = '', mac = '', ...rest] = proof.split(' ');
  const isWhole = version === 'v1' && rest.length === 0 && /^[0-9a-f]{64}$/.test(mac);
  return isWhole && enrolmentNamePattern.test(name) ? { name, mac } : null;
}

/** HMAC-SHA256 (RFC 2104) over six lines. */
function macOf({ name, secret }: EnrolmentSecret, keys: EnrolledKeys): Buffer {
  const lines = [context, name, keys.reel, keys.recorder, keys.key, keys.recovery_key];
  return createHmac('sha256', secret).update(lines.join('\n')).digest();
}
