/** libpq's own trace (PQtrace) of what a client sent and got, as numbers of messages; of clients that cannot trace, by a preloaded library. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { builtTool } from '../builtTool.ts';
import { linesOf } from '../fileLines.ts';

/** Messages of one session as far as records tell of them. */
export interface MessageCounts {
  /** Query, Execute, FunctionCall. */
  readonly executions: number;
  /** CommandComplete, EmptyQueryResponse, PortalSuspended, FunctionCallResponse. */
  readonly completions: number;
  readonly errors: number;
  readonly rows: number;
}

const source = {
  name: 'libpqTrace',
  build: ['gcc', '-shared', '-fPIC', '-O1', '-o', '{target}', 'libpqTrace.c', '-ldl'],
  from: 'gcc',
} as const;

/** Environment with which a program's libpq traces into `dir`; none of it without a directory. */
export function tracing(dir: string | null): Readonly<Record<string, string>> {
  return dir === null ? {} : { LD_PRELOAD: builtTool(source), PGTAPE_TRACE_DIR: dir };
}

/** Messages by direction and name in a trace without times. */
export function countTrace(lines: Iterable<string>): MessageCounts {
  const counts = new Map<string, number>();
  for (const line of lines) {
    // Further lines of a text that has some begin otherwise.
    const found = /^([FB])\t\S+\t(\w+)/.exec(line);
    if (found === null) continue;
    const name = `${found[1]} ${found[2]}`;
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  const sum = (...names: string[]): number =>
    names.reduce((total, name) => total + (counts.get(name) ?? 0), 0);
  return {
    executions: sum('F Query', 'F Execute', 'F FunctionCall'),
    completions: sum(
      'B CommandComplete',
      'B EmptyQueryResponse',
      'B PortalSuspended',
      'B FunctionCallResponse',
    ),
    errors: sum('B ErrorResponse'),
    rows: sum('B DataRow'),
  };
}

/** Every trace that a preloaded library wrote, by backend PID. */
export function tracesByPid(dir: string): Map<number, MessageCounts> {
  return new Map(
    readdirSync(dir).map((file) => [Number(file.split('-')[0]), countTrace(linesOf(join(dir, file)))]),
  );
}
