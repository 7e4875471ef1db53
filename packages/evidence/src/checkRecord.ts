/**
 * What of a record line verification looks at: the whole schema, and its session. Knows nothing of its
 * neighbours.
 */
import { z } from 'zod';
import { type Kind, RecordLine } from './record.ts';
import { type Predicate, schemaPredicate } from './schemaPredicate.ts';

/**
 * A parsed record line that is as the schema says.
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

/** A line may break the schema in any number of fields. */
const fieldsNamedMax = 5;

/** Whether a kind's lines belong to a session; a gap may. */
const ofSession: Readonly<Record<Kind, 'always' | 'never' | 'maybe'>> = {
  reel_opened: 'never',
  reel_closed: 'never',
  heartbeat: 'never',
  bypass: 'never',
  configured: 'never',
  opened: 'always',
  statement: 'always',
  running: 'always',
  transaction: 'always',
  stretch: 'always',
  closed: 'always',
  notification: 'always',
  notices: 'always',
  gap: 'maybe',
  vault_opened: 'never',
  access: 'never',
  hold: 'never',
  held: 'never',
  release: 'never',
  freed: 'never',
  retention: 'never',
  probe: 'never',
  enrolment: 'never',
  orphaned: 'never',
  quarantine: 'never',
  skew: 'never',
  published: 'never',
  alert: 'never',
};

let predicate: Predicate | undefined;

/** The schema as one function; a line that does not fit is read again by the schema itself, which says why. */
function isRecord(value: unknown): boolean {
  predicate ??= schemaPredicate(z.toJSONSchema(RecordLine));
  return predicate(value);
}

/**
 * The record, or what is wrong with it. With `text`, the line as it stands, its exact bytes are demanded too.
 */
export function checkRecord(value: unknown, text?: string): ParsedRecord | string {
  if (text !== undefined || !isRecord(value)) {
    const parsed = RecordLine.safeParse(value);
    if (!parsed.success) return fieldsOf(parsed.error);
    // Fields in the order of the schema: the order in which they must be written.
    if (text !== undefined && JSON.stringify(parsed.data) !== text) return 'not written as the format says';
  }
  const record = value as ParsedRecord;
  const session = ofSession[record.kind];
  if (session === 'always' || (session === 'maybe' && record.session !== undefined)) {
    if (!isSessionOf(record.session!, record.reel)) return 'session';
    if (record.n === undefined) return 'n';
  } else if (record.n !== undefined) {
    return 'session';
  }
  return record;
}

/** Paths of the fields that break the schema and the rule each breaks; never a value. */
export function fieldsOf({ issues }: z.ZodError): string {
  return issues
    .slice(0, fieldsNamedMax)
    .map(({ path, code }) => `${path.map(String).join('.') || 'line'}: ${code}`)
    .join(', ');
}

/** `<first 16 digits of the reel>-<number>`: a line of another reel's session cannot stand here. */
function isSessionOf(session: string, reel: string): boolean {
  return session.startsWith(reel.slice(0, 16));
}
