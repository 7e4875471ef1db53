/**
 * Characters, mostly of several bytes, that PostgreSQL reads otherwise than the decoders of Node, as its own conversions were asked
 * (`charsetOracle.test.ts` asks them again, over the whole code space). Knows codes and code points, no text.
 */

/** Consecutive codes that are consecutive code points: the first of each, and how many. */
type Run = readonly [code: number, point: number, count: number];

const runs: Readonly<Record<string, readonly Run[]>> = {
  // Node's decoder has IBM's exchange of three control characters.
  SJIS: [
    [0x1a, 0x1a, 1],
    [0x1c, 0x1c, 1],
    [0x7f, 0x7f, 1],
  ],
  BIG5: [
    [0xa145, 0x2022, 1],
    [0xa14e, 0xff64, 1],
    [0xa15a, 0xfffd, 1],
    [0xa1c2, 0x203e, 1],
    [0xa1c3, 0xfffd, 1],
    [0xa1c5, 0xfffd, 1],
    [0xa1e3, 0x223c, 1],
    [0xa1f2, 0x2641, 1],
    [0xa1f3, 0x2609, 1],
    [0xa1fe, 0xfffd, 1],
    [0xa240, 0xfffd, 1],
    [0xa241, 0xff0f, 1],
    [0xa242, 0xff3c, 1],
    [0xa244, 0xa5, 1],
    [0xa246, 0xa2, 2],
    [0xa2cc, 0xfffd, 1],
    [0xa2ce, 0xfffd, 1],
    [0xc6a1, 0x30fe, 1],
    [0xc6a2, 0x309d, 2],
    [0xc6a4, 0x3005, 1],
    [0xc6a5, 0x3041, 83],
    [0xc6f8, 0x30a1, 7],
    [0xc740, 0x30a8, 63],
    [0xc7a1, 0x30e7, 16],
    [0xc7b1, 0x414, 2],
    [0xc7b3, 0x401, 1],
    [0xc7b4, 0x416, 7],
    [0xc7bb, 0x423, 19],
    [0xc7ce, 0x451, 1],
    [0xc7cf, 0x436, 26],
    [0xc7e9, 0x2460, 10],
    [0xc7f3, 0x2474, 10],
  ],
  EUC_CN: [
    [0xa1a4, 0x30fb, 1],
    [0xa1aa, 0x2015, 1],
  ],
  EUC_JP: [
    [0x8fa2c3, 0xffe4, 1],
    [0x8ff3f3, 0x2170, 10],
    [0x8ff3fd, 0x2160, 2],
    [0x8ff4a1, 0x2162, 8],
    [0x8ff4a9, 0xff07, 1],
    [0x8ff4aa, 0xff02, 1],
    [0x8ff4ab, 0x3231, 1],
    [0x8ff4ac, 0x2116, 1],
    [0x8ff4ad, 0x2121, 1],
    [0x8ff4ae, 0x70bb, 1],
    [0x8ff4af, 0x4efc, 1],
    [0x8ff4b0, 0x50f4, 1],
    [0x8ff4b1, 0x51ec, 1],
    [0x8ff4b2, 0x5307, 1],
    [0x8ff4b3, 0x5324, 1],
    [0x8ff4b4, 0xfa0e, 1],
    [0x8ff4b5, 0x548a, 1],
    [0x8ff4b6, 0x5759, 1],
    [0x8ff4b7, 0xfa0f, 2],
    [0x8ff4b9, 0x589e, 1],
    [0x8ff4ba, 0x5bec, 1],
    [0x8ff4bb, 0x5cf5, 1],
    [0x8ff4bc, 0x5d53, 1],
    [0x8ff4bd, 0xfa11, 1],
    [0x8ff4be, 0x5fb7, 1],
    [0x8ff4bf, 0x6085, 1],
    [0x8ff4c0, 0x6120, 1],
    [0x8ff4c1, 0x654e, 1],
    [0x8ff4c2, 0x663b, 1],
    [0x8ff4c3, 0x6665, 1],
    [0x8ff4c4, 0xfa12, 1],
    [0x8ff4c5, 0xf929, 1],
    [0x8ff4c6, 0x6801, 1],
    [0x8ff4c7, 0xfa13, 2],
    [0x8ff4c9, 0x6a6b, 1],
    [0x8ff4ca, 0x6ae2, 1],
    [0x8ff4cb, 0x6df8, 1],
    [0x8ff4cc, 0x6df2, 1],
    [0x8ff4cd, 0x7028, 1],
    [0x8ff4ce, 0xfa15, 2],
    [0x8ff4d0, 0x7501, 1],
    [0x8ff4d1, 0x7682, 1],
    [0x8ff4d2, 0x769e, 1],
    [0x8ff4d3, 0xfa17, 1],
    [0x8ff4d4, 0x7930, 1],
    [0x8ff4d5, 0xfa18, 4],
    [0x8ff4d9, 0x7ae7, 1],
    [0x8ff4da, 0xfa1c, 2],
    [0x8ff4dc, 0x7da0, 1],
    [0x8ff4dd, 0x7dd6, 1],
    [0x8ff4de, 0xfa1e, 1],
    [0x8ff4df, 0x8362, 1],
    [0x8ff4e0, 0xfa1f, 1],
    [0x8ff4e1, 0x85b0, 1],
    [0x8ff4e2, 0xfa20, 2],
    [0x8ff4e4, 0x8807, 1],
    [0x8ff4e5, 0xfa22, 1],
    [0x8ff4e6, 0x8b7f, 1],
    [0x8ff4e7, 0x8cf4, 1],
    [0x8ff4e8, 0x8d76, 1],
    [0x8ff4e9, 0xfa23, 3],
    [0x8ff4ec, 0x90de, 1],
    [0x8ff4ed, 0xfa26, 1],
    [0x8ff4ee, 0x9115, 1],
    [0x8ff4ef, 0xfa27, 2],
    [0x8ff4f1, 0x9592, 1],
    [0x8ff4f2, 0xf9dc, 1],
    [0x8ff4f3, 0xfa29, 1],
    [0x8ff4f4, 0x973b, 1],
    [0x8ff4f5, 0x974d, 1],
    [0x8ff4f6, 0x9751, 1],
    [0x8ff4f7, 0xfa2a, 3],
    [0x8ff4fa, 0x999e, 1],
    [0x8ff4fb, 0x9ad9, 1],
    [0x8ff4fc, 0x9b72, 1],
    [0x8ff4fd, 0xfa2d, 1],
    [0x8ff4fe, 0x9ed1, 1],
  ],
  EUC_KR: [
    [0xa2e6, 0x20ac, 1],
    [0xa2e7, 0xae, 1],
    [0xa2e8, 0x327e, 1],
  ],
  GB18030: [
    [0xa3a0, 0xe5e5, 1],
    [0xa6d9, 0xe78d, 7],
    [0xa6ec, 0xe794, 2],
    [0xa6f3, 0xe796, 1],
    [0xa8bc, 0xe7c7, 1],
    [0xfe59, 0xe81e, 1],
    [0xfe61, 0xe826, 1],
    [0xfe66, 0xe82b, 2],
    [0xfe6d, 0xe832, 1],
    [0xfe7e, 0xe843, 1],
    [0xfe90, 0xe854, 1],
    [0xfea0, 0xe864, 1],
    [0x8135f437, 0x1e3f, 1],
  ],
};

