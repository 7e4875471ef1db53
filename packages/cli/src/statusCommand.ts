/** `pgtape status`: how a vault is, who sends to it, and what wants a person. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { VaultStatus } from '@pgtape/vault';
import { Command } from 'commander';
import { CommandError, exitCode } from './exitCode.ts';
import { type Io, put } from './io.ts';
import { printable } from './paint.ts';
import { outputOption, paintOf, withCallerOptions } from './readOptions.ts';
import { statusText } from './statusText.ts';
import { VaultStatusShape } from './vaultStatusShape.ts';
import { namedVault, type WayFlags } from './vaultWay.ts';

const help = `
Examples:
  $ pgtape status
  $ pgtape status --watch                       again every two seconds
  $ pgtape status -o json | jq -r '.alerts[].reason'
  $ pgtape status -o json | jq '.reels.list[] | select(.state == "silent") | .name'

Reels: open (sends), silent (nothing came for two of its heartbeats), crashed (no end came, and its
recorder went on in another reel or its pod is gone). LAST is since its last segment came, LAG from sealing a segment to its coming,
SKEW the recorder's clock less the vault's. docs/alerts.md says what each alert means and what to do.
Exit code 1 while an alert stands or the vault is not ready.
`;

interface Flags extends WayFlags {
  readonly output: 'table' | 'json';
  readonly watch?: true | string;
}

const watchSecondsDefault = 2;
const clearScreen = '\x1b[H\x1b[2J\x1b[3J';

/** @throws CommandError `WATCH` */
function watchMs({ watch }: Flags): number | null {
  if (watch === undefined) return null;
  const seconds = watch === true ? watchSecondsDefault : Number(watch);
  if (Number.isFinite(seconds) && seconds >= 0.1) return seconds * 1000;
  throw new CommandError('WATCH', `'${String(watch)}' is no number of seconds`, {
    exit: exitCode.usage,
    advice: 'For example --watch 5.',
  });
}

const isWell = ({ ready, alerts }: VaultStatus): boolean => ready && alerts.length === 0;

async function show(io: Io, status: VaultStatus, flags: Flags, command: Command): Promise<void> {
  if (flags.output === 'json') {
    // Watched, each is one line.
    const text = JSON.stringify(status, null, flags.watch === undefined ? 2 : 0);
    return await put(io.out, `${text}\n`);
  }
  const screen = flags.watch !== undefined && io.out.isTTY ? clearScreen : '';
  await put(io.out, screen + statusText(status, io.out, paintOf(io, command)));
}

/** A vault that is watched may be started anew: that is said, and waited for. */
function gone(io: Io, error: unknown): null {
  if (io.stop.aborted) return null;
  if (!(error instanceof CommandError) || error.code !== 'VAULT_UNREACHABLE') throw error;
  io.err.write(`${printable(error.message)}\n`);
  return null;
}

async function run(io: Io, flags: Flags, command: Command): Promise<void> {
  const everyMs = watchMs(flags);
  const client = namedVault(io, flags);
  const ask = (): Promise<VaultStatus> => client.json({ path: '/v1/status' }, VaultStatusShape);
  const status = await ask();
  await show(io, status, flags, command);
  let isWellNow = isWell(status);
  while (everyMs !== null && !io.stop.aborted) {
    await sleep(everyMs, undefined, { signal: io.stop }).catch(() => undefined);
    if (io.stop.aborted) break;
    const now = await ask().catch((error: unknown) => gone(io, error));
    if (now === null) isWellNow = false;
    else {
      isWellNow = isWell(now);
      await show(io, now, flags, command);
    }
  }
  if (!isWellNow) io.exit(exitCode.found);
}

/** Builds the command. */
export function statusCommand(io: Io): Command {
  return withCallerOptions(new Command('status'))
    .description('how the vault is, which recorders send, and what wants attention')
    .option('-w, --watch [seconds]', 'again and again, until stopped')
    .addOption(outputOption(['table', 'json']))
    .addHelpText('after', help)
    .action((flags: Flags, command: Command) => run(io, flags, command));
}
