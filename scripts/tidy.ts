/**
 * Style and layering as a check: what Biome and the compiler cannot see.
 * Reads the files git knows; prints one line per finding and exits 1 if there is one.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

interface Rule {
  readonly name: string;
  readonly pattern: RegExp;
  readonly except?: RegExp;
  /** Comments may speak of it. */
  readonly codeOnly?: boolean;
}

/** Who may import whom (docs/ARCHITECTURE.md). `tests` may import more: they hold the packages together. */
const arrows: Readonly<
  Record<string, { readonly code: readonly string[]; readonly tests: readonly string[] }>
> = {
  wire: { code: [], tests: [] },
  sql: { code: [], tests: [] },
  tlog: { code: [], tests: [] },
  process: { code: [], tests: [] },
  store: { code: [], tests: [] },
  evidence: { code: ['tlog'], tests: [] },
  session: { code: ['wire', 'sql', 'evidence'], tests: ['testkit'] },
  otlp: { code: ['evidence'], tests: [] },
  kube: { code: [], tests: [] },
  operator: { code: ['kube', 'process', 'evidence'], tests: ['recorder'] },
  // tlog: the test witness checks and signs as a real one does.
  testkit: { code: ['wire', 'tlog'], tests: [] },
  vault: { code: ['tlog', 'evidence', 'otlp', 'store', 'process', 'kube'], tests: ['testkit'] },
  recorder: {
    code: ['wire', 'sql', 'session', 'tlog', 'evidence', 'otlp', 'process'],
    tests: ['testkit', 'vault', 'store'],
  },
  cli: {
    code: [
      'wire',
      'sql',
      'evidence',
      'tlog',
      'store',
      'recorder',
      'vault',
      'operator',
      'kube',
      'testkit',
      'otlp',
      'process',
    ],
    tests: [],
  },
};

/** Packages whose sources decide and never act: no sockets, disks, clocks or environment. */
const pure = ['wire', 'sql', 'tlog', 'evidence', 'session'];
const forbiddenInPure: readonly Rule[] = [
  {
    name: 'pure package touches a disk, a socket or a process',
    pattern: /from 'node:(fs|net|tls|http|http2|child_process|worker_threads|os|dgram)/,
  },
  {
    name: 'pure package reads a clock',
    pattern: /\b(Date\.now|performance\.now|process\.hrtime|new Date\(\))/,
  },
  { name: 'pure package reads the environment', pattern: /\bprocess\.(env|argv|cwd)\b/ },
];

const banned: readonly Rule[] = [
  { name: 'export *', pattern: /^export \* / },
  { name: 'Buffer.slice (use subarray)', pattern: /\bBuffer\.prototype\.slice\b/ },
  { name: 'unfinished work', pattern: /\b(TODO|FIXME|XXX|HACK)\b/, except: /scripts\/tidy\.ts$/ },
  {
    name: 'focused or skipped test',
    pattern: /\b(describe|it|test)\.(only|skip|todo)\(/,
    except: /scripts\/tidy\.ts$/,
  },
  {
    name: 'silenced compiler or linter',
    pattern: /@ts-(ignore|nocheck)|biome-ignore-all/,
    except: /scripts\/tidy\.ts$/,
  },
  {
    name: 'environment outside an edge',
    codeOnly: true,
    pattern: /\bprocess\.env\b/,
    except: /(main|environment)\.ts$|\.test\.ts$|e2e\/|scripts\/|testing\.ts$|testkit\//,
  },
];

const vagueNames = /^(utils?|helpers?|manager|service|data|info|common|misc)\.ts$/i;
const linesMax = 400;
const columnsMax = 140;

const files = execFileSync('git', ['ls-files', '-co', '--exclude-standard'], { encoding: 'utf8' })
  .split('\n')
  .filter((file) => file !== '' && existsSync(file));
const sources = files.filter((file) => /^(packages|e2e|scripts)\/.*\.ts$/.test(file));
const findings: string[] = [];
const find = (file: string, line: number, what: string): void => {
  findings.push(`${file}:${line}: ${what}`);
};

function packageOf(file: string): string | null {
  return /^packages\/([^/]+)\//.exec(file)?.[1] ?? null;
}

function checkLine(file: string, text: string, number: number, isTest: boolean): void {
  const owner = packageOf(file);
  if (text.length > columnsMax && !isTest)
    find(file, number, `line of ${text.length} columns (at most ${columnsMax})`);
  const isComment = /^\s*(\/\/|\/?\*)/.test(text);
  for (const rule of banned) {
    if (isComment && rule.codeOnly === true) continue;
    if (rule.pattern.test(text) && !(rule.except?.test(file) ?? false)) find(file, number, rule.name);
  }
  if (owner === null) return;
  if (pure.includes(owner) && !isTest) {
    for (const rule of forbiddenInPure) if (rule.pattern.test(text)) find(file, number, rule.name);
  }
  const imported = /from '@pgtape\/([a-z]+)(\/[^']*)?'/.exec(text);
  if (imported === null) return;
  if (imported[2] !== undefined) find(file, number, `deep import of @pgtape/${imported[1]}`);
  const allowed = arrows[owner];
  const target = imported[1] as string;
  const fine = allowed?.code.includes(target) || (isTest && allowed?.tests.includes(target));
  if (!fine && target !== owner) find(file, number, `${owner} may not import ${target}`);
}

