/**
 * Bundles the compiled packages, one folder per role, so that a process loads what its role needs and nothing else:
 * `node scripts/bundle.ts [FOLDER]` writes FOLDER (dist/bundle) with recorder/ vault/ operator/ redirect/ cli/, and
 * modules.json, which says for each role, and for each of its threads, what its files were made of.
 */
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { build, type Metafile, type Plugin } from 'esbuild';

type Entries = Readonly<Record<string, string>>;

interface Role {
  readonly name: string;
  /** For each thread its files, as files of `packages/` without `.js`; they lie beside each other. */
  readonly threads: readonly Entries[];
}

const decodeWorker = { decodeWorker: 'recorder/dist/decodeWorker' };
const roles: readonly Role[] = [
  { name: 'recorder', threads: [{ main: 'cli/dist/recorder.main' }, decodeWorker] },
  { name: 'vault', threads: [{ main: 'cli/dist/vault.main' }] },
  { name: 'operator', threads: [{ main: 'cli/dist/operator.main' }] },
  { name: 'redirect', threads: [{ main: 'cli/dist/redirect.main' }] },
  {
    name: 'cli',
    threads: [
      { main: 'cli/dist/main', kubectl: 'cli/dist/kubectl.main' },
      { reelWorker: 'cli/dist/reelWorker', searchWorker: 'cli/dist/searchWorker' },
      decodeWorker,
    ],
  },
];

/** What was written for CommonJS asks for Node's own modules by `require`, which a module does not have. */
const banner =
  "import { createRequire as requireFrom } from 'node:module'; const require = requireFrom(import.meta.url);";

/** zod's own texts in fifty languages would be a third of a recorder's code; ours are English. */
const englishOnly: Plugin = {
  name: 'english-only',
  setup({ onLoad }) {
    onLoad({ filter: /[\\/]zod[\\/]v4[\\/]locales[\\/]index\.js$/ }, () => ({
      contents: "export { default as en } from './en.js';",
    }));
  },
};

/**
 * An `import` of one of Node's own modules reads every export of it, and some of those load much on first sight: node:http a
 * whole HTTP client, node:tls all root certificates. Asked for like this, each export is read when it is used.
 */
const lazyBuiltins: Plugin = {
  name: 'lazy-builtins',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^node:/ }, ({ path, kind }) =>
      kind === 'import-statement' ? { path, namespace: 'builtin' } : undefined,
    );
    onLoad({ filter: /.*/, namespace: 'builtin' }, ({ path }) => ({
      contents: `module.exports = process.getBuiltinModule(${JSON.stringify(path)});`,
    }));
  },
};

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
    const inputs = [...seen].flatMap((file) => Object.keys(outputs[file]?.inputs ?? {}));
    return new Set(inputs.filter((input) => !input.startsWith('builtin:')));
  };
  const early = reached((kind) => kind === 'import-statement');
  const late = [...reached(() => true)].filter((input) => !early.has(input));
  const outside = Object.values(outputs)
    .flatMap((output) => output.imports)
    .filter(({ external }) => external === true)
    .map(({ path }) => path);
  return { atStart: [...early].sort(), whenAsked: late.sort(), outside: [...new Set(outside)].sort() };
}

/**
 * The entries of one thread are bundled together and share files. Another thread's are bundled apart: it would load what the first
 * one needs of a file they share, and threads share no memory anyhow.
 */
async function bundleThread(folderName: string, entries: Entries): Promise<Contents> {
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: Object.fromEntries(
      Object.entries(entries).map(([file, source]) => [file, `packages/${source}.js`]),
    ),
    outdir: join(folder, folderName),
    chunkNames: '[name]-[hash]',
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    // Names stay, so that a stack says where; comments and white space would be kept in memory twice, once per thread.
    minifyWhitespace: true,
    legalComments: 'none',
    banner: { js: banner },
    // Ways of drivers that nobody here takes: pg without its native half, ws without its native speed-ups.
    external: ['pg-native', 'bufferutil', 'utf-8-validate'],
    plugins: [englishOnly, lazyBuiltins],
    metafile: true,
    logLevel: 'warning',
  });
  const outputs = Object.keys(entries).map((file) => relative(root, join(folder, folderName, `${file}.js`)));
  return contentsOf(metafile, outputs);
}

const merged = (lists: readonly (readonly string[])[]): string[] => [...new Set(lists.flat())].sort();

/** By name: the role, and each of its threads by its first file. */
async function bundle({ name, threads }: Role): Promise<Record<string, Contents>> {
  const all = await Promise.all(threads.map((entries) => bundleThread(name, entries)));
  const atStart = merged(all.map((each) => each.atStart));
  const whenAsked = merged(all.map((each) => each.whenAsked)).filter((input) => !atStart.includes(input));
  const role = { atStart, whenAsked, outside: merged(all.map((each) => each.outside)) };
  const named = threads.map((entries, at) => [`${name}/${Object.keys(entries)[0]}`, all[at]] as const);
  return { [name]: role, ...Object.fromEntries(named) };
}

rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
const contents: Record<string, Contents> = {};
for (const role of roles) Object.assign(contents, await bundle(role));
const { version } = JSON.parse(readFileSync(join(root, 'packages/cli/package.json'), 'utf8')) as {
  version: string;
};
writeFileSync(join(folder, 'package.json'), `${JSON.stringify({ version, type: 'module' })}\n`);
writeFileSync(join(folder, 'modules.json'), `${JSON.stringify(contents, null, 1)}\n`);
cpSync(join(root, 'packages/cli/assets'), join(folder, 'assets'), { recursive: true });
