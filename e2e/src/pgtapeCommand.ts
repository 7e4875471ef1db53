/** The command `pgtape` as a user has it: where it lies, and one run of it to its end. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** The script that finds node by itself. */
export const pgtape = fileURLToPath(new URL('../../pgtape', import.meta.url));
/** What it runs, for a node of one's own choice. */
export const pgtapeMain = fileURLToPath(new URL('../../packages/cli/dist/main.js', import.meta.url));

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs it to its end, however it ends; `env` beside this process's own environment. */
export function runPgtape(
  args: readonly string[],
  { cwd, env }: { readonly cwd?: string; readonly env?: Readonly<Record<string, string>> } = {},
): Promise<Ran> {
  return new Promise((resolve) => {
    execFile(pgtape, args, { cwd, env: { ...process.env, ...env } }, (error, out, err) => {
      resolve({ code: error === null ? 0 : Number(error.code), out, err });
    });
  });
}
