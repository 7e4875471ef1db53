import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import pg from 'pg';
import { type ArchivedRecord, type Stack, startStack } from './stack.ts';

/**
 * An independent count: the same server's pg_stat_statements and its own log, against the tape.
 * Each way in which they may differ has a name here and a test below.
 */
const namedDifferences = {
  pg_stat_statements_omits_failures: 'pg_stat_statements counts only what completed',
  pg_stat_statements_counts_prepared_utility_once:
    'pg_stat_statements counts a prepared BEGIN or END at its first execution only: it clears the cached query id',
  log_statement_logs_a_query_once:
    'log_statement writes a multi-statement Query once, the tape one record a statement',
  log_statement_omits_syntax_errors:
    'log_statement logs after parsing, so a syntax error shows only as an ERROR line',
  pg_stat_statements_omits_empty_queries:
    'an empty Query is logged, and recorded as empty, but never executed',
} as const;

interface Counts {
  /** Completed statements on tape, by the text's leading keyword. */
  readonly tape: Readonly<Record<string, number>>;
  readonly server: Readonly<Record<string, number>>;
}

const keyword = (sql: string): string => /^[a-z]+/i.exec(sql.trim())?.[0].toUpperCase() ?? '';

function tally(words: Iterable<string>): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const word of words) counts[word] = (counts[word] ?? 0) + 1;
  return Object.fromEntries(Object.entries(counts).sort());
}

async function direct<T>(stack: Stack, run: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: stack.directUrl, application_name: 'around' });
  await client.connect();
  try {
    return await run(client);
  } finally {
    await client.end();
  }
}

function statementsOf(stack: Stack): ArchivedRecord[] {
  return stack.records().filter(({ kind }) => kind === 'statement');
}

/** Texts the server logged for the sessions on tape, in its order. */
function loggedBy(stack: Stack): string[] {
  const opened = stack.records().filter(({ kind }) => kind === 'opened');
  const pids = new Set(opened.map(({ pid }) => String(pid)));
  return readFileSync(stack.postgres.logFile, 'utf8')
    .split('\n')
    .filter((line) => pids.has(line.split('|')[0] as string))
    .flatMap((line) => /LOG: {2}(?:statement|execute [^:]*): (.*)$/.exec(line)?.[1] ?? []);
}

async function countsOf(stack: Stack): Promise<Counts> {
  const rows = await direct(stack, async (client) => {
    const { rows: calls } = await client.query<{ query: string; calls: string }>(
      "SELECT query, calls FROM pg_stat_statements WHERE query NOT LIKE '%pg_stat_statements%'",
    );
    return calls;
  });
  const server: Record<string, number> = {};
  for (const { query, calls } of rows) server[keyword(query)] = (server[keyword(query)] ?? 0) + Number(calls);
  await stack.settle();
  const completed = statementsOf(stack).filter(({ outcome }) => outcome === 'completed');
  return {
    tape: tally(completed.map(({ sql }) => keyword(String(sql)))),
    server: Object.fromEntries(Object.entries(server).sort()),
  };
}

function pgbench(stack: Stack, port: number, args: readonly string[]): void {
  execFileSync('pgbench', [...args, '-h', '127.0.0.1', '-p', String(port), '-U', 'postgres', 'postgres'], {
    env: { ...process.env, PGPASSWORD: stack.postgres.password },
    stdio: 'pipe',
  });
}

const settings = {
  shared_preload_libraries: 'pg_stat_statements',
  'pg_stat_statements.track': 'top',
  'pg_stat_statements.max': '10000',
  log_statement: 'all',
  log_line_prefix: '%p|',
};

describe('the server counts what the tape counts', () => {
  let stack: Stack;
  beforeEach(async () => {
    stack = await startStack({ settings });
    await direct(stack, (client) => client.query('CREATE EXTENSION pg_stat_statements'));
  });
  afterEach(() => stack.stop());

  it.each(['simple', 'extended', 'prepared'])('pgbench -M %s: every call', async (mode) => {
    pgbench(stack, stack.postgres.port, ['-i', '-q', '-s', '1']);
    await direct(stack, (client) => client.query('SELECT pg_stat_statements_reset()'));
    pgbench(stack, stack.ports.recorder, ['-n', '-M', mode, '-c', '4', '-t', '250']);
    const client = new pg.Client({ connectionString: stack.url });
    await client.connect();
    for (let index = 0; index < 20; index += 1) await client.query('SELECT $1::int AS value', [index]);
    await client.end();
    const { tape, server } = await countsOf(stack);
    if (mode === 'prepared') {
      const clients = { BEGIN: 4, END: 4 };
      expect({ [namedDifferences.pg_stat_statements_counts_prepared_utility_once]: server }).toEqual({
        [namedDifferences.pg_stat_statements_counts_prepared_utility_once]: { ...tape, ...clients },
      });
      const logged = tally(loggedBy(stack).map(keyword));
      expect([tape.BEGIN, tape.END]).toEqual([logged.BEGIN, logged.END]);
    } else expect(tape).toEqual(server);
    expect([tape.UPDATE, tape.END]).toEqual([3000, 1000]);
  });

  it('statements on tape equal calls and log lines, but for the named differences', async () => {
    await direct(stack, (client) => client.query('SELECT pg_stat_statements_reset()'));
    const client = new pg.Client({ connectionString: stack.url });
    await client.connect();
    await client.query('CREATE TABLE t (a int PRIMARY KEY)');
    await client.query('INSERT INTO t SELECT generate_series(1, $1::int)', [5]);
    await client.query('INSERT INTO t VALUES (100); INSERT INTO t VALUES (101); INSERT INTO t VALUES (102)');
    await client.query('INSERT INTO t VALUES (1)').catch(() => {});
    await client.query('SELEC 1').catch(() => {});
    await client.query('');
    await client.query('SELECT count(*) FROM t');
    await client.end();
    const { tape, server } = await countsOf(stack);
    expect(tape).toEqual(server);

    const all = statementsOf(stack);
    const failed = all.filter(({ outcome }) => outcome === 'failed').map(({ sql }) => sql);
    expect({ [namedDifferences.pg_stat_statements_omits_failures]: failed }).toEqual({
      [namedDifferences.pg_stat_statements_omits_failures]: ['INSERT INTO t VALUES (1)', 'SELEC 1'],
    });
    const empty = all.filter(({ outcome }) => outcome === 'empty').length;
    expect({ [namedDifferences.pg_stat_statements_omits_empty_queries]: empty }).toEqual({
      [namedDifferences.pg_stat_statements_omits_empty_queries]: 1,
    });

    const logged = loggedBy(stack);
    const expected = all
      .filter(({ part, sql }) => (part ?? 1) === 1 && sql !== 'SELEC 1')
      .map(({ sql, parts }) =>
        ((parts as number | undefined) ?? 1) > 1
          ? 'INSERT INTO t VALUES (100); INSERT INTO t VALUES (101); INSERT INTO t VALUES (102)'
          : sql,
      );
    expect({ [namedDifferences.log_statement_logs_a_query_once]: logged }).toEqual({
      [namedDifferences.log_statement_logs_a_query_once]: expected,
    });
    expect(logged).not.toContain('SELEC 1');
  });
});
