/**
 * Bundles the compiled packages, one folder per role, so that a process loads what its role needs and nothing else:
 * `node scripts/bundle.ts [FOLDER]` writes FOLDER (dist/bundle) with recorder/ vault/ operator/ redirect/ cli/, and
 * modules.json, which says for each role what its files were made of.
 */
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { build, type Metafile } from 'esbuild';

interface Role {
  readonly name: string;
  /** Files of `packages/`, without `.js`; each becomes a file of its own beside `main.js`, for a thread or process starts it. */
  readonly entries: Readonly<Record<string, string>>;
}

const decodeWorker = { decodeWorker: 'recorder/dist/decodeWorker' };
const roles: readonly Role[] = [
  { name: 'recorder', entries: { main: 'cli/dist/recorder.main', ...decodeWorker } },
  { name: 'vault', entries: { main: 'cli/dist/vault.main' } },
  { name: 'operator', entries: { main: 'cli/dist/operator.main' } },
  { name: 'redirect', entries: { main: 'cli/dist/redirect.main' } },
  {
    name: 'cli',
    entries: {
      main: 'cli/dist/main',
      kubectl: 'cli/dist/kubectl.main',
      reelWorker: 'cli/dist/reelWorker',
      searchWorker: 'cli/dist/searchWorker',
      ...decodeWorker,
    },
  },
];

/** What was written for CommonJS asks for Node's own modules by `require`, which a module does not have. */
const banner =
  "import { createRequire as requireFrom } from 'node:module'; const require = requireFrom(import.meta.url);";

const root = join(import.meta.dirname, '..');
const folder = process.argv[2] ?? join(root, 'dist', 'bundle');

/** Which inputs ended up in the files: what is loaded at the start, and what waits until it is asked for. */
interface Contents {
  readonly atStart: readonly string[];
  readonly whenAsked: readonly string[];
  /** What is in no file: Node's own modules, and what a package tries and does without. */
  readonly outside: readonly string[];
}

function contentsOf({ outputs }: Metafile, entries: readonly string[]): Contents {
  const reached = (isFollowed: (kind: string) => boolean): Set<string> => {
    const seen = new Set<string>();
    const waiting = [...entries];
    for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
      if (seen.has(file)) continue;
      seen.add(file);
      for (const { path, kind, external } of outputs[file]?.imports ?? [])
        if (external !== true && isFollowed(kind)) waiting.push(path);
    }
    return new Set([...seen].flatMap((file) => Object.keys(outputs[file]?.inputs ?? {})));
  };
  const early = reached((kind) => kind === 'import-statement');
  const late = [...reached(() => true)].filter((input) => !early.has(input));
  const outside = Object.values(outputs)
    .flatMap((output) => output.imports)
    .filter(({ external }) => external === true)
    .map(({ path }) => path);
  return { atStart: [...early].sort(), whenAsked: late.sort(), outside: [...new Set(outside)].sort() };
}

async function bundle({ name, entries }: Role): Promise<Contents> {
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: Object.fromEntries(
      Object.entries(entries).map(([file, source]) => [file, `packages/${source}.js`]),
    ),
    outdir: join(folder, name),
    chunkNames: '[name]-[hash]',
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    // Names stay, so that a stack says where; comments and white space would be kept in memory twice, once per thread.
    minifyWhitespace: true,
    keepNames: false,
    legalComments: 'none',
    banner: { js: banner },
    // Ways of drivers that nobody here takes: pg without its native half, ws without its native speed-ups.
    external: ['pg-native', 'bufferutil', 'utf-8-validate'],
    metafile: true,
    logLevel: 'warning',
  });
  const outputs = Object.keys(entries).map((file) => relative(root, join(folder, name, `${file}.js`)));
  return contentsOf(metafile, outputs);
}

rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
const contents: Record<string, Contents> = {};
for (const role of roles) contents[role.name] = await bundle(role);
const { version } = JSON.parse(readFileSync(join(root, 'packages/cli/package.json'), 'utf8')) as {
  version: string;
};
writeFileSync(join(folder, 'package.json'), `${JSON.stringify({ version, type: 'module' })}\n`);
writeFileSync(join(folder, 'modules.json'), `${JSON.stringify(contents, null, 1)}\n`);
cpSync(join(root, 'packages/cli/assets'), join(folder, 'assets'), { recursive: true });
