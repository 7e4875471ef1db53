/**
 * Completes package-lock.json with optional platform packages that the registry in use could not tell about.
 *
 * `npm ci` wants an entry for every optional dependency, also for platforms nobody here runs on; npm leaves out the
 * ones a partial mirror lacks. Their names say what they are for, so that npm skips them elsewhere without asking.
 */
import { readFileSync, writeFileSync } from 'node:fs';

interface Entry {
  version?: string;
  dev?: boolean;
  optional?: boolean;
  os?: string[];
  cpu?: string[];
  libc?: string[];
  optionalDependencies?: Record<string, string>;
}

const operatingSystems = ['linux', 'darwin', 'win32', 'windows', 'android', 'freebsd', 'openharmony'];
const processors = ['x64', 'arm64', 'ia32', 'ppc64', 'riscv64', 's390x', 'loong64', 'wasm32', 'arm'];

function platformOf(name: string): Pick<Entry, 'os' | 'cpu' | 'libc'> {
  const os = operatingSystems.find((word) => name.includes(word));
  const cpu = processors.find((word) => new RegExp(`[-/]${word}(-|$)`).test(name));
  if (os === undefined || cpu === undefined)
    throw new Error(`${name}: its name does not say which platform it is for`);
  const libc = /musl/.test(name) ? 'musl' : 'glibc';
  return { os: [os === 'windows' ? 'win32' : os], cpu: [cpu], ...(os === 'linux' ? { libc: [libc] } : {}) };
}

const file = 'package-lock.json';
const lock = JSON.parse(readFileSync(file, 'utf8')) as { packages: Record<string, Entry> };
let added = 0;
for (const [path, entry] of Object.entries(lock.packages)) {
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    const candidates = [`${path === '' ? '' : `${path}/`}node_modules/${name}`, `node_modules/${name}`];
    if (candidates.some((key) => key in lock.packages)) continue;
    const dev = entry.dev === true ? { dev: true } : {};
    lock.packages[`node_modules/${name}`] = { version, ...dev, optional: true, ...platformOf(name) };
    added += 1;
  }
}
lock.packages = Object.fromEntries(
  Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)),
);
writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`);
process.stdout.write(`${added} platform packages added to ${file}\n`);
