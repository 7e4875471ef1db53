/** pgbench in its three protocol modes, in pipelines and with a connection per transaction. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { tracing } from './libpqTrace.ts';
import { runProgram, type Suite, type SuiteResult, type Target } from './suites.ts';

const pipeline = `\\set aid random(1, 100000)
\\startpipeline
BEGIN;
UPDATE pgbench_accounts SET abalance = abalance + 1 WHERE aid = :aid;
SELECT abalance FROM pgbench_accounts WHERE aid = :aid;
INSERT INTO pgbench_history (tid, bid, aid, delta, mtime) VALUES (1, 1, :aid, 1, CURRENT_TIMESTAMP);
END;
\\endpipeline
`;

interface Case {
  readonly name: string;
  readonly args: readonly string[];
  readonly transactions: number;
}

const clients = 4;

const cases: readonly Case[] = [
  ...['simple', 'extended', 'prepared'].map((mode) => ({
    name: mode,
    args: ['-M', mode],
    transactions: 200,
  })),
  ...['extended', 'prepared'].map((mode) => ({
    name: `pipeline, ${mode}`,
    args: ['-M', mode, '-f', 'pipeline.sql'],
    transactions: 200,
  })),
  { name: 'a connection per transaction', args: ['-M', 'simple', '-C', '-S'], transactions: 25 },
];

async function run(target: Target, steps: string, share: number): Promise<SuiteResult> {
  const { build, port, password, workDir, traceDir } = target;
  writeFileSync(join(workDir, 'pipeline.sql'), pipeline);
  const pgbench = (args: readonly string[]) =>
    runProgram(
      join(build.prefix, 'bin/pgbench'),
      ['-h', '127.0.0.1', '-p', `${port}`, '-U', 'postgres', ...args, 'postgres'],
      { cwd: workDir, env: { PGPASSWORD: password, ...tracing(traceDir) } },
    );
  const made = await pgbench(['-i', '-I', steps, '-q', '-s', '1']);
  const tests: Record<string, string> = { initialise: made.code === 0 ? 'ok' : made.stderr };
  let output = '';
  for (const { name, args, transactions: whole } of cases) {
    const transactions = Math.ceil(whole * share);
    const done = await pgbench([
      '-n',
      '--random-seed=7',
      '-c',
      `${clients}`,
      '-t',
      `${transactions}`,
      ...args,
    ]);
    const processed = /number of transactions actually processed: (\d+)\/(\d+)/.exec(done.stdout);
    const isWhole = done.code === 0 && processed?.[1] === `${transactions * clients}`;
    tests[name] = isWhole ? 'ok' : `exit ${done.code}: ${done.stderr}`;
    output += `${name}: ${processed?.[0] ?? 'nothing'}\n`;
  }
  return { tests, output };
}

function suite(name: string, steps: string, share: number): Suite {
  return {
    name,
    majors: [14, 15, 16, 17, 18],
    trust: false,
    counted: true,
    run: (target) => run(target, steps, share),
  };
}

/** As pgbench does it unless told otherwise: the rows come by COPY. */
export const pgbenchSuite: Suite = suite('pgbench', 'dtgvp', 1);
/** The server makes the rows, and a tenth of the transactions run: single bytes make minutes of the rest, which is the same messages. */
export const shortPgbenchSuite: Suite = suite('pgbench (a tenth, without its COPY)', 'dtGvp', 0.1);
