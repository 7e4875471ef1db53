/** Two more witnesses of how much happened: libpq's trace of a session, and pg_stat_statements. Pure. */
import type { MessageCounts } from './libpqTrace.ts';
import { lastOf, type TapeSession } from './tapeEvents.ts';

/** What the clients of libpq_pipeline send before their trace begins. */
const beforeTrace = /^SET (lc_messages|force_parallel_mode|debug_parallel_query)\b/;

/**
 * A session's messages as its records tell of them.
 * @param isWhole the trace began with the session
 */
export function countTape(session: TapeSession, isWhole: boolean): MessageCounts {
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
    if (!isWhole && last.protocol === 'simple' && beforeTrace.test(last.sql ?? '')) continue;
    if (['query', 'execute', 'function'].includes(last.stage)) executions += 1;
    for (const piece of event.pieces) {
      if (['completed', 'empty', 'suspended'].includes(piece.outcome)) completions += 1;
      if (piece.outcome === 'failed' || piece.outcome === 'cancelled') errors += 1;
      rows += piece.returned_rows;
    }
  }
  return { executions, completions, errors, rows };
}

/** Sessions, by application name or backend PID, whose trace and tape disagree, as text; and how many were compared. */
export function compareTraces(
  traces: ReadonlyMap<string | number, MessageCounts>,
  tape: readonly TapeSession[],
): { readonly compared: number; readonly different: string[] } {
  const different: string[] = [];
  for (const [name, traced] of traces) {
    const session = tape.find(
      ({ application, pid }) => (typeof name === 'string' ? application : pid) === name,
    );
    const told = session === undefined ? null : countTape(session, typeof name === 'number');
    if (JSON.stringify(told) !== JSON.stringify(traced)) {
      different.push(`${name}: traced ${JSON.stringify(traced)}, on tape ${JSON.stringify(told)}`);
    }
  }
  return { compared: traces.size, different };
}

/** By query id: calls and rows as pg_stat_statements counts them. */
export type StatementTotals = ReadonlyMap<string, { readonly calls: number; readonly rows: number }>;

/** The tape's, under the query id that the server's log gave; doubtful ones are among them. */
export interface TapeTotal {
  calls: number;
  rows: number;
  /** Executes after which the session's next message failed, was skipped or never came. */
  doubtfulCalls: number;
  doubtfulRows: number;
  /** Of the first of them. */
  readonly tag: string;
  readonly sql: string;
}

/**
 * pg_stat_statements counts when a portal is dropped in order. An error of the same pipeline drops it without that: the Execute had
 * completed, its CommandComplete may have been seen, and it is not counted.
 */
export const droppedByError = 'pg_stat_statements_misses_portals_an_error_dropped';

/**
 * The log has one entry for a Query, under the id of its last statement; the ones before it, and those before an error, are counted
 * under ids that no entry tells. How many there are is known: no more than that may be missing.
 */
export const withinQuery = 'statement_within_a_query_has_no_entry';

/** Which rows pg_stat_statements counts that no tag tells of, by the statement's tag. */
export const rowsUntold = {
  refresh_tells_no_rows: /^REFRESH MATERIALIZED VIEW$/,
  rules_rows_are_not_in_the_tag: /^(?:INSERT 0|UPDATE|DELETE|MERGE) 0$/,
} as const;

export interface TotalsComparison {
  readonly compared: number;
  readonly different: readonly string[];
  /** Calls let pass, by name. */
  readonly named: Readonly<Record<string, number>>;
}

/**
 * Query ids whose calls or rows differ.
 * @param withoutEntry statements on tape that may be counted under an id that no entry told
 */
export function compareTotals(
  tape: ReadonlyMap<string, TapeTotal>,
  server: StatementTotals,
  withoutEntry: number,
): TotalsComparison {
  const different: string[] = [];
  let missed = 0;
  let within = 0;
  const untold: Record<string, number> = {};
  for (const [id, told] of tape) {
    const counted = server.get(id) ?? { calls: 0, rows: 0 };
    const calls = told.calls - counted.calls;
    const rows = told.rows - counted.rows;
    const isDropped = calls >= 0 && calls <= told.doubtfulCalls && rows >= 0 && rows <= told.doubtfulRows;
    if (isDropped && (calls > 0 || rows === 0)) missed += calls;
    else if (calls === 0 && rows < 0 && told.rows === 0 && untoldName(told) !== undefined) {
      const name = untoldName(told) as string;
      untold[name] = (untold[name] ?? 0) + told.calls;
    } else if (calls < 0 && within - calls <= withoutEntry && rows <= 0) within -= calls;
    else
      different.push(
        `query ${id}: counted ${JSON.stringify(counted)}, on tape ${JSON.stringify(told).slice(0, 600)}`,
      );
  }
  return {
    compared: tape.size,
    different,
    named: {
      ...untold,
      ...(missed > 0 && { [droppedByError]: missed }),
      ...(within > 0 && { [withinQuery]: within }),
    },
  };
}

const untoldName = ({ tag }: TapeTotal): string | undefined =>
  Object.entries(rowsUntold).find(([, tags]) => tags.test(tag))?.[0];
