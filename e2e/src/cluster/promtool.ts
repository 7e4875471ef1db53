/** Owns running the real promtool: on rules, on tests of rules, on what a process exposes. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Ran } from './kubectl.ts';

/** `files`: by name, in the folder it runs in; what is no text is written as JSON, which is YAML. */
export function promtool(
  args: readonly string[],
  files: Readonly<Record<string, unknown>>,
  input?: string,
): Ran {
  const file = process.env.PGTAPE_E2E_PROMTOOL;
  if (file === undefined) throw new Error('PGTAPE_E2E_PROMTOOL names no promtool: run scripts/e2e-cluster');
  const dir = mkdtempSync(join(tmpdir(), 'pgtape-promtool-'));
  for (const [name, content] of Object.entries(files))
    writeFileSync(join(dir, name), typeof content === 'string' ? content : JSON.stringify(content));
  const ran = spawnSync(file, args, {
    cwd: dir,
    encoding: 'utf8',
    ...(input === undefined ? {} : { input }),
  });
  rmSync(dir, { recursive: true, force: true });
  return { status: ran.status, out: ran.stdout, err: ran.stderr };
}
