/**
 * Owns a disk in memory that fails, dies and forgets on demand: what the fault tables stand on. It refuses to
 * be kinder than POSIX: a file's bytes survive a power cut only after its fsync, a name only after fsync of
 * its directory.
 */
import { join } from 'node:path';
import type { Disk, DiskEntry, DiskFile, DiskStat } from './disk.ts';

export type Syscall =
  | 'open'
  | 'write'
  | 'fsync'
  | 'close'
  | 'link'
  | 'rename'
  | 'unlink'
  | 'mkdir'
  | 'fsyncDirectory'
  | 'readdir'
  | 'stat'
  | 'readFile';

/**
 * `failed`: rejected, nothing done. `failed_yet_persisted`: done, and rejected. `torn`: half a write done,
 * and rejected; elsewhere as `failed`. `short`: half a write done, and reported so; elsewhere nothing.
 * `killed_before`, `killed_after`: the process dies there, and every later call is rejected until `crash`.
 */
export type DiskFault =
  | 'none'
  | 'failed'
  | 'failed_yet_persisted'
  | 'torn'
  | 'short'
  | 'killed_before'
  | 'killed_after';
/** Asked once per call, `index` counting all calls of the disk from 0. */
export type DiskFaults = (syscall: Syscall, path: string, index: number) => DiskFault;

/**
 * What is left: `process` everything the kernel had; `power` only what was fsynced; `power_torn` every name,
 * but of what was written behind a file's last fsync only the first half (journalled metadata may overtake data).
 */
export type Crash = 'process' | 'power' | 'power_torn';

interface FileNode {
  readonly kind: 'file';
  live: Uint8Array;
  durable: Uint8Array;
}
interface DirectoryNode {
  readonly kind: 'directory';
  live: Map<string, Node>;
  durable: Map<string, Node>;
}
type Node = FileNode | DirectoryNode;

const newDirectory = (): DirectoryNode => ({ kind: 'directory', live: new Map(), durable: new Map() });

function failure(errno: string, syscall: string, path: string): Error {
  return Object.assign(new Error(`${errno}: ${syscall} '${path}'`), { code: errno });
}

/** See the file's first sentence. Directory `/` exists. */
export class MemoryDisk implements Disk {
  readonly #root = newDirectory();
  #faults: DiskFaults;
  #killed = false;
  #calls = 0;
  /** Every call made, as `syscall path`. */
  readonly trace: string[] = [];

  constructor(faults: DiskFaults = () => 'none') {
    this.#faults = faults;
  }

  get killed(): boolean {
    return this.#killed;
  }

