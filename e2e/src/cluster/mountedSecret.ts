/** A Secret as the kubelet puts it into a container: files behind a link that is swapped, so that all of them change at once. */
import { mkdirSync, mkdtempSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { ControlPlane } from './controlPlane.ts';
import { kubectlAt } from './kubectl.ts';

export type SecretFiles = Readonly<Record<string, string>>;

/** Its keys as text; null: it is not there. */
export function secretFiles(plane: ControlPlane, name: string): SecretFiles | null {
  const ran = kubectlAt(plane, ['-n', 'pgtape-system', 'get', 'secret', name, '-o', 'json']);
  if (ran.status !== 0) return null;
  const { data = {} } = JSON.parse(ran.out) as { data?: Record<string, string> };
  return Object.fromEntries(
    Object.entries(data).map(([key, text]) => [key, Buffer.from(text, 'base64').toString('utf8')]),
  );
}

/** Puts the files into `dir`, or others in the place of those that are there. */
export function mountSecret(dir: string, files: SecretFiles): void {
  mkdirSync(dir, { recursive: true });
  const version = mkdtempSync(join(dir, '..v'));
  const link = join(dir, '..data');
  for (const [name, text] of Object.entries(files)) {
    writeFileSync(join(version, name), text, { mode: 0o600 });
    try {
      symlinkSync(join('..data', name), join(dir, name));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
  symlinkSync(basename(version), `${link}.next`);
  renameSync(`${link}.next`, link);
}
