import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const checkout = fileURLToPath(new URL('../..', import.meta.url));

/** A checkout's scripts, and a PATH whose node and npm say what the test wants. */
function place(programs: Readonly<Record<string, string>>): { dir: string; path: string } {
  const dir = mkdtempSync(join(tmpdir(), 'pgtape-install-'));
  for (const part of ['scripts', 'pgtape', 'package.json'])
    cpSync(join(checkout, part), join(dir, part), { recursive: true });
  mkdirSync(join(dir, 'bin'));
  for (const [name, body] of Object.entries(programs)) {
    writeFileSync(join(dir, 'bin', name), `#!/bin/sh\n${body}\n`);
    chmodSync(join(dir, 'bin', name), 0o755);
  }
  // Only what the script itself needs: the machine's own npm must not be found.
  for (const tool of ['dirname', 'touch']) symlinkSync(`/usr/bin/${tool}`, join(dir, 'bin', tool));
  return { dir, path: join(dir, 'bin') };
}

const nodeOf = (major: number): string => `case "$1" in -p) echo ${major} ;; *) echo v${major}.1.0 ;; esac`;

describe('installing and launching', () => {
  it.each([
    { name: 'no npm', programs: {}, code: 2, says: 'npm is missing. Install Node.js 20 or newer' },
    {
      name: 'a Node too old',
      programs: { npm: 'exit 0', node: nodeOf(18) },
      code: 2,
      says: 'needs Node 20 or newer to install, this is v18.1.0',
    },
    {
      name: 'an npm that fails',
      programs: { npm: 'echo broken >&2; exit 7', node: nodeOf(20) },
      code: 1,
      says: 'broken',
    },
  ])('$name: says what to do', ({ programs, code, says }) => {
    const { dir, path } = place(programs);
    try {
      const run = spawnSync('/bin/sh', [join(dir, 'scripts', 'install')], {
        env: { PATH: path },
        encoding: 'utf8',
      });
      expect([run.status, run.stderr]).toEqual([code, expect.stringContaining(says)]);
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  });

  it.each([
    { name: 'the launcher before a build', args: ['pgtape', 'up'], says: "not built yet. Run 'make build'" },
    { name: 'the pinned Node before an install', args: ['scripts/node', '-v'], says: "Run 'make build'" },
  ])('$name: says what to do', ({ args: [program, ...args], says }) => {
    const { dir } = place({});
    try {
      const run = spawnSync(join(dir, program as string), args, { encoding: 'utf8' });
      expect([run.status, run.stderr]).toEqual([2, expect.stringContaining(says)]);
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  });
});
