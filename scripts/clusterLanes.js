/**
 * A whole run of the cluster's tests: two lanes at the same time, because their tests wait more than they compute. The first has what needs
 * an API server only and then some of what needs a node, the second all the rest, on a node of its own.
 * Each line says its lane; the last is the sum, `N passed, N failed`.
 */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const root = join(import.meta.dirname, '..');
const named = ['cloudnativepg', 'controllerFleet'];
/** As long as the second lane's, with what comes before it; a new file is on the second. */
const onFirstNode =
  'kubernetes/(addressSwap|captureModes|injectorChanges|loopbackTrust|podChanges|recorderKill|required|restrictedNamespace)\\.test';

const lanes = [
  [
    ['--selectProjects', 'cluster', '--testPathIgnorePatterns', ...named],
    [onFirstNode, '--selectProjects', 'kubernetes'],
  ],
  [['--selectProjects', 'kubernetes', '--testPathIgnorePatterns', ...named, onFirstNode]],
];

const total = { passed: 0, failed: 0, skipped: 0 };
const running = new Set();
let signalled = null;

/** Resolves to whether it ended well. */
async function run(lane, args) {
  // A group of its own: a signal from the terminal reaches this process, which hands it on once.
  const jest = spawn('scripts/jest', [...args, ...process.argv.slice(2)], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  running.add(jest);
  let counts = null;
  const ended = [jest.stdout, jest.stderr].map(async (stream) => {
    for await (const line of createInterface({ input: stream })) {
      process.stdout.write(`${lane} ${line}\n`);
      counts = /^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$/.exec(line) ?? counts;
    }
  });
  const code = await new Promise((resolve, reject) => jest.once('error', reject).once('close', resolve));
  await Promise.all(ended);
  running.delete(jest);
  // Without its last line nobody knows what was not run.
  const [passed, failed, skipped] = counts?.slice(1).map(Number) ?? [0, 1, 0];
  total.passed += passed;
  total.failed += failed;
  total.skipped += skipped || 0;
  return code === 0;
}

async function runLane(lane, parts) {
  let good = true;
  for (const args of parts) if (signalled === null) good = (await run(lane, args)) && good;
  return good;
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    signalled = signal;
    for (const jest of running) jest.kill(signal);
  });
}
const good = await Promise.all(lanes.map((parts, index) => runLane(index + 1, parts)));
const skipped = total.skipped > 0 ? `, ${total.skipped} skipped` : '';
process.stdout.write(`${total.passed} passed, ${total.failed} failed${skipped}\n`);
process.exitCode = signalled === null && good.every(Boolean) ? 0 : 1;
