/** Small programs that tests need beside Node, built once from `e2e/` into the cache, under the hash of their sources. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cacheDir } from './cache.ts';

export interface ToolSource {
  /** Directory below `e2e/`, and the name of what comes of it. */
  readonly name: string;
  /** The command that builds it there; `{target}` is the file to make. */
  readonly build: readonly string[];
  /** What to install when its first word is missing. */
  readonly from: string;
}

/**
 * The file of the built program.
 * @throws Error that says what to install, or what the compiler said
 */
export function builtTool({ name, build, from }: ToolSource): string {
  const dir = fileURLToPath(new URL(`../${name}`, import.meta.url));
  const hash = createHash('sha256').update(JSON.stringify(build));
  for (const file of readdirSync(dir).sort()) hash.update(file).update(readFileSync(join(dir, file)));
  const target = join(cacheDir('tools'), `${name.replaceAll('/', '-')}-${hash.digest('hex').slice(0, 16)}`);
  if (existsSync(target)) return target;
  mkdirSync(cacheDir('tools'), { recursive: true });
  const half = `${target}.${process.pid}`;
  const [program, ...args] = build.map((word) => word.replace('{target}', half)) as [string, ...string[]];
  const run = spawnSync(program, args, { cwd: dir, encoding: 'utf8', timeout: 600_000 });
  if (run.error !== undefined) throw new Error(`${program} is missing: install ${from}`);
  if (run.status !== 0) throw new Error(`${name} did not build:\n${run.stdout}${run.stderr}`);
  renameSync(half, target);
  return target;
}
