/** libpq_pipeline (src/test/modules/libpq_pipeline), each test in each protocol version, with libpq's own trace of it. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { countTrace, type MessageCounts } from './libpqTrace.ts';
import { runProgram, type Suite, type SuiteResult, type Target } from './suites.ts';

const numberOfRows = 700;

async function run(target: Target, without: readonly string[]): Promise<SuiteResult> {
  const { build, port, password, workDir } = target;
  const program = join(build.source, 'src/test/modules/libpq_pipeline/libpq_pipeline');
  const listed = await runProgram(program, ['tests']);
  const names = listed.stdout.split(/\s+/).filter((name) => name !== '' && !without.includes(name));
  if (names.length === 0) throw new Error(`libpq_pipeline names no tests: ${listed.stderr}`);
  const versions = build.major >= 18 ? ['3.0', 'latest'] : [''];
  const tests: Record<string, string> = {};
  const traces = new Map<string, MessageCounts>();
  let output = '';
  for (const version of versions) {
    for (const name of names) {
      const application = `pipeline-${name}${version === '' ? '' : `-${version}`}`;
      const trace = join(workDir, `${application}.trace`);
      const wanted = version === '' ? '' : ` max_protocol_version=${version}`;
      const conninfo = `host=127.0.0.1 port=${port} user=postgres dbname=postgres application_name=${application}${wanted}`;
      // The others take as many messages as buffers hold, or as time allows: upstream keeps no trace of them either.
      const isTraced = existsSync(join(dirname(program), 'traces', `${name}.trace`));
      const flags = ['-r', `${numberOfRows}`, ...(isTraced ? ['-t', trace] : [])];
      const done = await runProgram(program, [...flags, name, conninfo], {
        env: { PGPASSWORD: password },
        timeoutMs: 600_000,
      });
      tests[application] = done.code === 0 ? 'ok' : `exit ${done.code}`;
      if (!isTraced) continue;
      const text = readFileSync(trace, 'utf8');
      output += `${application}\n${done.stderr}${text}\n`;
      traces.set(application, countTrace(text.split('\n')));
    }
  }
  return { tests, output, traces };
}

function suite(name: string, without: readonly string[]): Suite {
  return {
    name,
    majors: [15, 18],
    trust: false,
    counted: true,
    run: (target) => run(target, without),
  };
}

export const pipelineSuite: Suite = suite('libpq_pipeline', []);
/** Without the test that sends until the socket takes no more: some 300,000 statements. */
export const shortPipelineSuite: Suite = suite('libpq_pipeline (without uniqviol)', ['uniqviol']);
