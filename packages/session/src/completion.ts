/**
 * What a completed statement does to the session beside its transaction: to prepared statements and portals,
 * and to what is set. Told by its tag, and by its text where the tag does not say. Knows no queue.
 */
import { Prepared } from './names.ts';
import type { SessionState } from './sessionState.ts';
import { inner, type SqlText } from './sqlText.ts';
import type { CommandTag } from './tags.ts';

/**
 * @param text as sent, or as it was prepared
 * @param runs the statement behind a name, where it is one
 */
export function applyCompleted(
  state: SessionState,
  tag: CommandTag,
  text: SqlText,
  runs: SqlText | null,
): void {
  const { names, settings } = state;
  switch (tag.effect) {
    case 'none':
      if (text.sql === null || runs?.sql === null) settings.hidden();
      else if (text.setsConfig || runs?.setsConfig) settings.configured();
      return;
    case 'set':
      if (text.setting !== null) settings.changed(text.setting);
      else settings.hidden();
      return;
    case 'internal':
      if (tag.isOpaque) runHidden(state);
      return;
    case 'commit':
    case 'prepare_transaction':
      settings.committed();
      names.endPortals(true);
      return;
    case 'rollback':
      rolledBack(state, text);
      return;
    case 'savepoint':
      if (text.verb?.verb === 'savepoint') settings.savepoint(text.verb.name ?? '');
      return;
    case 'release':
      if (text.verb?.verb === 'release') settings.released(text.verb.name ?? '');
      return;
    case 'discard_all':
      names.dropStatements();
      names.dropPortals();
      settings.discarded();
      return;
    default:
      applyToNames(state, tag, text);
  }
}

/** Code ran that may have prepared, dropped and set anything. */
export function runHidden(state: SessionState): void {
  state.names.epoch += 1;
  state.settings.hidden();
}

function rolledBack({ names, settings }: SessionState, text: SqlText): void {
  const { verb } = text;
  if (verb?.verb === 'rollback_to') {
    settings.rolledBackTo(verb.name ?? '');
    return;
  }
  if (verb === null) settings.undecided();
  else settings.rolledBack();
  names.endPortals(false);
}

/**
 * SQL shares its names with the protocol. Where the name cannot be told, all of them are forgotten: an unknown
 * text is better than a wrong one.
 */
function applyToNames({ names }: SessionState, { effect }: CommandTag, text: SqlText): void {
  const { named } = text;
  switch (effect) {
    case 'deallocate_all':
      names.dropStatements();
      return;
    case 'deallocate':
      if (named?.verb === 'deallocate' && named.name !== null) names.dropStatement(named.name);
      else names.dropStatements();
      return;
    case 'prepare':
      if (named?.verb !== 'prepare') names.dropStatements();
      else names.setStatement(new Prepared(named.name, text, [], null, inner(text, named.runs)));
      return;
    case 'declare':
      if (named?.verb !== 'declare') names.dropPortals();
      else {
        const made = new Prepared(named.name, text, [], null, inner(text, named.runs), true);
        names.setCursor(made, named.hold);
      }
      return;
    case 'close_cursor':
      if (named?.verb === 'close' && named.name !== null) names.dropPortal(named.name);
      else names.dropPortals();
      return;
    default:
  }
}
