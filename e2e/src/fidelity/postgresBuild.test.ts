/** scripts/fidelity-postgres over sources whose make does as a test says. */
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const script = fileURLToPath(new URL('../../../scripts/fidelity-postgres', import.meta.url));
const parts = [
  'contrib/pg_stat_statements',
  'src/test/regress',
  'src/test/isolation',
  'src/test/modules/libpq_pipeline',
];

let cache = '';
beforeEach(() => {
  cache = mkdtempSync(join(tmpdir(), 'pgtape-build-'));
});
afterEach(() => rmSync(cache, { recursive: true, force: true }));

/** Sources as they are unpacked; `all` is what their make runs. */
function unpacked(all: string): void {
  const source = join(cache, 'fidelity', 'src-15');
  const makefile = (rule: string, install: string): string => `all:\n\t${rule}\ninstall:\n\t${install}\n`;
  for (const part of parts) {
    mkdirSync(join(source, part), { recursive: true });
    writeFileSync(join(source, part, 'Makefile'), makefile('true', 'true'));
  }
  writeFileSync(join(source, 'Makefile'), makefile(all, `mkdir -p ${join(cache, 'fidelity', 'pg-15')}`));
  writeFileSync(join(source, 'configure'), '#!/bin/sh\ntouch config.log\n');
  chmodSync(join(source, 'configure'), 0o755);
}

function build(): { status: number | null; err: string } {
  const env = { ...process.env, PGTAPE_E2E_CACHE: cache };
  const { status, stderr } = spawnSync(script, ['15'], { encoding: 'utf8', env });
  return { status, err: stderr };
}

it('failed_make: the build fails, and nothing passes for built', () => {
  unpacked('false');
  expect(build()).toEqual({ status: 1, err: expect.stringContaining('PostgreSQL 15 did not build') });
  expect(existsSync(join(cache, 'fidelity', 'pg-15'))).toBe(false);
});

it('a build that went well is not made again', () => {
  unpacked('true');
  expect(build()).toEqual({ status: 0, err: expect.stringContaining('building PostgreSQL 15') });
  expect(build()).toEqual({ status: 0, err: '' });
});
