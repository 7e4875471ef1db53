/**
 * Verifier keys as text (C2SP signed-note, "vkey"): `name+hex(key id)+base64(type || public key)`. Refuses to
 * know what the keys vouch for.
 */
import { hash } from 'node:crypto';
import { base64Bytes, base64Text } from './base64.ts';
import { ed25519KeyBytes } from './ed25519.ts';
import { malformed, type Parsed, parsed } from './parsed.ts';

/** Signature types that this package verifies (C2SP signed-note); others are carried and never count. */
export const ED25519 = 0x01;
/** Timestamped Ed25519 cosignatures of witnesses (C2SP tlog-cosignature). */
export const COSIGNATURE_V1 = 0x04;

export interface VerifierKey {
  readonly name: string;
  /** uint32; with the name it says which key and algorithm made a signature. */
  readonly id: number;
  /** Signature type. */
  readonly type: number;
  /** As the type encodes it; 32 bytes for both types above. */
  readonly key: Uint8Array;
}

/** ECDSA ids are of the DER form, and 0xff stands for types without an id rule. */
const idsByOtherRules = new Set([0x02, 0xff]);
const notInNames = /[\p{White_Space}+\p{Cc}]/u;

/** Key names are not empty and hold no Unicode space and no plus; control characters fit no note. */
export function isKeyName(name: string): boolean {
  return name !== '' && name.isWellFormed() && !notInNames.test(name);
}

/** `SHA-256(name || 0x0A || type || key)[:4]` as uint32. */
export function keyIdOf(name: string, type: number, key: Uint8Array): number {
  const input = Buffer.concat([Buffer.from(`${name}\n`), Uint8Array.of(type), key]);
  return hash('sha256', input, 'buffer').readUInt32BE(0);
}

/** @throws RangeError when the name is not one */
export function verifierKey(name: string, type: number, key: Uint8Array): VerifierKey {
  if (!isKeyName(name)) throw new RangeError('a key name is not empty and has neither spaces nor "+"');
  return { name, id: keyIdOf(name, type, key), type, key };
}

export function formatVkey({ name, id, type, key }: VerifierKey): string {
  const encoded = base64Text(Buffer.concat([Uint8Array.of(type), key]));
  return `${name}+${id.toString(16).padStart(8, '0')}+${encoded}`;
}

/** Never throws. A type that is not known is no error: who verifies passes its signatures over. */
export function parseVkey(text: string): Parsed<VerifierKey> {
  const match = /^([^+]+)\+([0-9a-f]{8})\+(.+)$/s.exec(text);
  if (match === null) return malformed('not name+key id+key');
  const [, name = '', idText = '', encoded = ''] = match;
  if (!isKeyName(name)) return malformed('key name');
  const bytes = base64Bytes(encoded);
  if (bytes === null || bytes.length < 2) return malformed('base64 of the key');
  const type = bytes[0]!;
  const key = bytes.subarray(1);
  if ((type === ED25519 || type === COSIGNATURE_V1) && key.length !== ed25519KeyBytes)
    return malformed('length of the key');
  const id = Number.parseInt(idText, 16);
  if (!idsByOtherRules.has(type) && keyIdOf(name, type, key) !== id) return malformed('key id');
  return parsed({ name, id, type, key });
}

export function sameKey(a: VerifierKey, b: VerifierKey): boolean {
  return a.name === b.name && a.id === b.id && a.type === b.type && Buffer.compare(a.key, b.key) === 0;
}
