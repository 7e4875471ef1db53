/**
 * pgtape's image unpacked from its archive, and programs of it run as a kubelet has them run: namespaces of their own, a root
 * that is read-only, the image's user, no capabilities, no new privileges. Needs root, and no container runtime.
 */
import { execFileSync, spawn } from 'node:child_process';
import { chownSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { childrenOf, isThere } from './imageRoot.ts';
import { pgtapeImage } from './kubernetes/images.ts';

export const imageUid = 65_532;

/** The part of an OCI image configuration that says how it is run. */
export interface ImageConfig {
  readonly created: string;
  readonly os: string;
  readonly architecture: string;
  readonly config: {
    readonly User: string;
    readonly Env: readonly string[];
    readonly Entrypoint: readonly string[];
    readonly Cmd: readonly string[];
    readonly WorkingDir: string;
    readonly Labels: Readonly<Record<string, string>>;
  };
  readonly history: readonly { readonly created_by: string }[];
}

export interface UnpackedImage {
  /** Absolute; what the image's `/` is. */
  readonly root: string;
  readonly config: ImageConfig;
  /** Whether any file of a layer gives who runs it a capability. */
  readonly hasFileCapabilities: boolean;
  remove(): void;
}

/** Built where that has not happened yet. */
export function unpackedImage(): UnpackedImage {
  const dir = mkdtempSync(join(tmpdir(), 'pgtape-image-'));
  const unpack = (archive: string, into: string): void => {
    mkdirSync(into, { recursive: true });
    execFileSync('tar', ['-xpf', archive, '-C', into, '--numeric-owner'], { stdio: 'inherit' });
  };
  unpack(pgtapeImage().file, dir);
  const [image] = JSON.parse(readFileSync(join(dir, 'manifest.json'), 'utf8'));
  const root = join(dir, 'root');
  let hasFileCapabilities = false;
  for (const layer of image.Layers as string[]) {
    unpack(join(dir, layer), root);
    hasFileCapabilities ||= readFileSync(join(dir, layer)).includes('SCHILY.xattr.security.capability');
    rmSync(join(dir, layer));
  }
  return {
    root,
    config: JSON.parse(readFileSync(join(dir, image.Config), 'utf8')),
    hasFileCapabilities,
    remove: () => rmSync(dir, { recursive: true, force: true }),
  };
}

export interface Container {
  /** Of its first process, as seen from outside. */
  readonly pid: number;
  /** What it has written so far, both streams. */
  readonly said: () => string;
  /** Exit status of its first process. */
  readonly ended: Promise<number | null>;
}

/** /dev as a runtime makes it; `$volume` is all that can be written, at /mnt, and /dev/shm. */
const enter = `
  root=$1 volume=$2
  shift 2
  ip link set lo up
  mount --bind "$root" "$root"
  mount -t proc proc "$root/proc"
  mount -t tmpfs -o mode=755 tmpfs "$root/dev"
  for node in null zero random urandom; do : >"$root/dev/$node"; mount --bind "/dev/$node" "$root/dev/$node"; done
  mkdir "$root/dev/shm"
  mount -t tmpfs -o mode=1777,size=64m tmpfs "$root/dev/shm"
  mount --bind "$volume" "$root/mnt"
  mount -o remount,bind,ro "$root"
  exec chroot "$root" /usr/bin/setpriv --reuid=${imageUid} --regid=${imageUid} --clear-groups --no-new-privs \\
    --bounding-set=-all --inh-caps=-all --ambient-caps=-all "$@"
`;

/**
 * Starts a command in the image, its entrypoint where `command` does not begin with a slash.
 * `volume`: a folder that it finds, and may write to, as /mnt.
 */
export async function startContainer(
  image: UnpackedImage,
  volume: string,
  command: readonly string[],
): Promise<Container> {
  const { Env, Entrypoint } = image.config.config;
  chownSync(volume, imageUid, imageUid);
  const whole = command[0]?.startsWith('/') === true ? command : [...Entrypoint, ...command];
  const namespaces = ['--mount', '--pid', '--net', '--ipc', '--uts', '--fork', '--kill-child'];
  const child = spawn('unshare', [...namespaces, 'sh', '-euc', enter, 'sh', image.root, volume, ...whole], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: Object.fromEntries(Env.map((entry) => entry.split(/=(.*)/s).slice(0, 2))),
  });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (said: string) => {
      text += said;
    });
  }
  const ended = new Promise<number | null>((resolve) => child.once('close', (code) => resolve(code)));
  const outer = child.pid as number;
  let first: number | undefined;
  while (first === undefined && isThere(outer) && child.exitCode === null) {
    first = childrenOf(outer)[0];
    await sleep(2);
  }
  return { pid: first ?? 0, said: () => text, ended };
}

/** Runs a command of the image to its end. */
export async function runContainer(
  image: UnpackedImage,
  volume: string,
  command: readonly string[],
): Promise<{ readonly status: number | null; readonly said: string }> {
  const container = await startContainer(image, volume, command);
  return { status: await container.ended, said: container.said() };
}

/** What the kernel says of a process's rights: user and group ids, capabilities, whether it may gain any. */
export function rightsOf(pid: number): Readonly<Record<string, string>> {
  const wanted = /^(Uid|Gid|Groups|Cap\w+|NoNewPrivs):\s*(.*?)\s*$/;
  const lines = readFileSync(`/proc/${pid}/status`, 'utf8').split('\n');
  return Object.fromEntries(
    lines.flatMap((line) => {
      const [, name, value] = wanted.exec(line) ?? [];
      return name === undefined || value === undefined ? [] : [[name, value.replaceAll('\t', ' ')]];
    }),
  );
}
