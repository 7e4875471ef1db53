/**
 * Owns how trace and span ids derive from a reel, its sessions and its numbers, so that sending a segment
 * again yields the same spans. Knows no protobuf.
 */

/** Digits of a reel's first half; the rest of a session id after `-` is the session's number. */
const sessionPrefix = 17;
/**
 * Bits 63..62 of what is XORed into a span id: 10 a stretch's root, 01 a segment's header or seal, 00 a
 * record's seq.
 */
const rootBit = 0x80000000;
const segmentBit = 0x40000000;
const two32 = 2 ** 32;

/** The number in a session id, 0 when there is none. */
export function sessionNumber(session: string): number {
  const number = Number(session.slice(sessionPrefix));
  return Number.isSafeInteger(number) && number > 0 ? number : 0;
}

function xorHalf(out: Uint8Array, pos: number, reel: Uint8Array, high: number, low: number): void {
  for (let i = 0; i < 4; i++) {
    const shift = 24 - 8 * i;
    out[pos + i] = (reel[8 + i] as number) ^ (high >>> shift);
    out[pos + 4 + i] = (reel[12 + i] as number) ^ (low >>> shift);
  }
}

/**
 * 16 bytes: the reel's first half, then its second half XOR session number (high 32 bits) and stretch (low 32
 * bits).
 */
export function putTraceId(
  out: Uint8Array,
  pos: number,
  reel: Uint8Array,
  session: number,
  stretch: number,
): void {
  out.set(reel.subarray(0, 8), pos);
  xorHalf(out, pos + 8, reel, session, stretch);
}

/** 8 bytes: the reel's second half XOR seq. */
export function putSpanId(out: Uint8Array, pos: number, reel: Uint8Array, seq: number): void {
  xorHalf(out, pos, reel, Math.floor(seq / two32), seq % two32);
}

/** 8 bytes: the reel's second half XOR (2^63 | session number * 2^31 | stretch). */
export function putRootId(
  out: Uint8Array,
  pos: number,
  reel: Uint8Array,
  session: number,
  stretch: number,
): void {
  xorHalf(out, pos, reel, (rootBit | (session >>> 1)) >>> 0, ((session & 1) << 31) | (stretch & 0x7fffffff));
}

/** 8 bytes: the reel's second half XOR (2^62 | segment * 2 | 0 for the header, 1 for the seal). */
export function putSegmentSpanId(
  out: Uint8Array,
  pos: number,
  reel: Uint8Array,
  segment: number,
  seal: 0 | 1,
): void {
  const doubled = segment * 2 + seal;
  xorHalf(out, pos, reel, (segmentBit | Math.floor(doubled / two32)) >>> 0, doubled % two32);
}

/** Trace id, 32 hex digits, of a session's stretch 1, 2, 3 ... */
export function traceIdOf(reel: string, session: string, stretch: number | string): string {
  const out = Buffer.alloc(16);
  putTraceId(out, 0, Buffer.from(reel, 'hex'), sessionNumber(session), Number(stretch));
  return out.toString('hex');
}

/** Span id, 16 hex digits, of the record with this seq. */
export function spanIdOf(reel: string, seq: number): string {
  const out = Buffer.alloc(8);
  putSpanId(out, 0, Buffer.from(reel, 'hex'), seq);
  return out.toString('hex');
}

/** Span id, 16 hex digits, of the root span of a session's stretch. */
export function rootSpanIdOf(reel: string, session: string, stretch: number): string {
  const out = Buffer.alloc(8);
  putRootId(out, 0, Buffer.from(reel, 'hex'), sessionNumber(session), stretch);
  return out.toString('hex');
}
