/**
 * Ed25519 cosignatures of checkpoints (C2SP tlog-cosignature, type 0x04). Knows no clock: the time is passed
 * in.
 */
import { ed25519SignatureBytes, verifyEd25519 } from './ed25519.ts';

const timeBytes = 8;

/** What a witness signs: two lines and the whole checkpoint body. `time` in POSIX seconds. */
export function cosignedMessage(body: string, time: number): Uint8Array {
  return Buffer.from(`cosignature/v1\ntime ${time}\n${body}`);
}

/** The `timestamped_signature`: u64 big-endian time, then 64 bytes of signature. */
export function cosignatureBytes(time: number, signature: Uint8Array): Uint8Array {
  const bytes = Buffer.alloc(timeBytes + signature.length);
  bytes.writeBigUInt64BE(BigInt(time), 0);
  bytes.set(signature, timeBytes);
  return bytes;
}

/** POSIX seconds; null when the bytes are no cosignature, or its time is beyond 2^53. */
export function cosignatureTime(bytes: Uint8Array): number | null {
  if (bytes.length !== timeBytes + ed25519SignatureBytes) return null;
  const time = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0);
  return time <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(time) : null;
}

/** Whether `bytes` cosign the checkpoint `body` by the raw key. Never throws. */
export function verifyCosignature(body: string, bytes: Uint8Array, key: Uint8Array): boolean {
  const time = cosignatureTime(bytes);
  return time !== null && verifyEd25519(key, cosignedMessage(body, time), bytes.subarray(timeBytes));
}