  /** The machine comes back with what `crash` leaves; `faults` from now on. */
  crash(crash: Crash, faults: DiskFaults = () => 'none'): void {
    this.#killed = false;
    this.#calls = 0;
    this.#faults = faults;
    this.trace.length = 0;
    if (crash !== 'process') settle(this.#root, crash);
  }

  create(path: string, _mode: number): Promise<DiskFile> {
    return this.#call('open', path, () => {
      const { parent, name } = this.#place('open', path);
      if (parent.live.has(name)) throw failure('EEXIST', 'open', path);
      const node: FileNode = { kind: 'file', live: new Uint8Array(), durable: new Uint8Array() };
      parent.live.set(name, node);
      return this.#file(node, path);
    });
  }

  link(from: string, to: string): Promise<void> {
    return this.#call('link', to, () => {
      const node = this.#find('link', from);
      const { parent, name } = this.#place('link', to);
      if (parent.live.has(name)) throw failure('EEXIST', 'link', to);
      parent.live.set(name, node);
    });
  }

  rename(from: string, to: string): Promise<void> {
    return this.#call('rename', to, () => {
      const node = this.#find('rename', from);
      const old = this.#place('rename', from);
      const { parent, name } = this.#place('rename', to);
      if (parent.live.get(name)?.kind === 'directory') throw failure('EISDIR', 'rename', to);
      parent.live.set(name, node);
      old.parent.live.delete(old.name);
    });
  }

  unlink(path: string): Promise<void> {
    return this.#call('unlink', path, () => {
      const { parent, name } = this.#place('unlink', path);
      if (!parent.live.delete(name)) throw failure('ENOENT', 'unlink', path);
    });
  }

  mkdir(path: string, _mode: number): Promise<void> {
    return this.#call('mkdir', path, () => {
      const { parent, name } = this.#place('mkdir', path);
      if (parent.live.has(name)) throw failure('EEXIST', 'mkdir', path);
      parent.live.set(name, newDirectory());
    });
  }

  fsyncDirectory(path: string): Promise<void> {
    return this.#call('fsyncDirectory', path, () => {
      const node = this.#directory('fsyncDirectory', path);
      node.durable = new Map(node.live);
    });
  }

  readdir(path: string): Promise<DiskEntry[]> {
    return this.#call('readdir', path, () =>
      [...this.#directory('readdir', path).live].map(([name, node]) => ({ name, kind: node.kind })),
    );
  }

  /** Its clock stands still. */
  stat(path: string): Promise<DiskStat> {
    return this.#call('stat', path, () => {
      const node = this.#find('stat', path);
      return { kind: node.kind, bytes: node.kind === 'file' ? node.live.length : 0, modifiedMs: 0 };
    });
  }

  readFile(path: string): Promise<Uint8Array> {
    return this.#call('readFile', path, () => {
      const node = this.#find('readFile', path);
      if (node.kind !== 'file') throw failure('EISDIR', 'readFile', path);
      return Uint8Array.from(node.live);
    });
  }

  #file(node: FileNode, path: string): DiskFile {
    return {
      write: (bytes) => {
        const take = (count: number): number => {
          node.live = Uint8Array.from(Buffer.concat([node.live, bytes.subarray(0, count)]));
          return count;
        };
        const half = Math.ceil(bytes.length / 2);
        return this.#call(
          'write',
          path,
          () => take(bytes.length),
          () => take(half),
        );
      },
      fsync: () =>
        this.#call('fsync', path, () => {
          node.durable = node.live;
        }),
      close: () => this.#call('close', path, () => undefined),
    };
  }

  async #call<T>(syscall: Syscall, path: string, run: () => T, half?: () => T): Promise<T> {
    await Promise.resolve();
    if (this.#killed) throw failure('EKILLED', syscall, path);
    const fault = this.#faults(syscall, path, this.#calls);
    this.#calls += 1;
    this.trace.push(`${syscall} ${path}`);
    if (fault === 'none') return run();
    if (fault === 'short') return (half ?? run)();
    if (fault === 'failed_yet_persisted' || fault === 'killed_after') run();
    if (fault === 'torn') half?.();
    if (fault === 'killed_before' || fault === 'killed_after') this.#killed = true;
    throw failure(this.#killed ? 'EKILLED' : 'EIO', syscall, path);
  }

  #find(syscall: Syscall, path: string): Node {
    let node: Node = this.#root;
    for (const name of join('/', path).split('/')) {
      if (name === '') continue;
      if (node.kind !== 'directory') throw failure('ENOTDIR', syscall, path);
      const next: Node | undefined = node.live.get(name);
      if (next === undefined) throw failure('ENOENT', syscall, path);
      node = next;
    }
    return node;
  }

  #directory(syscall: Syscall, path: string): DirectoryNode {
    const node = this.#find(syscall, path);
    if (node.kind !== 'directory') throw failure('ENOTDIR', syscall, path);
    return node;
  }

  #place(syscall: Syscall, path: string): { parent: DirectoryNode; name: string } {
    const full = join('/', path);
    const cut = full.lastIndexOf('/');
    return { parent: this.#directory(syscall, full.slice(0, cut)), name: full.slice(cut + 1) };
  }
}

function settle(directory: DirectoryNode, crash: Crash): void {
  if (crash === 'power') directory.live = new Map(directory.durable);
  directory.durable = new Map(directory.live);
  for (const node of directory.live.values()) {
    if (node.kind === 'directory') settle(node, crash);
    else if (node.durable !== node.live) {
      // Files only grow: what was fsynced of one stays, whatever was written behind it.
      const kept = node.durable.length;
      const torn = kept + Math.floor((node.live.length - kept) / 2);
      node.live = crash === 'power' ? node.durable : node.live.slice(0, torn);
      node.durable = node.live;
    }
  }
}
