/**
 * `pgtape doctor archive`: tries to break a store's lock and says what it let happen, to a vault too, which records it.
 * It refuses to touch an archive.
 */
import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import {
  type Lock,
  openProbedStore,
  type ProbeOutcome,
  type ProbeReport,
  type ProbeResult,
  type ProbeTest,
  probeFully,
  type Store,
} from '@pgtape/store';
import { Command, InvalidArgumentError, Option } from 'commander';
import { z } from 'zod';
import { CommandError, exitCode, throwIfStopped } from './exitCode.ts';
import { type Io, put } from './io.ts';
import type { Paint } from './paint.ts';
import { Progress } from './progress.ts';
import { outputOption, paintOf, withCallerOptions } from './readOptions.ts';
import { storeFailure } from './storeFailure.ts';
import { type Column, tableText } from './table.ts';
import type { VaultClient } from './vaultClient.ts';
import { namedVault, type WayFlags } from './vaultWay.ts';

const help = `
Examples:
  $ pgtape doctor archive --store 's3://audit-probe?region=eu-central-1'
  $ pgtape doctor archive --store 's3://probe?endpoint=https://s3.example:9000&pathStyle=1' --retain 60 -o json
  $ pgtape doctor archive --store 's3://audit-probe' --vault https://vault.example:7417 --token-file probe.token

Give it a bucket that may be broken, configured like the archive's, and credentials that may do everything there:
a right that is missing hides what the lock would have done. It puts small objects below probe/, tries to delete,
shorten and overwrite them, stops versions for a moment where that is allowed, and waits until their retention
is over. What it can delete then it deletes.

With --vault (or PGTAPE_VAULT) the result becomes a record in that vault's own reel, of your name there; the
vault must let you (may: [probe]). Otherwise it is on no record, and the command says so.

Credentials come from the environment, a profile or a role (AWS_ACCESS_KEY_ID, AWS_PROFILE ...).

Exit codes: 0 nothing was allowed; 1 something was; 3 it could not be tried, or not be recorded.
`;

interface Flags extends WayFlags {
  readonly store: string;
  readonly lock: Exclude<Lock, 'none'>;
  readonly retain: number;
  readonly output: 'table' | 'json';
}

const trying: Readonly<Record<ProbeTest | 'cleaning', string>> = {
  drop_retention: 'putting an object under retention',
  delete: 'deleting it',
  bypass: 'deleting it with bypass',
  shorten: 'shortening its retention',
  change_mode: 'changing its kind of retention',
  overwrite: 'overwriting it',
  suspend_versions: 'suspending versions',
  hold_after_expiry: 'deleting what only a hold protects',
  cleaning: 'deleting what was put',
};

const every = Object.keys(trying).filter((test): test is ProbeTest => test !== 'cleaning');

const words: Readonly<Record<ProbeOutcome, string>> = {
  refused_by_lock: 'refused by the lock',
  refused_by_permission: 'refused by permission',
  allowed: 'allowed',
  unknown: 'unknown',
};

const columns: readonly Column<ProbeResult>[] = [
  { title: 'TEST', cell: ({ test }) => test },
  {
    title: 'RESULT',
    cell: ({ outcome }) => words[outcome],
    colour: ({ outcome }, text, paint) => {
      if (outcome === 'allowed') return paint.red(text);
      return outcome === 'refused_by_lock' ? paint.green(text) : paint.yellow(text);
    },
  },
  { title: 'DETAIL', cell: ({ detail }) => detail },
];

/** In a bucket that holds an archive nothing is tried. */
async function assertDisposable(store: Store): Promise<void> {
  for (const prefix of ['reel/', 'log/']) {
    for await (const { key } of store.list(prefix)) {
      throw new CommandError('NOT_DISPOSABLE', `an archive lies there (${key})`, {
        exit: exitCode.usage,
        advice: 'Make another bucket, configured like this one, and name that: it may be broken.',
      });
    }
  }
}

async function probe(io: Io, flags: Flags, paint: Paint): Promise<ProbeReport> {
  const { store, attempts } = await openProbedStore(flags.store, { lock: flags.lock });
  if (attempts === null) {
    const detail = 'a directory has no lock';
    return { lock: 'none', results: every.map((test) => ({ test, outcome: 'allowed', detail })) };
  }
  await assertDisposable(store);
  const progress = new Progress(io.err, paint, () => io.now());
  let current = '';
  const tell = (step: ProbeTest | 'waiting' | 'cleaning', leftMs = 0): void => {
    throwIfStopped(io);
    if (current === 'waiting' && step !== 'waiting') progress.passing('waiting until the retention is over');
    if (step === 'waiting') {
      const text = `waiting ${Math.ceil(leftMs / 1000)} s until the retention is over`;
      if (current === step) progress.passing(text);
      else progress.step(text);
    } else if (current !== step) progress.step(trying[step]);
    current = step;
  };
  try {
    const sleep = (ms: number) => delay(ms, undefined, { signal: io.stop }).catch(() => throwIfStopped(io));
    const run = randomBytes(8).toString('hex');
    const report = await probeFully(
      { store, attempts, now: () => io.now(), sleep, run, tell },
      flags.retain * 1000,
    );
    progress.done();
    return report;
  } catch (error) {
    progress.fail();
    throw error;
  }
}

