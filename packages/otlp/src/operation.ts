/**
 * Owns a statement's operation, a span's name of low cardinality: the server's command tag without its
 * counts; where no tag came, the text's first word if it is one PostgreSQL knows. Knows no more SQL than
 * that.
 */

/** Name of spans whose operation is not known (semconv: the system's name). */
export const unknownOperation = 'postgresql';
/** Longest tag of PostgreSQL 18 (src/include/tcop/cmdtaglist.h) has 32 characters. */
const operationLengthMax = 48;

/** First words of PostgreSQL's commands (https://www.postgresql.org/docs/current/sql-commands.html). */
const commands: ReadonlySet<string> = new Set(
  (
    'ABORT ALTER ANALYZE BEGIN CALL CHECKPOINT CLOSE CLUSTER COMMENT COMMIT COPY CREATE DEALLOCATE ' +
    'DECLARE DELETE DISCARD DO DROP END EXECUTE EXPLAIN FETCH GRANT IMPORT INSERT LISTEN LOAD LOCK ' +
    'MERGE MOVE NOTIFY PREPARE REASSIGN REFRESH REINDEX RELEASE RESET REVOKE ROLLBACK SAVEPOINT ' +
    'SECURITY SELECT SET SHOW START TABLE TRUNCATE UNLISTEN UPDATE VACUUM VALUES WITH START_REPLICATION ' +
    'IDENTIFY_SYSTEM BASE_BACKUP TIMELINE_HISTORY'
  ).split(' '),
);
/** Blanks and comments (not nested ones), then a word. */
const firstWord =
  /^(?:\s|--[^\n]{0,1000}\n|\/\*(?:[^*]|\*(?!\/)){0,1000}\*\/){0,200}([A-Za-z_]{2,20})(?![A-Za-z0-9_])/;

/** `INSERT 0 1` to `INSERT`, `CREATE TABLE` as it is. */
export function tagOperation(tag: string): string {
  let end = tag.length;
  while (end > 0) {
    const unit = tag.charCodeAt(end - 1);
    if (unit !== 0x20 && (unit < 0x30 || unit > 0x39)) break;
    end -= 1;
  }
  return end === tag.length && end <= operationLengthMax
    ? tag
    : tag.slice(0, Math.min(end, operationLengthMax));
}

/** The first word of `sql` in upper case when it begins a command, else undefined. */
export function textOperation(sql: string | null): string | undefined {
  if (sql === null) return undefined;
  const word = firstWord.exec(sql.slice(0, 4096))?.[1]?.toUpperCase();
  return word !== undefined && commands.has(word) ? word : undefined;
}

/**
 * Tags whose count is of rows changed; for the others (SELECT, FETCH, MOVE) it repeats what was returned or
 * passed over.
 */
const reading: ReadonlySet<string> = new Set(['SELECT', 'FETCH', 'MOVE']);

export function isReading(operation: string): boolean {
  return reading.has(operation);
}
