/**
 * Every way in which the server's log and the tape may differ, by name, with the reason and what exactly is let pass.
 * What no entry matches is an error. Order matters: the first that matches names the difference.
 */
import { droppedByError, withinQuery } from './countOracle.ts';
import type { ErrorEvent, RanEvent, ServerEvent } from './serverEvents.ts';
import { lastOf, type StatementEvent, type TapeEvent } from './tapeEvents.ts';
import { parametersText, piecesMatch } from './textMatch.ts';

export interface NamedDifference {
  readonly name: string;
  readonly reason: string;
  /** Only the tape has it; `next` is what the tape has after it. */
  readonly onlyTape?: (event: TapeEvent, next: TapeEvent | undefined) => boolean;
  /** Only the server's log has it. */
  readonly onlyServer?: (event: ServerEvent) => boolean;
  /** Both have it, each in its way. */
  readonly pair?: (server: ServerEvent, tape: TapeEvent) => boolean;
}

const statements = (event: TapeEvent): StatementEvent | null => (event.kind === 'statements' ? event : null);
const outcomeOf = (event: TapeEvent): string | undefined =>
  event.kind === 'statements' ? lastOf(event).outcome : undefined;

export const namedDifferences: readonly NamedDifference[] = [
  {
    name: 'skipped_never_ran',
    reason:
      'an earlier error of the pipeline made the server discard the message unread; it logs nothing of it',
    onlyTape: (event) => outcomeOf(event) === 'skipped',
  },
  {
    name: 'empty_execute_is_not_logged',
    reason: 'the server returns from Execute of an empty statement before it logs a duration',
    onlyTape: (event) =>
      outcomeOf(event) === 'empty' && statements(event)?.pieces[0]?.protocol === 'extended',
  },
  {
    name: 'fatal_error_is_told_of_the_session',
    reason:
      'a FATAL error ends the session: it stands in the closed record, and the statement it ended is lost',
    onlyTape: (event, next) =>
      outcomeOf(event) === 'lost' && next?.kind === 'loose_error' && next.where === 'closed',
  },
  {
    name: droppedByError,
    reason:
      'pg_stat_statements counts when a portal is dropped in order; an error later in the same pipeline drops it uncounted',
  },
  {
    name: 'refresh_tells_no_rows',
    reason: 'the tag of REFRESH MATERIALIZED VIEW has no count; pg_stat_statements has one',
  },
  {
    name: 'rules_rows_are_not_in_the_tag',
    reason:
      'rules made other commands of it: the tag counts the rows of the original, none, pg_stat_statements those of all',
  },
  {
    name: withinQuery,
    reason:
      'a Query of several statements has one entry, with the query id of its last; pg_stat_statements counts the others too, no more than the tape has',
  },
];

/** Whether two events are the same thing, with nothing to excuse. */
export function isSame(server: ServerEvent, tape: TapeEvent): boolean {
  if (tape.kind === 'loose_error') {
    return server.kind === 'error' && server.sqlstate === tape.error.sqlstate;
  }
  const last = lastOf(tape);
  if (server.kind === 'ran') return ranAsTold(server, tape);
  if (last.error?.sqlstate !== server.sqlstate) return false;
  return failedAsTold(server, tape);
}

function ranAsTold(server: RanEvent, tape: StatementEvent): boolean {
  const last = lastOf(tape);
  if (!['completed', 'empty', 'suspended'].includes(last.outcome)) return false;
  if (last.protocol === 'function') return server.what.endsWith(` (OID ${last.function_oid})`);
  if (last.protocol === 'simple') {
    const head = 'statement: ';
    return server.what.startsWith(head) && piecesMatch(server.what.slice(head.length), tape.pieces) !== 'no';
  }
  const name = last.statement === undefined || last.statement === '' ? '<unnamed>' : last.statement;
  const portal = last.portal === undefined || last.portal === '' ? '' : `/${last.portal}`;
  const head = [`execute ${name}${portal}: `, `execute fetch from ${name}${portal}: `].find((text) =>
    server.what.startsWith(text),
  );
  if (head === undefined || piecesMatch(server.what.slice(head.length), tape.pieces) === 'no') return false;
  return server.parameters === parametersText(last.params);
}

function failedAsTold(server: ErrorEvent, tape: StatementEvent): boolean {
  const last = lastOf(tape);
  // A failed Bind or Describe has no text where the server had not yet found the statement.
  if (server.statement === null) return last.sql === null || last.stage !== 'query' || last.sql === '';
  return piecesMatch(server.statement, tape.pieces) !== 'no';
}