for (const file of sources) {
  const text = readFileSync(file, 'utf8');
  const lines = text.split('\n');
  const isTest = /\.(test|testing)\.ts$/.test(file) || file.startsWith('e2e/');
  if (lines.length > (isTest ? 700 : linesMax))
    find(file, 1, `${lines.length} lines (at most ${isTest ? 700 : linesMax})`);
  if (vagueNames.test(basename(file))) find(file, 1, 'a name that says nothing');
  if (!isTest && basename(file) !== 'index.ts' && !/^(#!.*\n)?\/\*\*/.test(text)) {
    find(file, 1, 'no opening sentence that says what the file owns');
  }
  for (let index = 0; index < lines.length; index += 1)
    checkLine(file, lines[index] as string, index + 1, isTest);
}

/** Compiled tests whose source is gone would run for ever. */
for (const owner of readdirSync('packages')) {
  const dist = join('packages', owner, 'dist');
  if (!existsSync(dist)) continue;
  for (const built of readdirSync(dist, { recursive: true, encoding: 'utf8' })) {
    if (!built.endsWith('.test.js')) continue;
    const source = join('packages', owner, 'src', built.replace(/\.js$/, '.ts'));
    if (!existsSync(source)) find(join(dist, built), 1, 'compiled test without a source; run `make clean`');
  }
}

for (const owner of readdirSync('packages')) {
  if (!(owner in arrows))
    find(dirname(join('packages', owner, 'x')), 1, 'package without a line in the table of arrows');
}

const lockText = readFileSync('package-lock.json', 'utf8');
if (lockText.includes('"resolved": "http')) find('package-lock.json', 1, 'records download addresses');
interface LockEntry {
  readonly integrity?: string;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}
const locked = (JSON.parse(lockText) as { packages: Readonly<Record<string, LockEntry>> }).packages;
for (const [path, entry] of Object.entries(locked)) {
  for (const name of Object.keys(entry.optionalDependencies ?? {})) {
    const isThere = `node_modules/${name}` in locked || `${path}/node_modules/${name}` in locked;
    if (!isThere) find('package-lock.json', 1, `lacks ${name}, so npm ci would fail; run scripts/lock`);
  }
}
for (const name of Object.keys(locked['']?.optionalDependencies ?? {})) {
  if (locked[`node_modules/${name}`]?.integrity === undefined)
    find('package-lock.json', 1, `${name} has no integrity`);
}

const elsewhere = /registry\.npmjs|proxy\.golang|deb\.debian\.org/;
for (const file of files.filter(
  (name) => /\.(md|json|ya?ml|sh|ts|js)$|^scripts\/|^\.ci\//.test(name) && name !== 'scripts/tidy.ts',
)) {
  if (elsewhere.test(readFileSync(file, 'utf8'))) find(file, 1, 'names a registry host');
}

for (const finding of findings) process.stdout.write(`${finding}\n`);
process.stdout.write(findings.length === 0 ? 'tidy\n' : `${findings.length} findings\n`);
process.exitCode = findings.length === 0 ? 0 : 1;
