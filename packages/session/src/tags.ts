/**
 * What command tags mean to a session: row counts and effects. Each is read once and kept; knows no
 * statement.
 */
import { commandRows } from '@pgtape/wire';
import { interned, zeroAt } from './intern.ts';

/** What a completed statement did to the session, told by its tag alone. */
export type Effect =
  | 'none'
  | 'begin'
  | 'commit'
  | 'rollback'
  | 'savepoint'
  | 'release'
  | 'prepare_transaction'
  | 'commit_prepared'
  | 'rollback_prepared'
  | 'discard_all'
  | 'deallocate'
  | 'deallocate_all'
  | 'prepare'
  | 'declare'
  | 'close_cursor'
  | 'set'
  /** It may have committed parts of itself while it ran. */
  | 'internal';

const effects: Readonly<Record<string, Effect>> = {
  BEGIN: 'begin',
  'START TRANSACTION': 'begin',
  COMMIT: 'commit',
  ROLLBACK: 'rollback',
  SAVEPOINT: 'savepoint',
  RELEASE: 'release',
  'PREPARE TRANSACTION': 'prepare_transaction',
  'COMMIT PREPARED': 'commit_prepared',
  'ROLLBACK PREPARED': 'rollback_prepared',
  'DISCARD ALL': 'discard_all',
  DEALLOCATE: 'deallocate',
  'DEALLOCATE ALL': 'deallocate_all',
  PREPARE: 'prepare',
  'DECLARE CURSOR': 'declare',
  'CLOSE CURSOR': 'close_cursor',
  'CLOSE CURSOR ALL': 'close_cursor',
  SET: 'set',
  RESET: 'set',
  CALL: 'internal',
  DO: 'internal',
  VACUUM: 'internal',
  REINDEX: 'internal',
  CLUSTER: 'internal',
  REPACK: 'internal',
  ANALYZE: 'internal',
  'CREATE DATABASE': 'internal',
  'DROP DATABASE': 'internal',
  'CREATE TABLESPACE': 'internal',
  'DROP TABLESPACE': 'internal',
  'CREATE INDEX': 'internal',
  'DROP INDEX': 'internal',
  'ALTER TABLE': 'internal',
  'REFRESH MATERIALIZED VIEW': 'internal',
};

export interface CommandTag {
  /** As sent; null when the message was malformed. */
  readonly tag: string | null;
  readonly rows: number | undefined;
  readonly effect: Effect;
  /** DO, CALL: what it did is in no text. */
  readonly isOpaque: boolean;
}

export const noTag: CommandTag = { tag: null, rows: undefined, effect: 'none', isOpaque: false };

const seen = new Map<string, CommandTag>();
const seenMax = 4096;
/** PostgreSQL's own bound is 64 (COMPLETION_TAG_BUFSIZE); a longer one is no tag. */
const tagBytesMax = 256;

/** Reads CommandComplete's body. */
export function commandTag(body: Uint8Array): CommandTag {
  const end = body.length - 1;
  if (end < 0 || end > tagBytesMax || zeroAt(body, 0) !== end) return noTag;
  const tag = interned(body, 0, end);
  const known = seen.get(tag);
  if (known !== undefined) return known;
  const effect = Object.hasOwn(effects, tag) ? (effects[tag] ?? 'none') : 'none';
  const made: CommandTag = {
    tag,
    rows: commandRows(tag),
    effect,
    isOpaque: tag === 'DO' || tag === 'CALL',
  };
  if (seen.size >= seenMax) seen.clear();
  seen.set(tag, made);
  return made;
}
