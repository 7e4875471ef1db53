/**
 * For fuzzing: what is done with an input, and what must hold whatever it is. The first byte of an input says for whom it is; the rest is
 * bytes of a connection, of a message, of a value, or events of a session.
 */
import type { DraftRecord, Instant } from '@pgtape/evidence';
import { defaultLimits, SessionMachine } from '@pgtape/session';
import {
  type CutSink,
  decodeParameter,
  FrameCutter,
  FrameReader,
  readAuthentication,
  readBackendKey,
  readBind,
  readClose,
  readCommandComplete,
  readCopyFail,
  readCopyResponse,
  readDescribe,
  readError,
  readExecute,
  readFunctionCall,
  readNegotiate,
  readNotification,
  readParameterDescription,
  readParameterStatus,
  readParse,
  readQuery,
  readReadyForQuery,
  readRowDescription,
  readStartup,
  type Side,
  startupPacketBytes,
  trace,
} from '@pgtape/wire';

export const targets = ['frontend', 'backend', 'startup', 'message', 'value', 'session'] as const;
export type Target = (typeof targets)[number];

/** Longest input made; what a target may hold and say is bounded by small multiples of it. */
export const inputBytesMax = 4096;
const inspectBytesMax = 64;

function must(holds: boolean, what: string): void {
  if (!holds) throw new Error(what);
}

/** A stream cut at the given places: the frames read back, and what was counted. */
function framed(side: Side, bytes: Uint8Array, pieces: readonly number[]): string {
  const told: string[] = [];
  let counted = '';
  let count = 0;
  const reader = new FrameReader(side, inspectBytesMax, (tag, body, bodyBytes, sha256) => {
    must(body.length <= inspectBytesMax, 'a frame is longer than the inspection limit');
    told.push(
      `${tag}:${Buffer.from(body).toString('hex')}:${bodyBytes}:${sha256 === null ? '' : Buffer.from(sha256).toString('hex')}`,
    );
  });
  const sink: CutSink = {
    keep: (chunk, start, end) => reader.push(chunk, start, end),
    keepHeader: (header) => reader.push(header),
    counted: (tag, frames, length) => {
      if (counted !== `${tag}`) counted = `${tag}`;
      count += frames + length * 1000;
    },
    tail: (tag, bodyBytes, sha256) => reader.tail(tag, bodyBytes, sha256),
  };
  const cutter = new FrameCutter(side, inspectBytesMax, sink);
  let at = 0;
  for (let index = 0; at < bytes.length; index += 1) {
    const size = pieces[index % pieces.length] as number;
    cutter.push(bytes.subarray(at, at + size));
    must(reader.pending <= inspectBytesMax + 5, 'the reader holds more than a frame');
    at += size;
  }
  must(!reader.broken, 'the cutter made a stream that the reader does not take');
  return `${told.join(' ')} ${count} ${cutter.broken} ${cutter.broken || cutter.midFrame}`;
}

function framing(side: Side, bytes: Uint8Array): void {
  const whole = framed(side, bytes, [bytes.length + 1]);
  const sizes = [1 + ((bytes[0] ?? 0) % 9), 1 + ((bytes[1] ?? 0) % 5), 1 + ((bytes[2] ?? 0) % 70)];
  must(framed(side, bytes, sizes) === whole, 'the pieces of a stream make a difference');
}

function startup(bytes: Uint8Array): void {
  let length: number | 'bad' | null = null;
  for (let end = 0; end <= Math.min(bytes.length, 12); end += 1) {
    const said = startupPacketBytes(bytes.subarray(0, end));
    must(length === null || said === length, 'a startup packet changes its length');
    length = said;
  }
  readStartup(bytes);
}

const readers = [
  readAuthentication,
  readBackendKey,
  readBind,
  readClose,
  readCommandComplete,
  readCopyFail,
  readCopyResponse,
  readDescribe,
  readError,
  readExecute,
  readFunctionCall,
  readNegotiate,
  readNotification,
  readParameterDescription,
  readParameterStatus,
  readParse,
  readQuery,
  readReadyForQuery,
  readRowDescription,
];

function message(bytes: Uint8Array): void {
  const body = bytes.subarray(1);
  for (const read of readers) read(body);
  for (const side of ['frontend', 'backend'] as const) {
    const line = trace(side, bytes[0] ?? 0, body);
    must(line.length <= 64 + body.length * 64, 'a line of trace is out of proportion');
  }
}

const valueBytesMax = 200;

function value(bytes: Uint8Array): void {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const oid = bytes.length < 4 ? 0 : view.readUInt32BE();
  const rest = bytes.subarray(5);
  const told = decodeParameter(oid, (bytes[4] ?? 0) & 1 ? 1 : 0, rest, valueBytesMax);
  must(Buffer.byteLength(told.v) <= valueBytesMax, `a value of type ${oid} is longer than its bound`);
}

