/** What a tape says happened in each session, in the server's units: one event a Query, an Execute, a failure. */
import { tapedSessions } from '../serverLog.ts';
import type { ArchivedRecord } from '../stack.ts';
import { Interned } from './interned.ts';

export interface TapeParameter {
  readonly v: string | null;
  readonly enc: 'text' | 'hex' | 'failed';
  readonly type: string;
  readonly cut?: true;
}

export interface TapeError {
  readonly severity: string;
  readonly sqlstate: string;
  readonly message: string;
}

/** A statement record, as far as the oracle reads it. */
export interface TapeStatement {
  readonly n: number;
  readonly protocol: 'simple' | 'extended' | 'function' | 'replication';
  readonly sql: string | null;
  readonly sql_unknown?: string;
  readonly sql_cut?: { readonly len: number; readonly sha256: string };
  readonly redacted?: readonly string[];
  readonly statement?: string;
  readonly portal?: string;
  readonly part?: number;
  readonly parts?: number;
  readonly params?: readonly TapeParameter[];
  readonly function_oid?: number;
  readonly outcome: 'completed' | 'empty' | 'suspended' | 'failed' | 'cancelled' | 'skipped' | 'lost';
  readonly stage: string;
  readonly tag?: string;
  readonly rows?: number;
  readonly returned_rows: number;
  readonly continues?: number;
  readonly error?: TapeError;
}

const statementFields = [
  ...['kind', 'reel', 'seq', 'session', 'n', 'protocol', 'sql', 'sql_unknown', 'sql_cut', 'redacted'],
  ...['statement', 'portal', 'part', 'parts', 'params', 'function_oid', 'outcome', 'stage', 'tag', 'rows'],
  ...['returned_rows', 'continues', 'error'],
];

/** Records with only what is read of statements here: a suite makes a million of them. */
export function slimRecords(records: Iterable<ArchivedRecord>): ArchivedRecord[] {
  const texts = new Interned();
  const slim: ArchivedRecord[] = [];
  for (const record of records) {
    if (record.kind === 'running') continue;
    if (record.kind !== 'statement') {
      slim.push(record);
      continue;
    }
    const kept = statementFields.flatMap((name) =>
      record[name] === undefined ? [] : [[name, record[name]]],
    );
    const one = texts.inside(Object.fromEntries(kept) as ArchivedRecord);
    for (const param of (one.params ?? []) as object[]) texts.inside(param);
    if (one.error !== undefined) texts.inside(one.error as object);
    slim.push(one);
  }
  return slim;
}

/** All records of one message that the server answers as a whole. */
export interface StatementEvent {
  readonly kind: 'statements';
  readonly pieces: readonly TapeStatement[];
}

/** An error that no statement has: raised at a commit, or ending the session. */
export interface LooseErrorEvent {
  readonly kind: 'loose_error';
  readonly where: 'transaction' | 'closed';
  readonly error: TapeError;
}

export type TapeEvent = StatementEvent | LooseErrorEvent;

export interface TapeSession {
  readonly session: string;
  readonly pid: number;
  readonly application: string;
  readonly events: readonly TapeEvent[];
}

/** The last statement of an event's. */
export function lastOf(event: StatementEvent): TapeStatement {
  return event.pieces[event.pieces.length - 1] as TapeStatement;
}

function eventsOf(records: readonly ArchivedRecord[]): TapeEvent[] {
  const events: TapeEvent[] = [];
  let open: TapeStatement[] = [];
  // A transaction that a failed COMMIT ended repeats that statement's error.
  let told = '';
  const close = (): void => {
    if (open.length > 0) events.push({ kind: 'statements', pieces: open });
    open = [];
  };
  for (const record of records) {
    if (record.kind === 'statement') {
      const statement = record as unknown as TapeStatement;
      if ((statement.part ?? 1) === 1) close();
      open.push(statement);
      told = JSON.stringify(statement.error ?? null);
      continue;
    }
    if (record.kind !== 'transaction' && record.kind !== 'closed') continue;
    const error = record.error as TapeError | undefined;
    if (error === undefined || JSON.stringify(error) === told) continue;
    close();
    events.push({ kind: 'loose_error', where: record.kind, error });
  }
  close();
  return events;
}

/** Sessions by their numbers in the reel, which is the order in which they connected; cancel requests are none. */
export function tapeSessions(records: readonly ArchivedRecord[]): TapeSession[] {
  const sessions = tapedSessions(records).flatMap(({ session, pid, records: list }): TapeSession[] => {
    const opened = list.find(({ kind }) => kind === 'opened');
    if (opened?.protocol === 'cancel') return [];
    return [{ session, pid, application: String(opened?.application_name ?? ''), events: eventsOf(list) }];
  });
  const number = ({ session }: TapeSession): number => Number(session.split('-')[1]);
  return sessions.sort((a, b) => number(a) - number(b));
}
