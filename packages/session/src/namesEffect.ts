/** What a completed statement's tag does to prepared statements and portals. Knows no queue. */
import type { Names } from './names.ts';
import type { SqlText } from './sqlText.ts';
import type { Effect } from './tags.ts';

/** A quoted identifier, or a plain one. */
const identifier = '(?:"((?:[^"]|"")+)"|([A-Za-z_\\u0080-\\uffff][\\w$\\u0080-\\uffff]*))';
const prepareName = new RegExp(`^\\s*(?:DEALLOCATE(?:\\s+PREPARE)?|PREPARE)\\s+${identifier}`, 'i');
const cursorName = new RegExp(`^\\s*(?:DECLARE|CLOSE)\\s+${identifier}`, 'i');

/** A name as the server folds it, null where the text is not of the plain form. */
function nameOf(pattern: RegExp, sql: string | null): string | null {
  const found = sql === null ? null : pattern.exec(sql);
  if (found === null) return null;
  return found[1] === undefined ? (found[2] ?? '').toLowerCase() : found[1].replaceAll('""', '"');
}

/**
 * SQL shares its names with the protocol: what SQL made or dropped under a name is not what was Parsed or
 * Bound under it. Where the name cannot be told, all of them are forgotten: an unknown text is better than a
 * wrong one.
 */
export function applyEffect(names: Names, effect: Effect, text: SqlText): void {
  switch (effect) {
    case 'commit':
    case 'prepare_transaction':
      names.dropPortals();
      return;
    case 'rollback':
      if (text.verb?.verb !== 'rollback_to') names.dropPortals();
      return;
    case 'discard_all':
      names.dropStatements();
      names.dropPortals();
      return;
    case 'deallocate_all':
      names.dropStatements();
      return;
    case 'deallocate':
    case 'prepare': {
      const name = nameOf(prepareName, text.sql);
      if (name === null) names.dropStatements();
      else names.dropStatement(name);
      return;
    }
    case 'cursor': {
      const name = nameOf(cursorName, text.sql);
      if (name === null) names.dropPortals();
      else names.dropPortal(name);
      return;
    }
    default:
  }
}
