/**
 * What a recorder reads back of the segments that it wrote itself. Checks what it gives and nothing else, without the schemas: the
 * thread that writes evidence loads no schema library. Whoever reads other people's segments takes `checkSegment`.
 */
import type { EnrolledKeys } from './enrolment.ts';
import { FORMAT_VERSION } from './formatNumbers.ts';

/** Where a segment's chain goes on. */
export interface SealHead {
  readonly segment: number;
  readonly lastSeq: number;
}

type Fields = Readonly<Record<string, unknown>>;

const isNumber = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) > 0;

/** The line as an object, where it is one of that kind; null otherwise. */
function fieldsOf(line: Uint8Array, kind: 'header' | 'seal'): Fields | null {
  let parsed: Fields | null;
  try {
    parsed = JSON.parse(Buffer.from(line).toString()) as Fields | null;
  } catch {
    return null;
  }
  return parsed?.kind === kind && parsed.v === FORMAT_VERSION ? parsed : null;
}

/** Of a segment's last line; null where it is no seal. */
export function sealHead(line: Uint8Array): SealHead | null {
  const { segment, last_seq: lastSeq } = fieldsOf(line, 'seal') ?? {};
  return isNumber(segment) && isNumber(lastSeq) ? { segment, lastSeq } : null;
}

/** Of a segment's first line; null where it is no header. */
export function headerKeys(line: Uint8Array): EnrolledKeys | null {
  const fields = fieldsOf(line, 'header') ?? {};
  const hex = (name: keyof EnrolledKeys, bytes: number): string => {
    const value = fields[name];
    return typeof value === 'string' && value.length === 2 * bytes && /^[0-9a-f]*$/.test(value) ? value : '';
  };
  const keys = {
    reel: hex('reel', 16),
    recorder: hex('recorder', 8),
    key: hex('key', 32),
    recovery_key: hex('recovery_key', 32),
  };
  return Object.values(keys).includes('') ? null : keys;
}
