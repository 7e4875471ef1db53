/**
 * Owns decoding the types of well-known extensions, found by the extension's and the type's name: their OIDs differ from database
 * to database. Source: `contrib/{hstore,citext,ltree,cube}`, pgvector's `src/{vector,halfvec,sparsevec}.c`, PostGIS's
 * `lwgeom_inout.c`.
 */
import type { Cursor } from '../cursor.ts';
import { float4Text, float8Text } from './float.ts';
import { hex, text, versionedText } from './scalar.ts';
import { isFull, quotedInner, refuse, type ValueDecoder } from './valueDecoder.ts';

/** `hstore_recv`, `hstore_out`: pairs as sent; the server would order them and drop repeated keys. */
const hstore: ValueDecoder = (cursor, context) => {
  const pairs = cursor.int32();
  // A pair takes at least its two lengths.
  if (pairs < 0 || pairs * 8 > cursor.rest) return refuse(cursor);
  let list = '';
  for (let i = 0; i < pairs && !cursor.failed; i += 1) {
    list += `${i === 0 ? '' : ', '}${quotedInner(cursor, cursor.int32(), text, context)}=>`;
    const length = cursor.int32();
    list += length === -1 ? 'NULL' : quotedInner(cursor, length, text, context);
    if (isFull(list, cursor, context)) break;
  }
  return list;
};

/** `CUBE_MAX_DIM`. */
const cubeDimensionsMax = 100;

/** `cube_recv`, `cube_out`: the highest bit says that the two corners are one. */
const cube: ValueDecoder = (cursor) => {
  const header = cursor.uint32();
  const dimensions = header & 0x7fff_ffff;
  if (dimensions > cubeDimensionsMax) return refuse(cursor);
  const low: number[] = [];
  for (let i = 0; i < dimensions; i += 1) low.push(cursor.float64());
  const high: number[] = [];
  if (header < 0x8000_0000) for (let i = 0; i < dimensions; i += 1) high.push(cursor.float64());
  const corner = (of: readonly number[]): string => `(${of.map(float8Text).join(', ')})`;
  return high.every((value, i) => value === low[i]) ? corner(low) : `${corner(low)},${corner(high)}`;
};

/** `VECTOR_MAX_DIM`, `HALFVEC_MAX_DIM`. */
const vectorDimensionsMax = 16_000;

function vectorDecoder(element: (cursor: Cursor) => number): ValueDecoder {
  return (cursor, context) => {
    const dimensions = cursor.int16();
    const unused = cursor.int16();
    if (dimensions < 1 || dimensions > vectorDimensionsMax || unused !== 0) return refuse(cursor);
    let list = '[';
    for (let i = 0; i < dimensions && !cursor.failed; i += 1) {
      const value = element(cursor);
      if (!Number.isFinite(value)) return refuse(cursor);
      list += `${i === 0 ? '' : ','}${float4Text(value)}`;
      if (isFull(list, cursor, context)) return list;
    }
    return `${list}]`;
  };
}

/** IEEE 754 binary16. */
function half(cursor: Cursor): number {
  const bits = cursor.uint16();
  const exponent = (bits >>> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  const sign = bits >= 0x8000 ? -1 : 1;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** `SPARSEVEC_MAX_DIM`, `SPARSEVEC_MAX_NNZ`. */
const sparseDimensionsMax = 1_000_000_000;
const sparseElementsMax = 16_000;

/** `sparsevec_recv`, `sparsevec_out`: places count from 0 on the wire and from 1 in print. */
const sparsevec: ValueDecoder = (cursor, context) => {
  const [dimensions, elements, unused] = [cursor.int32(), cursor.int32(), cursor.int32()];
  if (dimensions < 1 || dimensions > sparseDimensionsMax || unused !== 0) return refuse(cursor);
  if (elements < 0 || elements > sparseElementsMax || elements * 8 !== cursor.rest) return refuse(cursor);
  const places: number[] = [];
  for (let i = 0; i < elements; i += 1) {
    const place = cursor.int32();
    if (place <= (places[i - 1] ?? -1) || place >= dimensions) return refuse(cursor);
    places.push(place);
  }
  let list = '{';
  for (const [i, place] of places.entries()) {
    const value = cursor.float32();
    if (!Number.isFinite(value) || value === 0) return refuse(cursor);
    list += `${i === 0 ? '' : ','}${place + 1}:${float4Text(value)}`;
    if (isFull(list, cursor, context)) return list;
  }
  return `${list}}/${dimensions}`;
};

/** Byte order and type at least. */
const ewkbBytesMin = 5;

/** `LWGEOM_recv`, `LWGEOM_out`: EWKB in upper-case hex, in the byte order that was sent. What is in it is not looked at. */
const ewkb: ValueDecoder = (cursor, context) => {
  if (cursor.rest < ewkbBytesMin || cursor.bytes[cursor.position]! > 1) return refuse(cursor);
  const wanted = context.depth > 0 ? cursor.rest : Math.min(cursor.rest, (context.textBytesMax >> 1) + 1);
  const bytes = cursor.view(cursor.rest);
  return hex(bytes, 0, wanted).toUpperCase();
};

const decoders: Readonly<Record<string, ValueDecoder>> = {
  'hstore.hstore': hstore,
  'citext.citext': text,
  'ltree.ltree': versionedText,
  'ltree.lquery': versionedText,
  'ltree.ltxtquery': versionedText,
  'cube.cube': cube,
  'vector.vector': vectorDecoder((cursor) => cursor.float32()),
  'vector.halfvec': vectorDecoder(half),
  'vector.sparsevec': sparsevec,
  'postgis.geometry': ewkb,
  'postgis.geography': ewkb,
};

/** Undefined for a type whose binary format is not known here. */
export function extensionDecoder(extension: string, type: string): ValueDecoder | undefined {
  const name = `${extension}.${type}`;
  return Object.hasOwn(decoders, name) ? decoders[name] : undefined;
}
