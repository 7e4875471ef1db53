/** The checker that goes into every bundle, in Python, against the same bundles and findings as our own. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  type BundleTrust,
  bundlePaths,
  checkBundle,
  exampleBundle,
  exampleBundleParts,
  tamperedBundles,
  tarOf,
} from '@pgtape/evidence';

const script = fileURLToPath(new URL('../../packages/cli/assets/bundleCheck.py', import.meta.url));
/** Checks many bundles in one process; prints a JSON list of [verdict, findings] for each. */
const driver = `
import importlib.util, json, sys
from pathlib import Path
spec = importlib.util.spec_from_file_location("check", sys.argv[1])
check = importlib.util.module_from_spec(spec)
spec.loader.exec_module(check)
for line in sys.stdin:
    case = json.loads(line)
    policy = Path(case["policy"]).read_bytes() if case["policy"] else None
    bundle = check.Bundle(check.read_bundle(Path(case["path"])), policy, [], set(case["trusted"]))
    bundle.check()
    print(json.dumps([bundle.verdict(), [f"{artefact} {reason}" for _, artefact, reason in bundle.findings]]))
`;

interface Case {
  readonly files: ReadonlyMap<string, Uint8Array>;
  readonly trust?: BundleTrust | undefined;
}

describe("a bundle's check.py", () => {
  let directory = '';
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'pgtape-bundle-'));
  });
  afterAll(() => {
    rmSync(directory, { recursive: true });
  });

  const written = (files: ReadonlyMap<string, Uint8Array>, name: string): string => {
    const root = join(directory, name);
    for (const [file, bytes] of files) {
      mkdirSync(dirname(join(root, file)), { recursive: true });
      writeFileSync(join(root, file), bytes);
    }
    return root;
  };
  const checked = (cases: readonly Case[]): [string, string[]][] => {
    const policy = join(directory, 'policy.txt');
    writeFileSync(policy, exampleBundleParts().log.policy);
    const input = cases.map(({ files, trust = {} }, i) =>
      JSON.stringify({
        path: written(files, String(i)),
        policy: trust.policy === undefined ? null : policy,
        trusted: [...(trust.trustedKeys ?? [])],
      }),
    );
    const run = spawnSync('/usr/bin/python3', ['-c', driver, script], {
      input: input.join('\n'),
      encoding: 'utf8',
    });
    if (run.status !== 0) throw new Error(run.stderr);
    rmSync(directory, { recursive: true });
    mkdirSync(directory);
    return run.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as [string, string[]]);
  };
  const ours = ({ files, trust }: Case): [string, string[]] => {
    const { verdict, findings } = checkBundle(files, trust);
    return [verdict, findings.map(({ artefact, reason }) => `${artefact} ${reason}`)];
  };

  it('finds in every tampered bundle what our own check finds', () => {
    const cases = tamperedBundles();
    const found = checked(cases);
    expect(cases.map(({ name }, i) => [name, ...found[i]!])).toEqual(
      cases.map((one) => [one.name, ...ours(one)]),
    );
  });

  it('finds one changed byte in every file', () => {
    const cases = [exampleBundle({ redacted: [2] }), exampleBundle()].flatMap((sound) =>
      [...sound].flatMap(([name, bytes]) =>
        [0, Math.floor(bytes.length / 3), bytes.length - 2, bytes.length - 1].map((at) => {
          const changed = Buffer.from(bytes);
          changed[at]! ^= 0x01;
          return { name, files: new Map(sound).set(name, changed) };
        }),
      ),
    );
    const found = checked(cases);
    const missed = cases.flatMap(({ name }, i) => {
      const [verdict, findings] = found[i]!;
      const isNamed = findings.some((finding) => finding.startsWith(name)) || name === bundlePaths.sums;
      return verdict === 'forged' && isNamed ? [] : [name];
    });
    expect(missed).toEqual([]);
  });

  it.each([
    { name: 'complete', bundle: {} },
    { name: 'attested', bundle: { redacted: [2, 4] } },
    { name: 'excerpt', bundle: { whole: false, chosen: [1, 3] } },
  ])('says $name of a folder and of a tar, and exits with 0', ({ name, bundle }) => {
    const files = exampleBundle(bundle);
    const tar = join(directory, `${name}.tar`);
    writeFileSync(tar, tarOf(files, 1_795_300_000));
    for (const path of [written(files, name), tar]) {
      const run = spawnSync('/usr/bin/python3', [script, path], { encoding: 'utf8' });
      expect([run.status, run.stderr, run.stdout.split(' ')[0]]).toEqual([0, '', name]);
    }
  });

  it('says of the bundles of earlier releases what it said', () => {
    const records = fileURLToPath(new URL('../../testdata/records/', import.meta.url));
    const bundle = join(records, '0.1.0', 'bundle.tar');
    const run = spawnSync('/usr/bin/python3', [script, bundle], { encoding: 'utf8' });
    expect([run.status, run.stdout.trimEnd().split('\n').at(-1)]).toEqual([
      0,
      'attested bundle 4 lines proven 1 attested',
    ]);
  });
});
