/**
 * Checkpoints (C2SP tlog-checkpoint): a note whose text is origin, size, root. Refuses to know where they are
 * kept or whether one follows from another.
 */
import { base64Bytes, base64Text } from './base64.ts';
import { decimal } from './decimal.ts';
import { hashBytes } from './hash.ts';
import { type NoteReason, type NoteSignature, parseNote, type SignedNote, verifyNote } from './note.ts';
import { malformed, type Parsed, parsed } from './parsed.ts';
import { ED25519, type VerifierKey } from './vkey.ts';

export interface Checkpoint {
  readonly origin: string;
  /** Leaves. */
  readonly size: number;
  /** 32 bytes. */
  readonly root: Uint8Array;
  /** Opaque further lines; pgtape writes none. */
  readonly extensions: readonly string[];
}

/** Why a checkpoint is not to be believed. */
export type CheckpointReason = NoteReason | 'malformed' | 'origin_mismatch';

export type CheckpointOpening =
  | {
      readonly ok: true;
      readonly checkpoint: Checkpoint;
      readonly note: SignedNote;
      /** The log's own keys that signed it. */
      readonly signedBy: readonly VerifierKey[];
      readonly unknown: readonly NoteSignature[];
    }
  | { readonly ok: false; readonly reason: CheckpointReason; readonly detail: string };

/** The note's text. */
export function checkpointBody({ origin, size, root, extensions }: Checkpoint): string {
  return [origin, String(size), base64Text(root), ...extensions].map((line) => `${line}\n`).join('');
}

/** Never throws. */
export function parseCheckpointBody(text: string): Parsed<Checkpoint> {
  if (!text.endsWith('\n')) return malformed('no newline at the end');
  const [origin, sizeText, rootText, ...extensions] = text.slice(0, -1).split('\n');
  if (origin === undefined || sizeText === undefined || rootText === undefined)
    return malformed('fewer than three lines');
  if (origin === '' || extensions.includes('')) return malformed('an empty line');
  const size = decimal(sizeText);
  if (size === null) return malformed('tree size');
  const root = base64Bytes(rootText);
  if (root === null || root.length !== hashBytes) return malformed('root hash');
  return parsed({ origin, size, root, extensions });
}

/** The checkpoint and its note, nothing verified. Never throws. */
export function parseCheckpoint(bytes: Uint8Array): Parsed<{ checkpoint: Checkpoint; note: SignedNote }> {
  const note = parseNote(bytes);
  if (!note.ok) return note;
  const checkpoint = parseCheckpointBody(note.value.text);
  if (!checkpoint.ok) return checkpoint;
  return parsed({ checkpoint: checkpoint.value, note: note.value });
}

/**
 * A checkpoint of the log with the given Ed25519 keys, each of which bears the log's origin as its name. Their
 * signatures must all verify, one must be there; other signatures are passed over.
 */
export function openCheckpoint(bytes: Uint8Array, keys: readonly VerifierKey[]): CheckpointOpening {
  const reading = parseCheckpoint(bytes);
  if (!reading.ok) return { ok: false, reason: 'malformed', detail: reading.detail };
  const { checkpoint, note } = reading.value;
  const own = keys.filter((key) => key.type === ED25519 && key.name === checkpoint.origin);
  if (own.length === 0) return { ok: false, reason: 'origin_mismatch', detail: 'no key is of its origin' };
  const check = verifyNote(note, own);
  if (!check.ok) return check;
  const signedBy = check.verified.map(({ key }) => key);
  return { ok: true, checkpoint, note, signedBy, unknown: check.unknown };
}
