/** Reads the files of a bundle: a tar, or the folder it unpacks to. Checks nothing but that. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, resolve, sep } from 'node:path';
import { EvidenceError, filesOf } from '@pgtape/evidence';
import { CommandError, exitCode } from './exitCode.ts';
import type { Io } from './io.ts';

export type BundleFiles = { readonly files: ReadonlyMap<string, Uint8Array> } | { readonly damaged: string };

/** The files, or what is wrong with the tar. @throws CommandError `NO_BUNDLE` */
export function readBundle(io: Io, path: string): BundleFiles {
  const root = resolve(io.cwd, path);
  try {
    if (statSync(root).isDirectory()) return { files: filesBelow(root) };
    return { files: filesOf(readFileSync(root)) };
  } catch (cause) {
    if (cause instanceof EvidenceError) return { damaged: cause.message };
    const errno = (cause as NodeJS.ErrnoException).code;
    throw new CommandError('NO_BUNDLE', `cannot read the bundle ${path} (${errno})`, {
      exit: exitCode.environment,
      cause,
    });
  }
}

function filesBelow(root: string): Map<string, Uint8Array> {
  const files = new Map<string, Uint8Array>();
  for (const entry of readdirSync(root, { recursive: true, withFileTypes: true })) {
    if (entry.isDirectory()) continue;
    const path = join(entry.parentPath, entry.name);
    const name = path
      .slice(root.length + 1)
      .split(sep)
      .join('/');
    // The tar itself, where it was unpacked on the spot, is no file of the bundle.
    if (!/^[^/]*\.tar$/.test(name)) files.set(name, readFileSync(path));
  }
  return files;
}