function summaryOf(report: ProbeReport, wanted: Lock, paint: Paint): string {
  const named = (outcome: ProbeOutcome): string =>
    report.results
      .filter((result) => result.outcome === outcome)
      .map(({ test }) => test)
      .join(', ');
  const unproven = [named('refused_by_permission'), named('unknown')]
    .filter((text) => text !== '')
    .join(', ');
  const lines = [
    named('allowed') === ''
      ? ''
      : paint.red(`Allowed: ${named('allowed')}. An archive there is tamper-evident only.`),
    unproven === '' ? '' : paint.yellow(`Not proven: ${unproven}.`),
    named('allowed') + unproven === '' ? paint.green(`The lock holds (${wanted}).`) : '',
  ];
  return `\n${lines.filter((line) => line !== '').join('\n')}\n`;
}

/** Where the report is to be recorded; null: nowhere. A vault of `pgtape up` is not meant unless it is named. */
function recorderOf(io: Io, flags: Flags): VaultClient | null {
  if (flags.vault === undefined && io.env.PGTAPE_VAULT === undefined) return null;
  return namedVault(io, flags);
}

const Recorded = z.object({ seq: z.int().positive(), line: z.string().regex(/^[0-9a-f]{64}$/) });

/** @throws CommandError as VaultClient */
async function record(io: Io, vault: VaultClient | null, store: string, report: ProbeReport): Promise<void> {
  if (vault === null) {
    io.err.write('pgtape: this result is on no record; --vault URL puts it on one\n');
    return;
  }
  const body = { store, lock: report.lock, results: report.results.map(bounded) };
  const { seq, line } = await vault.json({ method: 'POST', path: '/v1/probes', body }, Recorded);
  io.err.write(`pgtape: record ${seq} in the reel of ${vault.origin}, line ${line}\n`);
}

/** A server's words may be long. */
function bounded({ test, outcome, detail }: ProbeResult): ProbeResult {
  return { test, outcome, detail: detail.slice(0, detailCharactersMax) };
}

const detailCharactersMax = 1000;

async function run(io: Io, flags: Flags, command: Command): Promise<void> {
  // Credentials that cannot be read are told before minutes have passed.
  const vault = recorderOf(io, flags);
  const report = await probe(io, flags, paintOf(io, command, io.err)).catch((error: unknown) => {
    throw storeFailure(error);
  });
  if (report.results.some(({ outcome }) => outcome === 'allowed')) io.exit(exitCode.found);
  if (flags.output === 'json') await put(io.out, `${JSON.stringify(report, null, 2)}\n`);
  else {
    const paint = paintOf(io, command);
    await put(
      io.out,
      tableText(report.results, columns, io.out, paint) + summaryOf(report, flags.lock, paint),
    );
  }
  await record(io, vault, flags.store, report);
}

function seconds(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 10 || value > 86_400) {
    throw new InvalidArgumentError('whole seconds are needed, 10 to 86400.');
  }
  return value;
}

/** Builds the command. */
export function doctorCommand(io: Io): Command {
  const archive = withCallerOptions(new Command('archive'))
    .description("try to break a bucket's lock, and say what it let happen")
    .requiredOption(
      '--store <store>',
      'a bucket that may be broken: s3://bucket/prefix?endpoint=...&region=...',
    )
    .addOption(
      new Option('--lock <kind>', 'the lock that is wanted')
        .choices(['strict', 'bypassable'])
        .default('strict'),
    )
    .option('--retain <seconds>', 'how long what it puts is kept; it waits for that', seconds, 20)
    .addOption(outputOption(['table', 'json']))
    .addHelpText('after', help)
    .action((flags: Flags, command: Command) => run(io, flags, command));
  return new Command('doctor')
    .description('try whether what pgtape stands on holds')
    .addHelpText(
      'after',
      "\nExamples:\n  $ pgtape doctor archive --store 's3://audit-probe?region=eu-central-1'\n",
    )
    .addCommand(archive);
}
