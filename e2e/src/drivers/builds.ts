/** Scenarios built once, outside the checkout, in directories named after the hash of what they were built from. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cacheDir } from '../cache.ts';
import type { Driver, Tool } from './driver.ts';

const sources = fileURLToPath(new URL('../../drivers', import.meta.url));
const buildTimeoutMs = 900_000;

function versionOf(tool: Tool): string {
  const [program, ...args] = tool.version as [string, ...string[]];
  const run = spawnSync(program, args, { encoding: 'utf8', cwd: '/' });
  if (run.error !== undefined || run.status !== 0) {
    throw new Error(`${program} is missing: install ${tool.from}`);
  }
  return `${run.stdout}${run.stderr}`;
}

/** Hash over the sources, the locks, the commands and the tools' versions. */
function hashOf(driver: Driver): string {
  const hash = createHash('sha256');
  const dir = join(sources, driver.name);
  for (const file of readdirSync(dir, { recursive: true, encoding: 'utf8', withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()) {
    hash.update(file.slice(dir.length)).update('\0').update(readFileSync(file)).update('\0');
  }
  hash.update(JSON.stringify(driver.build));
  for (const tool of driver.tools) hash.update(versionOf(tool));
  return hash.digest('hex').slice(0, 16);
}

/** Versions as pinned, for people. */
export function pinsOf({ name, pins }: Driver): string {
  const text = readFileSync(join(sources, name, pins.file), 'utf8');
  return [...text.matchAll(pins.pattern)].map((found) => `${found[1]} ${found[2]}`).join(', ');
}

/**
 * Directory of the built scenario; builds it when it is not there.
 * @throws Error that says which tool to install, or the end of the failing command's output
 */
export function builtScenario(driver: Driver, onProgress: (text: string) => void): string {
  const target = join(cacheDir('drivers'), `${driver.name}-${hashOf(driver)}`);
  if (existsSync(target)) return target;
  const work = `${target}.${process.pid}`;
  mkdirSync(cacheDir('drivers'), { recursive: true });
  rmSync(work, { recursive: true, force: true });
  cpSync(join(sources, driver.name), work, { recursive: true });
  const from = performance.now();
  for (const [program, ...args] of driver.build as [string, ...string[]][]) {
    onProgress(`${driver.name}: ${[program, ...args].join(' ')}`);
    const run = spawnSync(program, args, {
      cwd: work,
      encoding: 'utf8',
      timeout: buildTimeoutMs,
      maxBuffer: 64 * 1024 * 1024,
    });
    if (run.status === 0) continue;
    rmSync(work, { recursive: true, force: true });
    const said = `${run.stdout ?? ''}${run.stderr ?? ''}${run.error?.message ?? ''}`.trim();
    throw new Error(`${driver.name} did not build (${program}):\n${said.split('\n').slice(-30).join('\n')}`);
  }
  try {
    renameSync(work, target);
  } catch (error) {
    // Somebody else has built the same meanwhile.
    if (!existsSync(target)) throw error;
    rmSync(work, { recursive: true, force: true });
  }
  onProgress(`${driver.name}: built in ${Math.round((performance.now() - from) / 1000)} s`);
  return target;
}
