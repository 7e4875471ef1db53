/**
 * What of a record line verification looks at: by hand and fast, or by the whole schema. Knows nothing of its
 * neighbours.
 */

import { FORMAT_VERSION } from './fields.ts';
import { type Kind, RecordLine } from './record.ts';

/**
 * A parsed record line whose structural fields are known to be of their types; the fields of its kind are
 * only so in strict checks.
 */
export interface ParsedRecord {
  readonly v: number;
  readonly reel: string;
  readonly seq: number;
  readonly salt: string;
  readonly at: string;
  readonly mono: string;
  readonly kind: Kind;
  readonly session?: string;
  readonly n?: number;
  readonly [field: string]: unknown;
}

/** Whether a kind's lines belong to a session; a gap may. */
const ofSession: Readonly<Record<Kind, 'always' | 'never' | 'maybe'>> = {
  reel_opened: 'never',
  reel_closed: 'never',
  heartbeat: 'never',
  opened: 'always',
  statement: 'always',
  running: 'always',
  transaction: 'always',
  stretch: 'always',
  closed: 'always',
  gap: 'maybe',
};
const kinds = new Map(Object.entries(ofSession));

/**
 * The record, or what is wrong with it. With `text`, the line as it stands, the whole schema is applied and
 * its exact bytes demanded.
 */
export function checkRecord(value: unknown, text?: string): ParsedRecord | string {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'not an object';
  const record = value as ParsedRecord;
  if (record.v !== FORMAT_VERSION) return 'v';
  if (typeof record.reel !== 'string') return 'reel';
  if (!isOrdinal(record.seq)) return 'seq';
  if (typeof record.salt !== 'string' || record.salt.length !== 16) return 'salt';
  if (typeof record.at !== 'string') return 'at';
  if (typeof record.mono !== 'string') return 'mono';
  const session = kinds.get(record.kind);
  if (session === undefined) return 'kind';
  if (session !== 'never' && (session === 'always' || record.session !== undefined)) {
    if (!isSessionOf(record.session, record.reel)) return 'session';
    if (!isOrdinal(record.n)) return 'n';
  } else if (record.session !== undefined || record.n !== undefined) {
    return 'session';
  }
  return text === undefined ? record : checkWhole(record, text);
}

function checkWhole(record: ParsedRecord, text: string): ParsedRecord | string {
  const parsed = RecordLine.safeParse(record);
  if (!parsed.success) return parsed.error.issues.map((issue) => issue.path.join('.')).join(', ') || 'schema';
  return JSON.stringify(parsed.data) === text ? record : 'not written as the format says';
}

function isOrdinal(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0;
}

/** `<first 16 digits of the reel>-<number>`: a line of another reel's session cannot stand here. */
function isSessionOf(session: unknown, reel: string): boolean {
  if (typeof session !== 'string' || session.length < 18 || session.length > 33) return false;
  if (!session.startsWith(reel.slice(0, 16)) || session.charCodeAt(16) !== 0x2d) return false;
  for (let i = 17; i < session.length; i++) {
    const digit = session.charCodeAt(i);
    if (digit < (i === 17 ? 0x31 : 0x30) || digit > 0x39) return false;
  }
  return true;
}
