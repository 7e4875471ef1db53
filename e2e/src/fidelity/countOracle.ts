/** Two more witnesses of how much happened: libpq's trace of a session, and pg_stat_statements. Pure. */
import type { MessageCounts } from './suites.ts';
import { lastOf, type TapeSession } from './tapeEvents.ts';

/** What the clients of libpq_pipeline send before their trace begins. */
const beforeTrace = /^SET (lc_messages|force_parallel_mode|debug_parallel_query)\b/;

/** A session's messages as its records tell of them. */
export function countTape(session: TapeSession): MessageCounts {
  let executions = 0;
  let completions = 0;
  let errors = 0;
  let rows = 0;
  for (const event of session.events) {
    if (event.kind === 'loose_error') {
      errors += 1;
      continue;
    }
    const last = lastOf(event);
    if (last.protocol === 'simple' && beforeTrace.test(last.sql ?? '')) continue;
    if (['query', 'execute'].includes(last.stage)) executions += 1;
    for (const piece of event.pieces) {
      if (['completed', 'empty', 'suspended'].includes(piece.outcome)) completions += 1;
      if (piece.outcome === 'failed' || piece.outcome === 'cancelled') errors += 1;
      rows += piece.returned_rows;
    }
  }
  return { executions, completions, errors, rows };
}

/** Sessions whose trace and tape disagree, as text; and how many were compared. */
export function compareTraces(
  traces: ReadonlyMap<string, MessageCounts>,
  tape: readonly TapeSession[],
): { readonly compared: number; readonly different: string[] } {
  const different: string[] = [];
  for (const [application, traced] of traces) {
    const session = tape.find((one) => one.application === application);
    const told = session === undefined ? null : countTape(session);
    if (JSON.stringify(told) !== JSON.stringify(traced)) {
      different.push(`${application}: traced ${JSON.stringify(traced)}, on tape ${JSON.stringify(told)}`);
    }
  }
  return { compared: traces.size, different };
}

/** By query id: calls and rows as pg_stat_statements counts them. */
export type StatementTotals = ReadonlyMap<string, { readonly calls: number; readonly rows: number }>;

/** The tape's, under the query id that the server's log gave; doubtful ones are among them. */
export interface TapeTotal {
  readonly calls: number;
  readonly rows: number;
  /** Executes after which the session's next message failed, was skipped or never came. */
  readonly doubtfulCalls: number;
  readonly doubtfulRows: number;
}

/**
 * pg_stat_statements counts when a portal is dropped in order. An error of the same pipeline drops it without that: the Execute had
 * completed, its CommandComplete may have been seen, and it is not counted.
 */
export const droppedByError = 'pg_stat_statements_misses_portals_an_error_dropped';

/** Query ids whose calls or rows differ; `missed` were let pass under the name above. */
export function compareTotals(
  tape: ReadonlyMap<string, TapeTotal>,
  server: StatementTotals,
): { readonly compared: number; readonly different: string[]; readonly missed: number } {
  const different: string[] = [];
  let missed = 0;
  for (const [id, told] of tape) {
    const counted = server.get(id) ?? { calls: 0, rows: 0 };
    const calls = told.calls - counted.calls;
    const rows = told.rows - counted.rows;
    const isExplained = calls >= 0 && calls <= told.doubtfulCalls && rows >= 0 && rows <= told.doubtfulRows;
    if (isExplained && (calls > 0 || rows === 0)) missed += calls;
    else different.push(`query ${id}: counted ${JSON.stringify(counted)}, on tape ${JSON.stringify(told)}`);
  }
  return { compared: tape.size, different, missed };
}
