/**
 * Owns a snapshot's file as lines: written through one buffer of fixed size, compressed block by block once it is longer than that, ended
 * by a line with count and digest; read back a line at a time. Does not know what the lines say.
 */
import { constants } from 'node:buffer';
import { createHash } from 'node:crypto';
import { constants as zlib, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import type { SpoolDisk } from './spoolDisk.ts';

/** Whoever runs the recorder has to act: nothing is damaged, but a session's state is longer than one string can be. */
export class SnapshotTooLong extends Error {
  override readonly name = 'SnapshotTooLong';
  readonly code = 'SNAPSHOT_TOO_LONG';
}

/** The file is not what was written: torn, or changed since. */
export class SnapshotDamaged extends Error {
  override readonly name = 'SnapshotDamaged';
  readonly code = 'SNAPSHOT_DAMAGED';
}

/** A file that fits in one block is plain text; of a longer one each block is compressed: it has to fit beside the journal. */
const blockBytes = 1024 * 1024;
/** One for all: snapshots are written one after the other. */
const block = Buffer.allocUnsafeSlow(blockBytes);
const chunkChars = 64 * 1024;
/** A chunk of text in UTF-8, a newline and the end line. */
const roomBytes = 3 * chunkChars + 256;
/** Opens a compressed file; text begins with a brace. Then blocks: length (u32, little endian) and a zstd frame. */
const magic = Buffer.from('PGZ2');
const fast = { params: { [zlib.ZSTD_c_compressionLevel]: 1 } };
const newline = 0x0a;
const newlineBytes = Buffer.from('\n');
const endPrefix = '{"end":';
const endBytes = Buffer.from(endPrefix);

/** Longest line: V8 makes no longer string. */
export const lineBytesMax: number = constants.MAX_STRING_LENGTH;

/** Pieces of the file, each to be written before the next is taken. @throws SnapshotTooLong */
export function* encodeLines(lines: Iterable<string>, lineMax: number = lineBytesMax): Generator<Uint8Array> {
  const hash = createHash('sha256');
  let have = 0;
  let count = 0;
  let isLong = false;
  for (const line of lines) {
    let bytes = 0;
    for (let at = 0; at < line.length; ) {
      if (block.length - have < roomBytes) {
        hash.update(block.subarray(0, have));
        yield* compressed(have, !isLong);
        isLong = true;
        have = 0;
      }
      const end = chunkEnd(line, at);
      const written = block.write(line.slice(at, end), have);
      have += written;
      bytes += written;
      at = end;
    }
    if (bytes > lineMax) throw new SnapshotTooLong(`a line of a snapshot has ${bytes} bytes`);
    block[have] = newline;
    have += 1;
    count += 1;
  }
  hash.update(block.subarray(0, have));
  have += block.write(`${endPrefix}${JSON.stringify({ lines: count, sha256: hash.digest('hex') })}}\n`, have);
  if (isLong) yield* compressed(have, false);
  else yield block.subarray(0, have);
}

/** Where a chunk from `at` ends: never between the two halves of a character. */
function chunkEnd(line: string, at: number): number {
  const end = at + chunkChars;
  if (end >= line.length) return line.length;
  return (line.charCodeAt(end - 1) & 0xfc00) === 0xd800 ? end - 1 : end;
}

function* compressed(have: number, isFirst: boolean): Generator<Uint8Array> {
  if (isFirst) yield magic;
  const frame = zstdCompressSync(block.subarray(0, have), fast);
  const length = Buffer.allocUnsafe(4);
  length.writeUInt32LE(frame.length);
  yield length;
  yield frame;
}

/**
 * The lines of a file, without the end line. What was yielded counts for nothing when it throws.
 * @throws SnapshotDamaged, SnapshotTooLong, ErrnoException
 */
export function* decodeLines(disk: SpoolDisk, fd: number, lineMax: number = lineBytesMax): Generator<string> {
  const hash = createHash('sha256');
  let count = 0;
  let end: string | null = null;
  for (const line of linesOf(blocksOf(disk, fd), lineMax)) {
    if (end !== null) throw new SnapshotDamaged('something follows the end');
    if (line.subarray(0, endBytes.length).equals(endBytes)) {
      end = line.toString();
      continue;
    }
    hash.update(line).update(newlineBytes);
    count += 1;
    yield line.toString();
  }
  const expected = `${endPrefix}${JSON.stringify({ lines: count, sha256: hash.digest('hex') })}}`;
  if (end !== expected) throw new SnapshotDamaged('count or digest do not fit');
}

function* linesOf(blocks: Iterable<Buffer>, lineMax: number): Generator<Buffer> {
  let parts: Buffer[] = [];
  let bytes = 0;
  for (const one of blocks) {
    let at = 0;
    for (let next = one.indexOf(newline); next >= 0; next = one.indexOf(newline, at)) {
      parts.push(one.subarray(at, next));
      bytes += next - at;
      if (bytes > lineMax) throw new SnapshotTooLong(`a line of a snapshot has ${bytes} bytes`);
      yield parts.length === 1 ? parts[0]! : Buffer.concat(parts);
      parts = [];
      bytes = 0;
      at = next + 1;
    }
    if (at < one.length) parts.push(one.subarray(at));
    bytes += one.length - at;
    if (bytes > lineMax) throw new SnapshotTooLong(`a line of a snapshot has more than ${lineMax} bytes`);
  }
  if (bytes > 0) throw new SnapshotDamaged('it ends within a line');
}

function* blocksOf(disk: SpoolDisk, fd: number): Generator<Buffer> {
  const size = disk.size(fd);
  let at = 0;
  const take = (length: number): Buffer => {
    const bytes = Buffer.allocUnsafe(length);
    let have = 0;
    while (have < length) {
      const read = disk.read(fd, bytes, have, length - have, at + have);
      if (read === 0) throw new SnapshotDamaged('it ends within a block');
      have += read;
    }
    at += length;
    return bytes;
  };
  const isLong = size >= magic.length && take(magic.length).equals(magic);
  if (!isLong) at = 0;
  while (at < size) {
    if (!isLong) {
      yield take(Math.min(blockBytes, size - at));
      continue;
    }
    const length = size - at < 4 ? size : take(4).readUInt32LE();
    if (length > size - at || length > 2 * blockBytes) throw new SnapshotDamaged('it ends within a block');
    yield inflated(take(length));
  }
}

function inflated(frame: Buffer): Buffer {
  try {
    return zstdDecompressSync(frame, { maxOutputLength: blockBytes });
  } catch (error) {
    throw new SnapshotDamaged('a block does not decompress', { cause: error });
  }
}
