/**
 * Tar files in the one form that bundles have (POSIX.1-1988 "ustar"): regular files, no owner, one time, names in byte
 * order, nothing behind the end. So the same files give the same bytes, and every byte that was changed is seen.
 */
import { EvidenceError } from '../evidenceError.ts';

const blockBytes = 512;
const nameBytesMax = 100;
/** What eleven octal digits count to. */
const bytesMax = 8 ** 11 - 1;
const name = /^(?:[A-Za-z0-9_-][A-Za-z0-9._-]*\/)*[A-Za-z0-9_-][A-Za-z0-9._-]*$/;

function isName(text: string): boolean {
  return text.length <= nameBytesMax && name.test(text);
}

function header(file: string, bytes: number, seconds: number): Buffer {
  const block = Buffer.alloc(blockBytes);
  const octal = (value: number, digits: number): string => `${value.toString(8).padStart(digits, '0')}\0`;
  block.write(file, 0, 'latin1');
  block.write(octal(0o644, 7), 100, 'latin1');
  block.write(octal(0, 7), 108, 'latin1');
  block.write(octal(0, 7), 116, 'latin1');
  block.write(octal(bytes, 11), 124, 'latin1');
  block.write(octal(seconds, 11), 136, 'latin1');
  block.write('        0', 148, 'latin1');
  block.write('ustar\x0000', 257, 'latin1');
  block.write(octal(0, 7), 329, 'latin1');
  block.write(octal(0, 7), 337, 'latin1');
  // The checksum is taken with eight spaces in its own place.
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}

function padding(bytes: number): number {
  return (blockBytes - (bytes % blockBytes)) % blockBytes;
}

/** `a` before `b` where its name is, byte by byte; names are ASCII. */
function byName([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : 1;
}

/**
 * The files as a tar, each with the time `seconds` (since 1970).
 * @throws RangeError for a name of more than 100 bytes, or of other characters than `A-Za-z0-9._-` and `/`
 */
export function tarOf(files: ReadonlyMap<string, Uint8Array>, seconds: number): Buffer {
  const parts: Uint8Array[] = [];
  for (const [file, bytes] of [...files].sort(byName)) {
    if (!isName(file)) throw new RangeError(`no name for a file in a bundle: ${JSON.stringify(file)}`);
    parts.push(header(file, bytes.length, seconds), bytes, Buffer.alloc(padding(bytes.length)));
  }
  return Buffer.concat([...parts, Buffer.alloc(2 * blockBytes)]);
}

/**
 * The files of a tar that `tarOf` wrote, in its order.
 * @throws EvidenceError `BUNDLE_TAR` for any other bytes
 */
export function filesOf(tar: Uint8Array): Map<string, Buffer> {
  const bytes = Buffer.from(tar.buffer, tar.byteOffset, tar.length);
  const files = new Map<string, Buffer>();
  let at = 0;
  let last = '';
  let seconds: number | null = null;
  while (bytes.length - at > 2 * blockBytes) {
    const block = bytes.subarray(at, at + blockBytes);
    const file = block.toString('latin1', 0, nameBytesMax).replace(/\0.*$/s, '');
    const length = octalAt(block, 124);
    seconds ??= octalAt(block, 136);
    if (!isName(file) || length > bytesMax || !block.equals(header(file, length, seconds)))
      throw damaged(`the entry at byte ${at}`);
    if (file <= last) throw damaged(`${file} stands behind ${last}`);
    const start = at + blockBytes;
    at = start + length + padding(length);
    if (at > bytes.length) throw damaged(`${file} is cut`);
    if (!isZero(bytes.subarray(start + length, at))) throw damaged(`what stands behind ${file}`);
    files.set(file, bytes.subarray(start, start + length));
    last = file;
  }
  const end = bytes.subarray(at);
  if (end.length !== 2 * blockBytes || !isZero(end)) throw damaged(`the end, from byte ${at}`);
  return files;
}

/** What no header has where the digits are not octal. */
function octalAt(block: Buffer, at: number): number {
  const digits = block.toString('latin1', at, at + 11);
  return /^[0-7]{11}$/.test(digits) ? Number.parseInt(digits, 8) : 0;
}

function isZero(bytes: Buffer): boolean {
  return bytes.every((byte) => byte === 0);
}

function damaged(what: string): EvidenceError {
  return new EvidenceError('BUNDLE_TAR', `not a bundle's tar file: ${what}`);
}
