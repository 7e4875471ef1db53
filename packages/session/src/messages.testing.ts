/** Bodies of messages for tests, encoded independently of @pgtape/wire. */
export const text = (value: string): Buffer => Buffer.from(`${value}\0`);

export function int16(...values: number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 2);
  for (const [place, value] of values.entries()) bytes.writeUInt16BE(value & 0xffff, place * 2);
  return bytes;
}

export function int32(...values: number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4);
  for (const [place, value] of values.entries()) bytes.writeUInt32BE(value >>> 0, place * 4);
  return bytes;
}

export type Value = string | null | Buffer;

export function valuesSection(values: readonly Value[], formats: readonly number[] = []): Buffer {
  const parts = [int16(formats.length, ...formats), int16(values.length)];
  for (const value of values) {
    if (value === null) parts.push(int32(-1));
    else parts.push(int32(Buffer.byteLength(value)), Buffer.from(value));
  }
  return Buffer.concat(parts);
}

export function bindBody(
  portal: string,
  statement: string,
  values: readonly Value[],
  formats: readonly number[] = [],
): Buffer {
  return Buffer.concat([text(portal), text(statement), valuesSection(values, formats), int16(0)]);
}

export function parseBody(name: string, sql: string, oids: readonly number[] = []): Buffer {
  return Buffer.concat([text(name), text(sql), int16(oids.length), int32(...oids)]);
}

export function errorBody(fields: Readonly<Record<string, string>>): Buffer {
  return Buffer.concat([...Object.entries(fields).map(([code, value]) => text(code + value)), Buffer.of(0)]);
}

export function startupBody(parameters: Readonly<Record<string, string>>, version = 3 << 16): Buffer {
  const pairs = Object.entries(parameters).flatMap(([name, value]) => [text(name), text(value)]);
  const body = Buffer.concat([int32(version), ...pairs, Buffer.of(0)]);
  return Buffer.concat([int32(body.length + 4), body]);
}
