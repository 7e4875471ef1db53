/**
 * Owns decoding one reel's journal outside a recorder, as far as asked and keeping nothing: what the bench measures. Writes nothing, sends
 * nothing, and never touches a journal that a recorder still writes to other than by reading it.
 */
import { type DraftRecord, headerLine, saltsOf } from '@pgtape/evidence';
import { SegmentRequest } from '@pgtape/otlp';
import { defaultLimits } from '@pgtape/session';
import { ReelDecoder } from './decoder.ts';
import { JournalReader } from './journalReader.ts';
import { emptyChain, type SegmentLimits, SegmentSealer } from './sealer.ts';
import { spoolDisk } from './spoolDisk.ts';

/** How far to go; each includes the ones before: bytes, records, OTLP requests, sealed and compressed segments. */
export type DecodeStage = 'read' | 'decode' | 'encode' | 'seal';

export interface DecodeOptions {
  readonly stage?: DecodeStage;
  readonly segment?: SegmentLimits;
}

export interface DecodeMeasure {
  readonly stage: DecodeStage;
  readonly journalBytes: number;
  readonly turns: number;
  readonly records: number;
  readonly statements: number;
  readonly segments: number;
  readonly compressedBytes: number;
  /** CPU of this thread. */
  readonly cpuUs: number;
  readonly wallUs: number;
}

const segmentLimits: SegmentLimits = { records: 1000, bytes: 2 * 1024 * 1024, maxSeconds: 15 };

/** Takes the records of one stage. */
interface Taker {
  record(draft: DraftRecord, monoNs: number): void;
  turnEnd(monoNs: number): void;
  finish(): void;
  segments: number;
  compressedBytes: number;
}

/** Decodes a reel's directory, `<journal dir>/<reel>`, from its first file. @throws ErrnoException */
export function decodeJournalDirectory(dir: string, options: DecodeOptions = {}): DecodeMeasure {
  const { stage = 'seal', segment = segmentLimits } = options;
  const reader = new JournalReader(dir, null, 0, spoolDisk);
  let taker: Taker | null = null;
  let records = 0;
  const settings = { limits: defaultLimits, heartbeatSeconds: 30 };
  const decoder = new ReelDecoder(settings, (draft) => {
    records += 1;
    if (stage === 'decode') return;
    taker ??= stage === 'encode' ? encoder(decoder, segment) : sealer(decoder, segment);
    taker.record(draft, decoder.now.monoNs);
  });
  const cpu = process.threadCpuUsage();
  const start = performance.now();
  let turns = 0;
  for (let found = reader.read(); found !== 'none'; found = reader.read()) {
    if (found === 'damaged') throw new Error(reader.damage);
    turns += 1;
    if (stage !== 'read') decoder.turn(reader.ms, reader.buffer, reader.start, reader.end);
    (taker as Taker | null)?.turnEnd(decoder.now.monoNs);
  }
  (taker as Taker | null)?.finish();
  const spent = process.threadCpuUsage(cpu);
  const wallUs = (performance.now() - start) * 1000;
  reader.close();
  const { segments = 0, compressedBytes = 0 } = (taker as Taker | null) ?? {};
  const { consumed: journalBytes } = reader;
  const { statements } = decoder.totals;
  const cpuUs = spent.user + spent.system;
  return { stage, journalBytes, turns, records, statements, segments, compressedBytes, cpuUs, wallUs };
}

/** Lines inside OTLP requests; no tree, no seal, no compression. */
function encoder(decoder: ReelDecoder, limits: SegmentLimits): Taker {
  const reel = decoder.reel!;
  const request = new SegmentRequest({ 'service.name': 'pgtape-recorder' });
  const { recorder, boot, host, name, version } = reel;
  const head = { reel: reel.reel, recorder, boot, host, name, version } as const;
  let seq = 1;
  let salts: string[] = [];
  const begin = (): void => {
    const key = '0'.repeat(64);
    const keys = { key, recovery_key: key, recovered: false } as const;
    const fields = { v: 1, kind: 'header', segment: 1, salt: '0'.repeat(16), ...keys } as const;
    request.begin(headerLine({ ...head, ...fields, clock: '' }));
    salts = saltsOf(reel.seed, seq, limits.records);
  };
  begin();
  let count = 0;
  return {
    record: (draft) => {
      if (count === limits.records || request.lineBytes >= limits.bytes) {
        begin();
        count = 0;
      }
      request.record(draft, { reel: reel.reel, seq, salt: salts[count]! });
      seq += 1;
      count += 1;
    },
    turnEnd: () => {},
    finish: () => {},
    segments: 0,
    compressedBytes: 0,
  };
}

function sealer(decoder: ReelDecoder, limits: SegmentLimits): Taker {
  const sealing = new SegmentSealer({
    reel: decoder.reel!,
    limits,
    recovered: false,
    head: emptyChain,
    nextSeq: 1,
    spans: [],
    openSessions: 0,
    wallUs: () => decoder.now.wallUs,
    sealed: ({ bytes }) => {
      taker.segments += 1;
      taker.compressedBytes += bytes.length;
    },
  });
  const taker: Taker = {
    record: (draft, monoNs) => sealing.record(draft, monoNs),
    turnEnd: (monoNs) => sealing.turnEnd(monoNs),
    finish: () => sealing.seal(),
    segments: 0,
    compressedBytes: 0,
  };
  return taker;
}