/** What Unified Hangul Code adds to EUC-KR, which is all that Node's decoder reads: the other syllables, in their order in Unicode. */
function hangul(into: Map<number, string>): void {
  const decoder = new TextDecoder('euc-kr');
  const first = 0xac00;
  const last = 0xd7a3;
  const inOld = new Set<string>();
  for (let lead = 0xb0; lead <= 0xc8; lead += 1)
    for (let trail = 0xa1; trail <= 0xfe; trail += 1) inOld.add(decoder.decode(Uint8Array.of(lead, trail)));
  let lead = 0x81;
  let trail = 0x41;
  for (let point = first; point <= last; point += 1) {
    const syllable = String.fromCodePoint(point);
    if (inOld.has(syllable)) continue;
    into.set(lead * 256 + trail, syllable);
    if (trail === 0x5a) trail = 0x61;
    else if (trail === 0x7a) trail = 0x81;
    else if (trail === (lead <= 0xa0 ? 0xfe : 0xa0)) {
      lead += 1;
      trail = 0x41;
    } else trail += 1;
  }
}

function made(name: string): ReadonlyMap<number, string> | null {
  const list = runs[name === 'UHC' ? 'EUC_KR' : name];
  if (list === undefined) return null;
  const map = new Map<number, string>();
  for (const [code, point, count] of list)
    for (let place = 0; place < count; place += 1) map.set(code + place, String.fromCodePoint(point + place));
  if (name === 'UHC') hangul(map);
  return map;
}

const known = new Map<string, ReadonlyMap<number, string> | null>();

/** Characters by their code (its bytes, the first in the highest place) that Node reads otherwise; null where there are none. */
export function charactersApart(name: string): ReadonlyMap<number, string> | null {
  let found = known.get(name);
  if (found === undefined) {
    found = Object.hasOwn(runs, name) || name === 'UHC' ? made(name) : null;
    known.set(name, found);
  }
  return found;
}
