/**
 * Owns decoding network addresses. Source: `network_recv` of `network.c`, `macaddr_recv`, `macaddr8_recv`,
 * `inet_net_ntop.c`.
 */
import { hex } from './scalar.ts';
import { refuse, type ValueDecoder } from './valueDecoder.ts';

/** `PGSQL_AF_INET`, `PGSQL_AF_INET6`. */
const family4 = 2;
const family6 = 3;

/** Start and length of the longest run of zero words, at least two long; the first of equals. */
function longestZeros(words: readonly number[]): { readonly start: number; readonly length: number } {
  let best = { start: -1, length: 1 };
  for (let start = 0; start < words.length; start += 1) {
    let length = 0;
    while (words[start + length] === 0) length += 1;
    if (length > best.length) best = { start, length };
    start += length;
  }
  return best;
}

function address6(bytes: Uint8Array): string {
  const words: number[] = [];
  for (let i = 0; i < 16; i += 2) words.push((bytes[i]! << 8) | bytes[i + 1]!);
  const zeros = longestZeros(words);
  const embedded = zeros.start === 0 && (zeros.length === 6 || (zeros.length === 5 && words[5] === 0xffff));
  const last = embedded ? 6 : 8;
  let text = '';
  for (let i = 0; i < last; i += 1) {
    if (i >= zeros.start && i < zeros.start + zeros.length && zeros.start >= 0) {
      if (i === zeros.start) text += ':';
      continue;
    }
    if (i > 0) text += ':';
    text += words[i]!.toString(16);
  }
  if (embedded) return `${text}:${bytes.subarray(12).join('.')}`;
  return zeros.start >= 0 && zeros.start + zeros.length === 8 ? `${text}:` : text;
}

/** A cidr has no bits set right of its mask. */
function isNetwork(bytes: Uint8Array, bits: number): boolean {
  for (let i = bits; i < 8 * bytes.length; i += 1) {
    if (((bytes[i >> 3]! >> (7 - (i & 7))) & 1) === 1) return false;
  }
  return true;
}

function networkDecoder(isCidr: boolean): ValueDecoder {
  return (cursor) => {
    const family = cursor.uint8();
    const bits = cursor.uint8();
    cursor.uint8();
    const length = cursor.uint8();
    const expected = family === family4 ? 4 : family === family6 ? 16 : -1;
    if (length !== expected || bits > 8 * length) return refuse(cursor);
    const bytes = cursor.view(length);
    if (cursor.failed || (isCidr && !isNetwork(bytes, bits))) return refuse(cursor);
    const text = family === family4 ? bytes.join('.') : address6(bytes);
    return isCidr || bits !== 8 * length ? `${text}/${bits}` : text;
  };
}

export const inet = networkDecoder(false);
export const cidr = networkDecoder(true);

function colons(bytes: Uint8Array): string {
  return hex(bytes).replace(/..(?=.)/g, '$&:');
}

export const macaddr: ValueDecoder = (cursor) => colons(cursor.view(6));

/** Six bytes are an EUI-48, printed with `ff:fe` in the middle. */
export const macaddr8: ValueDecoder = (cursor) => {
  if (cursor.rest !== 6) return colons(cursor.view(8));
  const head = colons(cursor.view(3));
  return `${head}:ff:fe:${colons(cursor.view(3))}`;
};
