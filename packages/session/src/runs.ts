/**
 * Which statement runs behind a name: of EXECUTE, FETCH and MOVE, and of portals over what SQL named. Answers
 * from the names as the server has them; an unknown one is said to be unknown.
 */
import type { Names, Portal } from './names.ts';
import { notSeen, portalNotSeen, type SqlText } from './sqlText.ts';

export interface Running {
  readonly name: string;
  readonly text: SqlText;
  /** Code that nobody read may have given the name to another statement since. */
  readonly isHidden: boolean;
}

/** What a statement of this text runs by name; null when it names none. */
export function runsOfText(names: Names, text: SqlText): Running | null {
  const { named } = text;
  switch (named?.verb) {
    case 'execute': {
      const prepared = names.statement(named.name);
      const behind = prepared?.runs ?? prepared?.text ?? notSeen;
      return {
        name: named.name,
        text: behind,
        isHidden: prepared !== null && prepared.epoch !== names.epoch,
      };
    }
    case 'fetch':
    case 'move': {
      const prepared = names.portal(named.name)?.prepared ?? null;
      const behind = prepared?.runs ?? prepared?.text ?? portalNotSeen;
      return {
        name: named.name,
        text: behind,
        isHidden: prepared !== null && prepared.epoch !== names.epoch,
      };
    }
    default:
      return null;
  }
}

/** What an Execute of the portal runs by a name of SQL's; null when Parse made it all, and it names nothing. */
export function runsOfPortal(names: Names, portal: Portal): Running | null {
  const { name, runs, epoch, text } = portal.prepared;
  if (runs === null) return runsOfText(names, text);
  return { name, text: runs, isHidden: epoch !== names.epoch };
}

const noSuchStatement = '26000';
const noSuchCursor = '34000';

/** The server says that it knows no such name: so nothing is known of it here either. */
export function corrected(names: Names, running: Running, sqlstate: string, text: SqlText): Running {
  const verb = text.named?.verb;
  if (sqlstate === noSuchStatement && verb === 'execute') {
    names.dropStatement(running.name);
    return { ...running, text: notSeen, isHidden: false };
  }
  if (sqlstate === noSuchCursor && (verb === 'fetch' || verb === 'move')) {
    names.dropPortal(running.name);
    return { ...running, text: portalNotSeen, isHidden: false };
  }
  return running;
}
