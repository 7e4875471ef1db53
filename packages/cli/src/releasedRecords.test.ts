/** Archives and bundles of earlier releases, as they were written: they stay verifiable, and say what they said. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runFake } from './fakeIo.testing.ts';
import type { VerifyReport } from './verifyArchive.ts';

const root = fileURLToPath(new URL('../../../testdata/records/', import.meta.url));
const releases = readdirSync(root, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name);

/** What of a report no later release may change. */
function essence({ verdict, reels, log, strangers }: VerifyReport): unknown {
  return {
    verdict,
    reels: reels.map((reel) => ({
      reel: reel.reel,
      verdict: reel.verdict,
      by: reel.by,
      enrolled: reel.enrolled?.name ?? null,
      records: reel.records,
      findings: reel.findings.map(({ artefact, reason }) => `${artefact} ${reason}`),
      sessions: reel.sessions.map((session) => `${session.session} ${session.verdict} ${session.lastN}`),
    })),
    log:
      log === null
        ? null
        : {
            verdict: log.verdict,
            size: log.size,
            root: log.root,
            cosigned: log.cosigned,
            isSound: log.isSound,
          },
    strangers,
  };
}

describe.each(releases)('an archive of %s', (release) => {
  const cwd = join(root, release);
  const policy = existsSync(join(cwd, 'policy.txt')) ? ['--policy', 'policy.txt'] : [];

  it.each([[], ['--strict']])('says what it said %s', async (...strict) => {
    const args = ['verify', '--archive', 'archive', '-o', 'json', ...policy, ...strict];
    const io = await runFake(args, { cwd });
    expect(essence(JSON.parse(io.out.text) as VerifyReport)).toEqual(
      JSON.parse(readFileSync(join(cwd, 'expected.json'), 'utf8')),
    );
  });
});

const bundles = releases.filter((release) => existsSync(join(root, release, 'bundle.tar')));
it.each(bundles)('a bundle of %s checks out', async (release) => {
  const io = await runFake(['verify', '--bundle', 'bundle.tar'], { cwd: join(root, release) });
  expect([io.code, io.out.text.split('\n').at(-2)]).toEqual([
    0,
    'Verdict: attested, 4 lines proven, 1 attested',
  ]);
});