/** How far a clock goes on, by the upper half of an event's first byte. */
const steps = [0, 1000, 1_000_000, 2e9, 1000e9];
const sessionEvents = {
  frontend: 0,
  backend: 1,
  frontendCounted: 2,
  backendCounted: 3,
  startup: 4,
  tick: 5,
  restore: 6,
  frontendCut: 7,
  backendCut: 8,
  lost: 9,
  close: 10,
} as const;
export const sessionEvent = sessionEvents;

const identity = {
  session: '00112233445566ff-7',
  client: { address: '192.0.2.7', port: 50_123 },
  server: { address: '127.0.0.2', port: 5432 },
  tls: false,
};
const limits = {
  ...defaultLimits,
  tokensMax: 60,
  statementsMax: 8,
  paramsMax: 12,
  sqlBytesMax: 300,
  stretchStatements: 9,
};
const sha256 = new Uint8Array(32);

/** `[kind, type, int16 length, body]`, over and over; what stands behind a short end is left out. */
function session(bytes: Uint8Array): void {
  const records: DraftRecord[] = [];
  const sink = { record: (draft: DraftRecord): void => void records.push(draft) };
  let now: Instant = { wallUs: 1_700_000_000_000_000, monoNs: 5e9 };
  let machine = new SessionMachine(identity, limits, sink, now);
  for (let at = 0; at + 4 <= bytes.length; ) {
    const kind = (bytes[at] as number) & 15;
    const step = steps[((bytes[at] as number) >> 4) % steps.length] as number;
    const tag = bytes[at + 1] as number;
    const end = Math.min(bytes.length, at + 4 + (bytes[at + 2] as number) * 256 + (bytes[at + 3] as number));
    const body = bytes.subarray(at + 4, end);
    at = end;
    now = { wallUs: now.wallUs + step / 1000, monoNs: now.monoNs + step };
    if (kind === sessionEvents.frontend) machine.frontend(tag, body, body.length, null, now);
    else if (kind === sessionEvents.backend) machine.backend(tag, body, body.length, null, now);
    else if (kind === sessionEvents.frontendCounted)
      machine.counted('frontend', tag, body.length, body.length * 9, now);
    else if (kind === sessionEvents.backendCounted)
      machine.counted('backend', tag, body.length, body.length * 9, now);
    else if (kind === sessionEvents.startup) machine.startup(body, now);
    else if (kind === sessionEvents.tick) machine.tick(now);
    else if (kind === sessionEvents.frontendCut) machine.frontend(tag, body, 2_000_000, sha256, now);
    else if (kind === sessionEvents.backendCut) machine.backend(tag, body, 2_000_000, sha256, now);
    else if (kind === sessionEvents.lost) machine.lost('bad_framing', 'a fuzzer', now);
    else if (kind === sessionEvents.close)
      machine.close({ why: 'client_closed', bytesFromClient: 1, bytesFromServer: 2 }, now);
    else if (kind === sessionEvents.restore) {
      machine = SessionMachine.restore(JSON.parse(JSON.stringify(machine.snapshot())), limits, sink);
    }
    must(machine.heldBytes <= 64 * inputBytesMax + 70 * 1024, `a session holds ${machine.heldBytes} bytes`);
  }
  machine.close({ why: 'client_closed', bytesFromClient: 1, bytesFromServer: 2 }, now);
  checkRecords(records);
}

function checkRecords(records: readonly DraftRecord[]): void {
  const fates = new Set<number>();
  const tell = (n: number): void => {
    must(!fates.has(n), `record ${n} is decided twice`);
    fates.add(n);
  };
  const statements = new Set<number>();
  for (const [place, draft] of records.entries()) {
    must('n' in draft && draft.n === place + 1, 'ordinals have a gap');
    must((draft.kind === 'closed') === (place === records.length - 1), 'closed is not the last');
    must((draft.kind === 'opened') === (place === 0), 'opened is not the first');
    if (draft.kind === 'statement') {
      statements.add(draft.n);
      if (draft.fate !== undefined) tell(draft.n);
      must(
        (draft.sql === null) === (draft.sql_unknown !== undefined),
        'a text is neither there nor said to be unknown',
      );
      must((draft.sql?.length ?? 0) <= limits.sqlBytesMax, 'a text is over its bound');
    }
    if (draft.kind === 'gap') must(!draft.detail.startsWith('fault'), draft.detail);
    if (draft.kind === 'transaction')
      for (const [first, last] of draft.ranges)
        for (let n = first; n <= last; n += 1) if (statements.has(n)) tell(n);
  }
  for (const n of statements) must(fates.has(n), `record ${n} is never decided`);
}

const runs: Record<Target, (bytes: Uint8Array) => void> = {
  frontend: (bytes) => framing('frontend', bytes),
  backend: (bytes) => framing('backend', bytes),
  startup,
  message,
  value,
  session,
};

export const targetOf = (input: Uint8Array): Target => targets[(input[0] ?? 0) % targets.length] as Target;

/** @throws Error when something does not hold that must */
export function runInput(input: Uint8Array): void {
  runs[targetOf(input)](input.subarray(1));
}
