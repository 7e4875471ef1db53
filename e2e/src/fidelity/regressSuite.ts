/** PostgreSQL's regression and isolation tests (src/test/regress, src/test/isolation) against a running server. */
import { chmodSync, copyFileSync, cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { tracing } from './libpqTrace.ts';
import { runProgram, type Suite, type SuiteResult, type Target } from './suites.ts';

/** `test boolean ... ok  12 ms` before 16, `ok 1  - boolean  12 ms` since. */
const oldLine = /^(?:test\s+|\s{5,})(\S+)\s+\.\.\. (ok|FAILED|failed \(ignored\))/;
const tapLine = /^(ok|not ok) \d+\s+[-+] (\S+)/;

/** Each test's verdict, from what pg_regress printed. */
export function regressVerdicts(stdout: string): Record<string, string> {
  const tests: Record<string, string> = {};
  for (const line of stdout.split('\n')) {
    const old = oldLine.exec(line);
    const tap = tapLine.exec(line);
    if (old !== null) tests[old[1] as string] = old[2] as string;
    else if (tap !== null) tests[tap[2] as string] = tap[1] as string;
  }
  return tests;
}

/** regression.diffs without directories, times and the port. */
export function maskedDiffs(diffs: string, target: Pick<Target, 'workDir' | 'port'>): string {
  return diffs
    .replaceAll(target.workDir, '<work>')
    .replaceAll(`${target.port}`, '<port>')
    .replace(/^(---|\+\+\+) (\S+)\s.*$/gm, '$1 $2');
}

function prepare(from: string, to: string): void {
  for (const part of ['sql', 'expected', 'data', 'specs']) {
    if (existsSync(join(from, part))) cpSync(join(from, part), join(to, part), { recursive: true });
  }
  for (const part of ['regress.so', 'autoinc.so', 'refint.so']) {
    if (existsSync(join(from, part))) copyFileSync(join(from, part), join(to, part));
  }
  // Written by the server's user and by the client's.
  for (const part of ['results', 'testtablespace']) {
    mkdirSync(join(to, part));
    chmodSync(join(to, part), 0o777);
  }
}

async function regress(
  target: Target,
  which: 'regress' | 'isolation',
  only: readonly string[] | null,
): Promise<SuiteResult> {
  const { build, workDir } = target;
  const from = join(build.source, 'src', 'test', which);
  prepare(from, workDir);
  const schedule = which === 'regress' ? 'parallel_schedule' : 'isolation_schedule';
  const listed = readFileSync(join(from, schedule), 'utf8');
  const kept = only === null ? listed : chosen(listed, only);
  writeFileSync(join(workDir, schedule), kept);
  const program = which === 'regress' ? 'pg_regress' : 'pg_isolation_regress';
  const done = await runProgram(
    join(from, program),
    [
      `--inputdir=${workDir}`,
      `--outputdir=${workDir}`,
      `--expecteddir=${workDir}`,
      `--dlpath=${workDir}`,
      `--bindir=${join(build.prefix, 'bin')}`,
      '--host=127.0.0.1',
      `--port=${target.port}`,
      '--user=postgres',
      '--max-concurrent-tests=20',
      `--schedule=${join(workDir, schedule)}`,
    ].filter((flag) => build.major >= 16 || !flag.startsWith('--expecteddir')),
    { cwd: workDir, env: { PGPASSWORD: target.password, ...tracing(target.traceDir) } },
  );
  const tests = regressVerdicts(done.stdout);
  if (Object.keys(tests).length === 0)
    throw new Error(`${program} ran nothing:\n${done.stdout}${done.stderr}`);
  const diffs = join(workDir, 'regression.diffs');
  return { tests, output: existsSync(diffs) ? maskedDiffs(readFileSync(diffs, 'utf8'), target) : '' };
}

/** A schedule of only the tests named, in its own groups and order. */
export function chosen(schedule: string, only: readonly string[]): string {
  return schedule
    .split('\n')
    .map((line) => {
      if (!line.startsWith('test:')) return '';
      const names = line.slice(5).trim().split(/\s+/);
      const left = names.filter((name) => only.includes(name));
      return left.length === 0 ? '' : `test: ${left.join(' ')}`;
    })
    .filter((line) => line !== '')
    .join('\n')
    .concat('\n');
}

/** pg_regress over its parallel schedule, or a part of it. */
export function regressSuite(name: string, only: readonly string[] | null): Suite {
  return {
    name,
    majors: [15, 18],
    trust: true,
    counted: true,
    run: (target) => regress(target, 'regress', only),
  };
}

/** Isolation tests: several sessions at once, locks, cancel. */
export const isolationSuite: Suite = {
  name: 'isolation',
  majors: [15, 18],
  trust: true,
  counted: true,
  run: (target) => regress(target, 'isolation', null),
};
