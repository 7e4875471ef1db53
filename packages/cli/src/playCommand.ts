/** `pgtape play`: shows a session's tape in its own time. Never executes anything. */

import { setTimeout as sleep } from 'node:timers/promises';
import { decodeObject, type RecordLine } from '@pgtape/evidence';
import { Command, InvalidArgumentError } from 'commander';
import { ahead } from './ahead.ts';
import { type Archive, objectsAhead, type ReelKeys } from './archive.ts';
import { asCalled } from './commandExamples.ts';
import { CommandError, exitCode, throwIfStopped } from './exitCode.ts';
import { type Io, put } from './io.ts';
import { judgedReels } from './judgedReels.ts';
import type { Paint } from './paint.ts';
import { PlayPace } from './playPace.ts';
import { type Frame, PlayScript } from './playScript.ts';
import { openReading } from './reading.ts';
import { paintOf, type ReadFlags, withReadOptions } from './readOptions.ts';
import { readReels } from './reelPool.ts';
import { findSession, isWholeId } from './sessionFinder.ts';
import type { SessionSummary } from './sessionList.ts';
import { linesOf } from './tapeLines.ts';
import { isBad, verdictColour } from './verdictColour.ts';

const help = `
Examples:
  $ pgtape play last
  $ pgtape play 3f9ac01d77e2b415-12 --speed 4
  $ pgtape play last --speed max | less -R
  $ pgtape play last --step                       Enter shows the next statement, q ends
  $ pgtape play last -o jsonl                     the exact lines of evidence

It shows what was sent and what came of it; it never executes anything. Its reel is checked first, as by
'pgtape verify'; what the vault's own reel says of it counts where that can be read, which is not so through
a vault. Pauses longer than --idle are cut; from a minute on the tape says how long they were.
`;

interface Flags extends ReadFlags {
  readonly speed: number;
  readonly step?: boolean;
  readonly idle: number;
}

/** The lines of a session, segment by segment: a tape may be larger than memory. */
async function* tape(
  io: Io,
  archive: Archive,
  keys: readonly string[],
  session: string,
): AsyncGenerator<string[]> {
  for await (const object of ahead(keys, objectsAhead, (key) => archive.store.get(key))) {
    throwIfStopped(io);
    yield linesOf(decodeObject(object), session);
  }
}

async function* framesOf(lines: AsyncIterable<string[]>, paint: Paint): AsyncGenerator<Frame> {
  const script = new PlayScript(paint);
  for await (const some of lines) {
    for (const line of some) yield* script.frames(JSON.parse(line) as RecordLine);
  }
  yield* script.end();
}

/** Shows frames in their time; false when the person ended it. */
async function show(io: Io, frames: AsyncIterable<Frame>, flags: Flags): Promise<boolean> {
  const pace = new PlayPace(flags.speed, flags.idle * 1000);
  for await (const frame of frames) {
    const pause = pace.pauseMs(frame.atMs);
    if (flags.step !== true && pause >= 1) {
      await sleep(pause, undefined, { signal: io.stop }).catch(() => {});
    }
    throwIfStopped(io);
    await put(io.out, frame.text);
    if (flags.step === true && frame.kind === 'statement' && (await io.press()) === 'end') return false;
  }
  return true;
}

async function print(io: Io, lines: AsyncIterable<string[]>, isJson: boolean): Promise<void> {
  let isFirst = true;
  if (isJson) await put(io.out, '[');
  for await (const some of lines) {
    if (some.length === 0) continue;
    await put(io.out, isJson ? `${isFirst ? '\n' : ',\n'}${some.join(',\n')}` : `${some.join('\n')}\n`);
    isFirst = false;
  }
  if (isJson) await put(io.out, '\n]\n');
}

function heading(io: Io, summary: SessionSummary, paint: Paint): void {
  const verdict = verdictColour(summary.verdict, summary.verdict, paint);
  const more = isBad(summary.verdict) ? paint.dim("  ('pgtape verify' says what is wrong)") : '';
  io.err.write(`${paint.dim('session')} ${summary.session}  ${paint.dim('verdict')} ${verdict}${more}\n`);
}

/** Looking for the session is one reading, playing it another, which sees its reel only. */
async function openSession(
  io: Io,
  wanted: string,
  flags: Flags,
): Promise<{ archive: Archive; reel: ReelKeys; session: string }> {
  let session = wanted;
  if (!isWholeId(wanted)) {
    const all = await openReading(io, flags, { action: 'sessions', what: `play ${wanted}` });
    const found = await findSession(io, all, wanted);
    if (all.source.kind === 'direct') return { archive: all, ...found };
    session = found.session;
  }
  const archive = await openReading(io, flags, { action: 'play', what: '', session });
  return { archive, ...(await findSession(io, archive, session)) };
}

async function run(io: Io, wanted: string, flags: Flags, command: Command): Promise<void> {
  const errPaint = paintOf(io, command, io.err);
  const { archive, reel, session } = await openSession(io, wanted, flags);
  const [reading] = await readReels(io, archive, [reel], { session }, errPaint);
  const summary = reading?.sessions.find((one) => one.session === session);
  if (reading === undefined || summary === undefined) {
    throw new CommandError(
      'NO_SESSION',
      `no sound segment of this archive has a line of session '${session}'`,
      {
        exit: exitCode.found,
        advice: "'pgtape sessions' lists what there is, 'pgtape verify' what is wrong.",
      },
    );
  }
  const [judged] = await judgedReels(io, archive, [reel], [reading], errPaint);
  summary.verdict = judged?.sessions.find((one) => one.session === session)?.verdict ?? summary.verdict;
  if (isBad(summary.verdict)) io.exit(exitCode.found);
  const lines = tape(io, archive, reading.holding, session);
  if (flags.output !== 'table') {
    await print(io, lines, flags.output === 'json');
    return;
  }
  heading(io, summary, errPaint);
  if (flags.step === true && io.err.isTTY) io.err.write(`${errPaint.dim('Enter: next statement, q: end')}\n`);
  const paint = paintOf(io, command);
  const isWhole = await show(io, framesOf(lines, paint), flags);
  const end = summary.verdict === 'crashed' ? 'its end is not on tape' : 'the session is still open here';
  if (isWhole && !summary.closed) io.err.write(`${errPaint.dim(end)}\n`);
}

function speedOf(text: string): number {
  if (text === 'max') return Number.POSITIVE_INFINITY;
  const speed = Number(text);
  if (!(speed > 0)) throw new InvalidArgumentError("a speed is a number above 0, or 'max'.");
  return speed;
}

function idleOf(text: string): number {
  const seconds = Number(text);
  if (text.trim() === '' || !(seconds >= 0)) throw new InvalidArgumentError('seconds, 0 or more.');
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
    .addHelpText('after', asCalled(help))
    .action((session: string, flags: Flags, command: Command) => run(io, session, flags, command));
}
