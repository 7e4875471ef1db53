/**
 * Owns the protobuf of one attribute: KeyValue{key=1, value=2 AnyValue} as field 9 of a span (common.proto,
 * trace.proto). Knows no attribute's meaning.
 */
import { type ProtoWriter, paddedMax } from './protoWriter.ts';

const key = { attribute: 0x4a, key: 0x0a, value: 0x12 } as const;
const any = { string: 0x0a, bool: 0x10, int: 0x18, array: 0x2a } as const;
/** Keys and lengths around a value, and a varint: what an attribute takes beyond its name and text. */
export const attributeBytes = 32;

/**
 * An attribute's name, encoded once. `field` is the key of the field it stands in: 9 of a span, 1 of a
 * resource.
 */
export interface Name {
  readonly field: number;
  readonly bytes: Uint8Array;
}

export function nameOf(name: string, field: number = key.attribute): Name {
  const text = Buffer.from(name, 'utf8');
  if (text.length > 100) throw new RangeError(`attribute name too long: ${name}`);
  return { field, bytes: Buffer.concat([Buffer.from([key.key, text.length]), text]) };
}

/** A string attribute, its text cut at `bytesMax` bytes between characters. Reserves for itself. */
export function putString(out: ProtoWriter, name: Name, value: string, bytesMax = paddedMax): void {
  const bound = Math.min(value.length * 3, bytesMax);
  const nameBytes = name.bytes.length;
  out.reserve(bound + nameBytes + attributeBytes);
  if (bound + nameBytes + 8 > 0x7f) {
    const attribute = out.open(name.field);
    out.block(name.bytes);
    const inner = out.open(key.value);
    out.string(any.string, value, bytesMax);
    out.close(inner);
    out.close(attribute);
    return;
  }
  const { buf, pos } = out;
  buf[pos] = name.field;
  out.pos = pos + 2;
  out.block(name.bytes);
  const inner = out.pos;
  out.pos = inner + 4;
  out.text(value, bytesMax);
  const bytes = out.pos - inner - 4;
  buf[inner] = key.value;
  buf[inner + 1] = bytes + 2;
  buf[inner + 2] = any.string;
  buf[inner + 3] = bytes;
  buf[pos + 1] = nameBytes + 4 + bytes;
}

function putScalar(out: ProtoWriter, name: Name, kind: number, value: number): void {
  const nameBytes = name.bytes.length;
  out.reserve(nameBytes + attributeBytes);
  const { buf, pos } = out;
  buf[pos] = name.field;
  out.pos = pos + 2;
  out.block(name.bytes);
  const inner = out.pos;
  out.pos = inner + 3;
  out.varint(value);
  buf[inner] = key.value;
  buf[inner + 1] = out.pos - inner - 2;
  buf[inner + 2] = kind;
  buf[pos + 1] = out.pos - pos - 2;
}

/** A whole number from 0 to 2^53. */
export function putInt(out: ProtoWriter, name: Name, value: number): void {
  putScalar(out, name, any.int, value);
}

export function putBool(out: ProtoWriter, name: Name, value: boolean): void {
  putScalar(out, name, any.bool, value ? 1 : 0);
}

export function putStrings(out: ProtoWriter, name: Name, values: readonly string[]): void {
  out.reserve(name.bytes.length + attributeBytes);
  const attribute = out.open(name.field);
  out.block(name.bytes);
  const inner = out.open(key.value);
  const array = out.open(any.array);
  for (const value of values) {
    out.reserve(value.length * 3 + attributeBytes);
    const element = out.open(key.key);
    out.string(any.string, value, paddedMax);
    out.close(element);
  }
  out.close(array);
  out.close(inner);
  out.close(attribute);
}
