/**
 * The bytes of a stored segment: lines joined, compressed, fingerprinted, and bounded when read back. Does
 * not look into the lines.
 */
import { hash } from 'node:crypto';
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { EvidenceError } from './evidenceError.ts';

/** Decompressed bytes a reader accepts unless told otherwise; a segment closes at 2 MiB plus one line. */
export const SEGMENT_BYTES_MAX = 64 * 1024 * 1024;
const newline = 0x0a;
/** A zstd skippable frame of 32 bytes (RFC 8878 3.1.2): every zstd reader passes over it. */
const trailerHead = Buffer.from('502a4d1820000000', 'hex');
const trailerBytes = trailerHead.length + 32;

/** A segment's text: lines joined by newlines, ending with one. */
export function joinLines(lines: readonly Uint8Array[]): Uint8Array {
  let bytes = lines.length;
  for (const line of lines) bytes += line.length;
  const text = Buffer.allocUnsafe(bytes);
  let pos = 0;
  for (const line of lines) {
    text.set(line, pos);
    pos += line.length;
    text[pos++] = newline;
  }
  return text;
}

/** Joins lines and makes the object: see `encodeText`. */
export function encodeObject(lines: readonly Uint8Array[]): Uint8Array {
  return encodeText(joinLines(lines));
}

/**
 * zstd level 3 with content size and checksum, then a skippable frame with the SHA-256 of all before it: two
 * compressed forms can mean one text (another offset to the same bytes), so without it not every changed byte
 * of an object would be seen.
 */
export function encodeText(text: Uint8Array): Uint8Array {
  const frame = zstdCompressSync(text, {
    params: {
      [constants.ZSTD_c_compressionLevel]: 3,
      [constants.ZSTD_c_checksumFlag]: 1,
    },
    pledgedSrcSize: text.length,
  });
  return Buffer.concat([frame, trailerHead, hash('sha256', frame, 'buffer')]);
}

/**
 * The lines of a stored segment, as joined.
 * @throws EvidenceError `OBJECT_TRAILER`, `OBJECT_COMPRESSION`, `OBJECT_TOO_LARGE`
 */
export function decodeObject(object: Uint8Array, maxBytes: number = SEGMENT_BYTES_MAX): Buffer {
  const bytes = Buffer.from(object.buffer, object.byteOffset, object.length);
  const frame = bytes.subarray(0, Math.max(0, bytes.length - trailerBytes));
  const trailer = bytes.subarray(frame.length);
  if (trailer.length !== trailerBytes || !trailer.subarray(0, trailerHead.length).equals(trailerHead)) {
    throw new EvidenceError('OBJECT_TRAILER', 'the object does not end with the frame that holds its hash');
  }
  if (!trailer.subarray(trailerHead.length).equals(hash('sha256', frame, 'buffer'))) {
    throw new EvidenceError('OBJECT_TRAILER', 'the object does not have the hash it ends with');
  }
  try {
    return zstdDecompressSync(frame, { maxOutputLength: maxBytes });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') {
      throw new EvidenceError('OBJECT_TOO_LARGE', `more than ${maxBytes} bytes of lines`, { cause });
    }
    throw new EvidenceError('OBJECT_COMPRESSION', 'not a whole zstd frame', { cause });
  }
}
