/** For tests: one reel's pipeline on a spool in a temporary directory, its lines read back, and a disk that dies on command. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { zstdDecompressSync } from 'node:zlib';
import { checkReel, encodeObject, type ReelVerdict, segmentKey } from '@pgtape/evidence';
import { readSegmentRequest } from '@pgtape/otlp';
import { defaultLimits } from '@pgtape/session';
import { builtReel } from './journalBuilder.testing.ts';
import { Outbox } from './outbox.ts';
import { journalTest } from './recovery.ts';
import { type PipelineOptions, type PipelineState, ReelPipeline } from './reelPipeline.ts';
import type { SegmentLimits } from './sealer.ts';
import { type SpoolDisk, spoolDisk } from './spoolDisk.ts';

export interface TestSpool {
  readonly journalDir: string;
  readonly outboxDir: string;
}

const roots: string[] = [];
afterAll(() => {
  for (const root of roots) rmSync(root, { recursive: true, force: true });
});

/** Removed when the test file is done. */
export function makeSpool(): TestSpool {
  const root = mkdtempSync(join(tmpdir(), 'pgtape-evidence-'));
  roots.push(root);
  return { journalDir: join(root, 'journal'), outboxDir: join(root, 'outbox') };
}

/** A process that is killed loses nothing that it wrote: only a machine that stops needs fsync, and that is not what is tested. */
export const quickDisk: SpoolDisk = { ...spoolDisk, fsync: () => {} };

export interface PipelineTestOptions {
  readonly isDead?: boolean;
  readonly disk?: SpoolDisk;
  readonly segment?: Partial<SegmentLimits>;
  readonly reel?: string;
  readonly heartbeatSeconds?: number;
  readonly nowMs?: () => number;
  readonly snapshotPace?: number;
  readonly heldBytesMax?: number;
}

const smallSegments: SegmentLimits = { records: 7, bytes: 1 << 20, maxSeconds: 15 };

export function pipelineOptions(spool: TestSpool, options: PipelineTestOptions): PipelineOptions {
  const { isDead = false, disk = quickDisk, reel = builtReel.reel, heartbeatSeconds = 3 } = options;
  let now = 0;
  return {
    dir: join(spool.journalDir, reel),
    isDead,
    settings: {
      limits: defaultLimits,
      heartbeatSeconds,
      ...(options.heldBytesMax === undefined ? {} : { heldBytesMax: options.heldBytesMax }),
    },
    segment: { ...smallSegments, ...options.segment },
    outbox: new Outbox(spool.outboxDir, journalTest(disk, spool.journalDir, isDead ? '' : reel), disk),
    disk,
    wallUs: () => builtReel.wallUs,
    snapshotPace: options.snapshotPace ?? 0,
    // Every look at the clock is a second later, so that every seal is followed by a snapshot.
    nowMs:
      options.nowMs ??
      (() => {
        now += 1000;
        return now;
      }),
  };
}

/** Decodes until there is nothing more to do; as a crash would, it leaves everything where it is. */
export function runPipeline(spool: TestSpool, options: PipelineTestOptions = {}): PipelineState {
  const pipeline = new ReelPipeline(pipelineOptions(spool, options));
  try {
    let state: PipelineState = 'busy';
    while (state === 'busy') state = pipeline.step(64);
    return state;
  } finally {
    pipeline.close();
  }
}

/** The segments of a reel in its outbox, each as its lines. */
export function sealedSegments(spool: TestSpool, reel = builtReel.reel): string[][] {
  const dir = join(spool.outboxDir, reel);
  return readdirSync(dir)
    .filter((name) => /\.(otlp\.zst|acked)$/.test(name))
    .sort()
    .map((name) => segmentLines(readFileSync(join(dir, name))));
}

export function segmentLines(compressed: Uint8Array): string[] {
  const reading = readSegmentRequest(zstdDecompressSync(compressed));
  if (reading.kind !== 'segment') throw new Error(`not a segment: ${reading.kind}`);
  return reading.lines.map((line) => Buffer.from(line).toString());
}

/** All record lines of a reel, in order. */
export function recordLines(spool: TestSpool, reel = builtReel.reel): string[] {
  return sealedSegments(spool, reel).flatMap((lines) => lines.slice(1, -1));
}

/** What an auditor would say of segments as lines. */
export function verdictOf(segments: readonly (readonly string[])[]): Promise<ReelVerdict> {
  return checkReel(
    segments.map((lines, index) => ({
      key: segmentKey(builtReel.recorder, builtReel.reel, index + 1),
      object: encodeObject(lines.map((line) => Buffer.from(line))),
    })),
  );
}

export class Killed extends Error {}

/** How a call ends at which the process dies: not made, made, or (for a write) half made. */
export type Death = 'before' | 'after' | 'torn';

const mutating = ['write', 'fsync', 'rename', 'unlink', 'mkdir', 'removeTree'] as const;

/** A disk on which the process dies at its `at`-th changing call, and stays dead. `calls` counts them. */
export function mortalDisk(at: number, death: Death): SpoolDisk & { readonly calls: () => number } {
  let calls = 0;
  let isDead = false;
  const die = (): never => {
    isDead = true;
    throw new Killed();
  };
  const base = quickDisk as unknown as Record<string, (...args: unknown[]) => unknown>;
  const disk: Record<string, unknown> = { calls: () => calls };
  for (const name of Object.keys(base)) {
    const call = base[name]!;
    disk[name] = (...args: unknown[]): unknown => {
      if (isDead) throw new Killed();
      const changes =
        (mutating as readonly string[]).includes(name) || (name === 'open' && args[1] === 'write');
      if (!changes) return call(...args);
      calls += 1;
      if (calls !== at) return call(...args);
      if (death === 'before') return die();
      if (death === 'torn' && name === 'write') {
        call(args[0], args[1], args[2], Math.floor((args[3] as number) / 2));
        return die();
      }
      try {
        call(...args);
      } finally {
        die();
      }
    };
  }
  return disk as unknown as SpoolDisk & { readonly calls: () => number };
}

/** How a call ends that fails while the process lives on: nothing done, all of it done, or (a write) half of it. */
export type Fault = 'before' | 'after' | 'torn';

/** A disk whose `at`-th changing call, and the `times - 1` after it, fail with `code`. `failures` counts them. */
export function faultyDisk(
  at: number,
  times: number,
  fault: Fault,
  code: 'ENOSPC' | 'EIO',
): SpoolDisk & { readonly failures: () => number } {
  let calls = 0;
  let failures = 0;
  const base = quickDisk as unknown as Record<string, (...args: unknown[]) => unknown>;
  const disk: Record<string, unknown> = { failures: () => failures };
  for (const name of Object.keys(base)) {
    const call = base[name]!;
    disk[name] = (...args: unknown[]): unknown => {
      const changes =
        (mutating as readonly string[]).includes(name) || (name === 'open' && args[1] === 'write');
      if (!changes) return call(...args);
      calls += 1;
      if (calls < at || calls >= at + times) return call(...args);
      failures += 1;
      if (fault === 'torn' && name === 'write') {
        call(args[0], args[1], args[2], Math.floor((args[3] as number) / 2));
      } else if (fault === 'after' && name !== 'open') call(...args);
      throw Object.assign(new Error(`${code}: ${name}`), { code, syscall: name });
    };
  }
  return disk as unknown as SpoolDisk & { readonly failures: () => number };
}
