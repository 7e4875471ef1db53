/** `pgtape play`: shows a session's tape in its own time. Never executes anything. */
import { setTimeout as sleep } from 'node:timers/promises';
import { checkReel, type RecordLine } from '@pgtape/evidence';
import { Command, InvalidArgumentError } from 'commander';
import { type Archive, openArchive, segmentsOf } from './archive.ts';
import { exitCode } from './exitCode.ts';
import type { Io } from './io.ts';
import { type Paint, paintFor } from './paint.ts';
import { type Frame, playScript } from './playScript.ts';
import { paintOf, type ReadFlags, withReadOptions } from './readOptions.ts';
import { findSession, readSessions, type SessionSummary } from './sessionList.ts';
import { isBad, verdictColour } from './verdictColour.ts';

const help = `
Examples:
  $ pgtape play last
  $ pgtape play 3f9ac01d77e2b415-12 --speed 4
  $ pgtape play last --speed max | less -R
  $ pgtape play last --step                       one statement at each press of Enter
  $ pgtape play last -o jsonl                     the exact lines of evidence

It shows what was sent and what came of it; it never executes anything. Pauses longer than --idle are cut.
`;

interface Flags extends ReadFlags {
  readonly speed: number;
  readonly step?: boolean;
  readonly idle: number;
}

async function recordsOf(
  archive: Archive,
  summary: SessionSummary,
): Promise<{ record: RecordLine; line: string }[]> {
  const reel = archive.reels.find((one) => one.reel === summary.reel);
  const found: { record: RecordLine; line: string }[] = [];
  if (reel === undefined) return found;
  await checkReel(segmentsOf(archive, reel), {
    onLine({ record, bytes }) {
      if (record.session !== summary.session) return;
      found.push({ record: record as unknown as RecordLine, line: Buffer.from(bytes).toString('utf8') });
    },
  });
  return found;
}

/** Resolves at the next line of standard input, or when the command is stopped. */
function nextPress(io: Io): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      process.stdin.pause();
      process.stdin.removeListener('data', done);
      resolve();
    };
    process.stdin.resume();
    process.stdin.once('data', done);
    process.stdin.once('end', done);
    io.stop.addEventListener('abort', done, { once: true });
  });
}

async function show(io: Io, frames: readonly Frame[], flags: Flags): Promise<void> {
  let clock = frames[0]?.atMs ?? 0;
  for (const frame of frames) {
    if (io.stop.aborted) return;
    if (flags.step !== true && Number.isFinite(flags.speed)) {
      const pause = Math.min(flags.idle * 1000, Math.max(0, frame.atMs - clock)) / flags.speed;
      if (pause >= 1) await sleep(pause, undefined, { signal: io.stop }).catch(() => {});
    }
    clock = Math.max(clock, frame.atMs);
    io.out.write(frame.text);
    if (flags.step === true && frame.text.includes('=>')) await nextPress(io);
  }
}

function heading(io: Io, summary: SessionSummary, paint: Paint): void {
  const verdict = verdictColour(summary.verdict, summary.verdict, paint);
  io.err.write(`${paint.dim('session')} ${summary.session}  ${paint.dim('verdict')} ${verdict}\n`);
}

async function run(io: Io, wanted: string, flags: Flags, command: Command): Promise<void> {
  const archive = await openArchive(io, flags.archive);
  const summary = findSession(await readSessions(archive), wanted);
  const records = await recordsOf(archive, summary);
  if (flags.output === 'jsonl') io.out.write(records.map(({ line }) => `${line}\n`).join(''));
  else if (flags.output === 'json') io.out.write(`[\n${records.map(({ line }) => line).join(',\n')}\n]\n`);
  else {
    heading(io, summary, paintFor(io, io.err, command.optsWithGlobals().color !== false));
    const script = playScript(
      records.map(({ record }) => record),
      paintOf(io, command),
    );
    await show(io, script, flags);
  }
  if (isBad(summary.verdict)) io.exit(exitCode.found);
}

function speedOf(text: string): number {
  if (text === 'max') return Number.POSITIVE_INFINITY;
  const speed = Number(text);
  if (!(speed > 0)) throw new InvalidArgumentError("a speed is a number above 0, or 'max'.");
  return speed;
}

function idleOf(text: string): number {
  const seconds = Number(text);
  if (!(seconds >= 0)) throw new InvalidArgumentError('seconds, 0 or more.');
  return seconds;
}

/** Builds the command. */
export function playCommand(io: Io): Command {
  return withReadOptions(new Command('play'))
    .description("show a session's tape in its own time; never executes anything")
    .argument('<session>', "a session's id or a part of it; 'last', 'last-1' ...")
    .option('--speed <factor>', "times as fast as it was, or 'max'", speedOf, 1)
    .option('--idle <seconds>', 'longest pause shown', idleOf, 3)
    .option('--step', 'one statement at each press of Enter')
    .addHelpText('after', help)
    .action((session: string, flags: Flags, command: Command) => run(io, session, flags, command));
}
