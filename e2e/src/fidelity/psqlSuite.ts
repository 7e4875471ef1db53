/** One long psql script: COPY both ways, cursors, errors, encodings, long literals; its whole output is compared. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inCsv, psqlScript } from '../psqlScript.ts';
import { runProgram, type Suite, type SuiteResult, type Target } from './suites.ts';

async function run({ build, port, password, workDir }: Target): Promise<SuiteResult> {
  writeFileSync(join(workDir, 'in.csv'), `${inCsv}\n`);
  const done = await runProgram(
    join(build.prefix, 'bin/psql'),
    ['-X', '-a', '-h', '127.0.0.1', '-p', `${port}`, '-U', 'postgres', 'postgres'],
    { cwd: workDir, env: { PGPASSWORD: password }, input: psqlScript() },
  );
  // Which port it is stands in some messages, backend ids in others.
  const output = `${done.stdout}\n${done.stderr}`
    .replaceAll(`port ${port}`, 'port N')
    .replaceAll(`"${port}"`, '"N"')
    .replace(/PID \d+/g, 'PID N');
  return { tests: { script: done.code === 0 ? 'ok' : `exit ${done.code}` }, output };
}

export const psqlSuite: Suite = { name: 'psql', majors: [15, 16, 17, 18], trust: false, run };
