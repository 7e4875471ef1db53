/** The server's own account of what it ran, from its log (`log_statement=all`, `log_line_prefix='%p|'`), by backend. */
import { readFileSync } from 'node:fs';
import type { ArchivedRecord, Stack } from './stack.ts';

/** What a server must be started with. */
export const logSettings = { log_statement: 'all', log_line_prefix: '%p|', log_error_verbosity: 'terse' };

/** Texts of statements by process id, in the server's order. */
export function loggedStatements(stack: Stack): Map<number, string[]> {
  const byPid = new Map<number, string[]>();
  // Further lines of an entry begin with a tab.
  const text = readFileSync(stack.postgres.logFile, 'utf8').replaceAll('\n\t', '\u0001');
  for (const line of text.split('\n')) {
    const found = /^(\d+)\|LOG: {2}(?:statement|execute [^:]*): (.*)$/.exec(line);
    if (found === null) continue;
    const pid = Number(found[1]);
    const list = byPid.get(pid) ?? [];
    list.push((found[2] as string).replaceAll('\u0001', '\n'));
    byPid.set(pid, list);
  }
  return byPid;
}

export interface TapedSession {
  readonly session: string;
  readonly pid: number;
  readonly records: readonly ArchivedRecord[];
}

/** Sessions of an archive by their ids, each with its records in order of `n`. */
export function tapedSessions(records: readonly ArchivedRecord[]): TapedSession[] {
  const byId = new Map<string, ArchivedRecord[]>();
  for (const record of records) {
    if (record.session === undefined) continue;
    const list = byId.get(record.session) ?? [];
    list.push(record);
    byId.set(record.session, list);
  }
  return [...byId].map(([session, list]) => ({
    session,
    pid: Number(list.find(({ kind }) => kind === 'opened')?.pid ?? 0),
    records: list.sort((a, b) => (a.n as number) - (b.n as number)),
  }));
}
