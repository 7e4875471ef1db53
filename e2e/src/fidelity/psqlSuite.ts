/** One long psql script: COPY both ways, cursors, errors, encodings, long literals; its whole output is compared. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inCsv, psqlScript } from '../psqlScript.ts';
import { tracing } from './libpqTrace.ts';
import { runProgram, type Suite, type SuiteResult, type Target } from './suites.ts';

async function run(target: Target, share: number): Promise<SuiteResult> {
  const { build, port, password, workDir, traceDir } = target;
  writeFileSync(join(workDir, 'in.csv'), `${inCsv}\n`);
  const done = await runProgram(
    join(build.prefix, 'bin/psql'),
    ['-X', '-a', '-h', '127.0.0.1', '-p', `${port}`, '-U', 'postgres', 'postgres'],
    {
      cwd: workDir,
      env: { PGPASSWORD: password, ...tracing(traceDir) },
      input: psqlScript(share),
    },
  );
  // Which port it is stands in some messages, backend ids in others.
  const output = `${done.stdout}\n${done.stderr}`
    .replaceAll(`port ${port}`, 'port N')
    .replaceAll(`"${port}"`, '"N"')
    .replace(/PID \d+/g, 'PID N');
  return { tests: { script: done.code === 0 ? 'ok' : `exit ${done.code}` }, output };
}

function suite(name: string, share: number): Suite {
  return {
    name,
    majors: [14, 15, 16, 17, 18],
    trust: false,
    counted: true,
    run: (target) => run(target, share),
  };
}

export const psqlSuite: Suite = suite('psql', 1);
/** A hundredth of the rows and literals: what is long in it takes minutes in single bytes and is the same message. */
export const shortPsqlSuite: Suite = suite('psql (short literals)', 0.01);
