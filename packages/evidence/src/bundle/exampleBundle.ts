/**
 * A small bundle with known keys: one session of the example archive, with a log. For tests here, in the command line and in e2e;
 * nothing in it is evidence, for its private keys are public.
 */
import { formatVkey } from '@pgtape/tlog';
import { type ExampleLog, exampleLeaves, exampleLog } from '../exampleLog.ts';
import { type ExampleSegment, exampleArchive, exampleSigner } from '../exampleReel.ts';
import type { HeaderLine } from '../segmentLines.ts';
import { joinLines } from '../segmentObject.ts';
import type { Signer } from '../signer.ts';
import { type BundlePlan, type BundleReel, type LoggedEntry, makeBundle, type Shown } from './makeBundle.ts';

export const exampleBundleReel = '0102030405060708090a0b0c0d0e0f10';
export const exampleBundleSession = `${exampleBundleReel.slice(0, 16)}-1`;
export const exampleOtherSession = `${exampleBundleReel.slice(0, 16)}-2`;

export interface ExampleBundleParts {
  readonly segments: readonly ExampleSegment[];
  readonly log: ExampleLog;
  readonly exporter: Signer;
}

let parts: ExampleBundleParts | undefined;

/** What the example bundle is made of; made at the first call. */
export function exampleBundleParts(): ExampleBundleParts {
  if (parts !== undefined) return parts;
  const segments = exampleArchive();
  parts = { segments, log: exampleLog(exampleLeaves(segments)), exporter: exampleSigner('exporter', 1) };
  return parts;
}

export interface ExampleBundle {
  readonly wanted?: readonly string[];
  readonly log?: ExampleLog | null;
  /** Ordinals of the session that are redacted. */
  readonly redacted?: readonly number[];
  readonly signed?: boolean;
  readonly whole?: boolean;
  /** Only these ordinals; all by default. */
  readonly chosen?: readonly number[];
  readonly segments?: readonly ExampleSegment[];
  readonly isChain?: boolean;
  readonly twist?: (plan: BundlePlan) => BundlePlan;
}

const digestIndex = (one: ExampleLog, match: (leaf: Record<string, unknown>) => boolean) =>
  one.leaves.findIndex((leaf) => match(JSON.parse(Buffer.from(leaf).toString()) as Record<string, unknown>));

/** The files of a bundle of the example archive's first session. */
export function exampleBundle(options: ExampleBundle = {}): Map<string, Uint8Array> {
  const {
    wanted = [exampleBundleSession],
    redacted = [],
    signed = redacted.length > 0,
    whole = true,
    chosen,
  } = options;
  const example = exampleBundleParts();
  const { segments = example.segments, isChain = true, twist = (plan) => plan } = options;
  const ledger = options.log === undefined ? example.log : options.log;
  const entryAt = (index: number): LoggedEntry | null =>
    ledger === null || index < 0
      ? null
      : { entry: ledger.leaves[index]!, index, hashes: ledger.proof(index) };
  const show = (record: { session?: string; n?: number }): Shown => {
    if (!wanted.includes(record.session ?? '')) return 'not';
    if (chosen !== undefined && !chosen.includes(record.n!)) return 'not';
    return redacted.includes(record.n!) ? 'redacted' : 'whole';
  };
  const holding = segments.filter(({ lines }) =>
    lines.some((line) => {
      const record = JSON.parse(line.toString()) as { session?: string; n?: number };
      return show(record) !== 'not';
    }),
  );
  const headerOf = ({ lines }: ExampleSegment) => JSON.parse(lines[0]!.toString()) as HeaderLine;
  const reels = new Map<string, BundleReel>();
  for (const segment of holding) {
    const header = headerOf(segment);
    const ofReel = segments.filter((one) => headerOf(one).reel === header.reel);
    const shown = isChain ? ofReel : ofReel.filter((one) => holding.includes(one));
    reels.set(header.reel, {
      seals: shown.map(({ lines }) => lines.at(-1)!),
      isChain,
      key: headerOf(ofReel[0]!).key,
      recoveryKey: header.recovery_key,
      start: entryAt(
        ledger === null
          ? -1
          : digestIndex(ledger, ({ kind, reel: id }) => kind === 'reel_start' && id === header.reel),
      ),
    });
  }
  const plan: BundlePlan = {
    at: '1795300000000000000',
    by: 'pgtape test',
    selection: { kind: whole ? 'sessions' : 'search', what: whole ? wanted.join(', ') : 'SELECT' },
    sessions: wanted.map((id) => ({
      session: id,
      reel: [...reels.keys()].find((one) => id.startsWith(one.slice(0, 16)))!,
      whole,
    })),
    segments: holding.map(({ key, lines }) => ({
      key,
      text: joinLines(lines),
      show,
      leaf: entryAt(ledger === null ? -1 : digestIndex(ledger, ({ object }) => object === key)),
    })),
    reels,
    log:
      ledger === null
        ? null
        : {
            checkpoint: ledger.checkpoint,
            vkeys: [formatVkey(ledger.key)],
            policy: ledger.policy,
            hasWitnessPolicy: true,
          },
    exporter: signed ? example.exporter : null,
    checker: Buffer.from('# the checker\n'),
    report: { verdict: 'complete' },
  };
  return makeBundle(twist(plan));
}
