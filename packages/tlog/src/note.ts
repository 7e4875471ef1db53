/**
 * Signed notes (C2SP signed-note): text, a blank line, signature lines. Keeps every signature line, also of
 * keys it does not know; refuses to know what the text says.
 */
import { base64Bytes, base64Text } from './base64.ts';
import { cosignatureTime, verifyCosignature } from './cosignature.ts';
import { verifyEd25519 } from './ed25519.ts';
import { malformed, type Parsed, parsed } from './parsed.ts';
import { COSIGNATURE_V1, ED25519, isKeyName, type VerifierKey } from './vkey.ts';

/** What Go's sumdb/note bounds a note with. */
export const NOTE_BYTES_MAX = 1_000_000;
export const NOTE_SIGNATURES_MAX = 100;

export interface NoteSignature {
  readonly name: string;
  /** uint32. */
  readonly id: number;
  /** Behind the id. */
  readonly signature: Uint8Array;
}

export interface SignedNote {
  /** Ends with a newline; the blank line is not part of it. */
  readonly text: string;
  readonly signatures: readonly NoteSignature[];
}

export interface VerifiedSignature {
  readonly key: VerifierKey;
  /** POSIX seconds, of a cosignature; null of any other signature. */
  readonly time: number | null;
}

/** Why a note is not to be believed. */
export type NoteReason = 'signature_invalid' | 'no_known_signature' | 'ambiguous_key';

export type NoteCheck =
  | {
      readonly ok: true;
      readonly verified: readonly VerifiedSignature[];
      readonly unknown: readonly NoteSignature[];
    }
  | { readonly ok: false; readonly reason: NoteReason; readonly detail: string };

const dash = '\u2014';
/** Biome wants it escaped: every control character but newline. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
const controls = /[\u0000-\u0009\u000b-\u001f]/;
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** `— <name> base64(id || signature)`, newline included. */
export function signatureLine({ name, id, signature }: NoteSignature): string {
  const bytes = Buffer.alloc(4 + signature.length);
  bytes.writeUInt32BE(id, 0);
  bytes.set(signature, 4);
  return `${dash} ${name} ${base64Text(bytes)}\n`;
}

export function formatNote({ text, signatures }: SignedNote): string {
  return `${text}\n${signatures.map(signatureLine).join('')}`;
}

/** Never throws. */
export function parseNote(bytes: Uint8Array): Parsed<SignedNote> {
  if (bytes.length > NOTE_BYTES_MAX) return malformed(`more than ${NOTE_BYTES_MAX} bytes`);
  let note: string;
  try {
    note = utf8.decode(bytes);
  } catch {
    return malformed('not UTF-8');
  }
  if (controls.test(note)) return malformed('a control character');
  // The separator is the last empty line; the text keeps its own newline.
  const split = note.lastIndexOf('\n\n');
  if (split < 0) return malformed('no blank line before the signatures');
  const signatures = parseSignatureLines(note.slice(split + 2));
  if (!signatures.ok) return signatures;
  return parsed({ text: note.slice(0, split + 1), signatures: signatures.value });
}

/** One or more signature lines, each with its newline. Never throws. */
export function parseSignatureLines(text: string): Parsed<NoteSignature[]> {
  if (!text.endsWith('\n')) return malformed('the last signature line has no end');
  const lines = text.slice(0, -1).split('\n');
  if (lines.length > NOTE_SIGNATURES_MAX) return malformed(`more than ${NOTE_SIGNATURES_MAX} signatures`);
  const signatures: NoteSignature[] = [];
  for (const line of lines) {
    const match = /^\u2014 ([^ ]+) ([^ ]+)$/u.exec(line);
    const bytes = match === null ? null : base64Bytes(match[2]!);
    if (match === null || bytes === null || bytes.length < 5 || !isKeyName(match[1]!))
      return malformed(`signature line ${signatures.length + 1}`);
    const id = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0);
    signatures.push({ name: match[1]!, id, signature: bytes.subarray(4) });
  }
  return parsed(signatures);
}

/**
 * Signatures by `keys`, all of which must verify, and at least one must be there; signatures by keys that are
 * not known, or of a type that is not, are passed over and kept.
 */
export function verifyNote(note: SignedNote, keys: readonly VerifierKey[]): NoteCheck {
  const verified: VerifiedSignature[] = [];
  const unknown: NoteSignature[] = [];
  for (const signature of note.signatures) {
    const known = keys.filter(
      (key) => key.name === signature.name && key.id === signature.id && isSupported(key),
    );
    const [key] = known;
    if (key === undefined) {
      unknown.push(signature);
    } else if (known.some((other) => Buffer.compare(other.key, key.key) !== 0)) {
      return { ok: false, reason: 'ambiguous_key', detail: key.name };
    } else if (isSignedBy(note.text, signature, key)) {
      const time = key.type === COSIGNATURE_V1 ? cosignatureTime(signature.signature) : null;
      verified.push({ key, time });
    } else {
      return { ok: false, reason: 'signature_invalid', detail: key.name };
    }
  }
  if (verified.length === 0) return { ok: false, reason: 'no_known_signature', detail: '' };
  return { ok: true, verified, unknown };
}

function isSupported(key: VerifierKey): boolean {
  return key.type === ED25519 || key.type === COSIGNATURE_V1;
}

function isSignedBy(text: string, { signature }: NoteSignature, key: VerifierKey): boolean {
  return key.type === COSIGNATURE_V1
    ? verifyCosignature(text, signature, key.key)
    : verifyEd25519(key.key, Buffer.from(text), signature);
}
