/** The images that the test node runs, built by buildah from `e2e/images/`, kept as archives under the hash of what they are made of. */
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { builtTool } from '../builtTool.ts';

export interface Image {
  /** As pods name it. */
  readonly name: string;
  /** A docker archive. */
  readonly file: string;
}

interface ImageSource {
  readonly name: 'pause' | 'postgres' | 'coredns' | 'cloudnativepg';
  /** What its Dockerfile takes beside what lies in its folder: made, or found, in `context`. */
  readonly add: (context: string) => void;
  /** Files outside of the folder that the image is made of. */
  readonly of: readonly string[];
}

const folder = fileURLToPath(new URL('../../images', import.meta.url));

/** The static program that is process 1 of pods, and of the node's own namespaces. */
export function pauseProgram(): string {
  return builtTool({
    name: 'images/pause',
    build: ['gcc', '-static', '-O2', '-Wall', '-Werror', '-o', '{target}', 'pause.c'],
    from: 'gcc and libc6-dev',
  });
}

export function imagesDir(): string {
  const dir = process.env.PGTAPE_E2E_IMAGES;
  if (dir === undefined) throw new Error('PGTAPE_E2E_IMAGES names no folder: run scripts/e2e-cluster');
  mkdirSync(dir, { recursive: true });
  return dir;
}

/** Those that every test needs; what is missing is built. */
export function testImages(): { pause: Image; postgres: Image; coredns: Image } {
  const coredns = process.env.PGTAPE_E2E_COREDNS ?? '';
  const pause = pauseProgram();
  return {
    pause: built({
      name: 'pause',
      of: [pause],
      add: (context) => copyFileSync(pause, join(context, 'pause')),
    }),
    postgres: built({
      name: 'postgres',
      of: [],
      add: (context) => run(join(context, 'rootfs.sh'), [join(context, 'rootfs.tar')]),
    }),
    coredns: built({
      name: 'coredns',
      of: [coredns],
      add: (context) => copyFileSync(coredns, join(context, 'coredns')),
    }),
  };
}

/** Of CloudNativePG's operator. @param program of this machine's architecture */
export function cloudNativePgImage(program: string): Image {
  const byArchitecture = `operator/manager_${process.arch === 'x64' ? 'amd64' : process.arch}`;
  return built({
    name: 'cloudnativepg',
    of: [program],
    add(context) {
      const files = join(context, 'files');
      mkdirSync(join(files, 'operator'), { recursive: true });
      copyFileSync(program, join(files, byArchitecture));
      symlinkSync(byArchitecture, join(files, 'manager'));
    },
  });
}

/** pgtape's own, of what is built in this checkout. */
export function pgtapeImage(): Image {
  const script = fileURLToPath(new URL('../../../scripts/image', import.meta.url));
  const out = execFileSync(script, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: 600_000,
  });
  const [name, file] = out.trim().split('\n').slice(-2);
  if (name === undefined || file === undefined) throw new Error(`scripts/image printed: ${out}`);
  return { name, file };
}

function built({ name, of, add }: ImageSource): Image {
  const source = join(folder, name);
  const hash = createHash('sha256');
  for (const file of readdirSync(source).sort()) hash.update(file).update(readFileSync(join(source, file)));
  // Programs come from caches that name them by version or hash.
  for (const file of of) hash.update(file).update(String(statSync(file).size));
  const short = hash.digest('hex').slice(0, 16);
  const image = { name: `pgtape.test/${name}:${short}`, file: join(imagesDir(), `${name}-${short}.tar`) };
  if (existsSync(image.file)) return image;
  process.stderr.write(`building the image ${name} (once) ...\n`);
  const work = mkdtempSync(join(tmpdir(), 'pgtape-image-'));
  try {
    const context = join(work, 'context');
    run('cp', ['-r', source, context]);
    add(context);
    const buildah = (...args: string[]): void =>
      run('buildah', ['--root', join(work, 'root'), '--runroot', join(work, 'run'), ...args]);
    buildah('build', '--isolation', 'chroot', '--quiet', '--tag', image.name, context);
    buildah('push', '--quiet', image.name, `docker-archive:${work}/image.tar:${image.name}`);
    run('cp', [join(work, 'image.tar'), `${image.file}.${process.pid}`]);
    renameSync(`${image.file}.${process.pid}`, image.file);
    forgetOld(name, image.file);
  } finally {
    // The storage driver leaves mounts of its own folder.
    spawnSync('umount', ['-R', join(work, 'root', 'overlay')], { stdio: 'ignore' });
    rmSync(work, { recursive: true, force: true });
  }
  return image;
}

/** Images of older sources, a day after they were made: another checkout may use them till then. */
function forgetOld(name: string, current: string): void {
  for (const entry of readdirSync(imagesDir())) {
    const file = join(imagesDir(), entry);
    if (!entry.startsWith(`${name}-`) || file === current) continue;
    if (Date.now() - statSync(file).mtimeMs > 24 * 3600 * 1000) rmSync(file, { force: true });
  }
}

function run(command: string, args: readonly string[]): void {
  execFileSync(command, args, { stdio: ['ignore', 'ignore', 'inherit'], timeout: 600_000 });
}
