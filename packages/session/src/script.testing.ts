/**
 * A small language for sessions in tests: one message a line, encoded here independently of @pgtape/wire, and
 * a short form of the records that come out.
 */
import type { DraftRecord, Instant } from '@pgtape/evidence';
import { defaultLimits, type SessionLimits } from './limits.ts';
import { type SessionEnd, SessionMachine } from './machine.ts';
import { bindBody, errorBody, int16, int32, parseBody, text, valuesSection } from './messages.testing.ts';
import type { SessionIdentity } from './opening.ts';

export const identity: SessionIdentity = {
  session: '00112233445566ff-7',
  client: { address: '192.0.2.7', port: 50123 },
  server: { address: '127.0.0.2', port: 5432 },
  tls: true,
};

export type Event =
  | {
      readonly kind: 'frontend' | 'backend';
      readonly tag: number;
      readonly body: Buffer;
      readonly bodyBytes?: number;
    }
  | {
      readonly kind: 'counted';
      readonly side: 'frontend' | 'backend';
      readonly tag: number;
      readonly frames: number;
      readonly bytes: number;
    }
  | { readonly kind: 'startup'; readonly body: Buffer }
  | { readonly kind: 'wait'; readonly ns: number }
  | { readonly kind: 'tick' }
  | { readonly kind: 'lost' }
  | { readonly kind: 'passed'; readonly statements: number; readonly bytes: number }
  | { readonly kind: 'resume' }
  | { readonly kind: 'close'; readonly why: SessionEnd['why'] };

const byte = (letter: string): number => letter.charCodeAt(0);
const unquoted = (name: string | undefined): string => (name === undefined || name === '-' ? '' : name);

function frontend(letter: string, rest: string): Event {
  const message = (body: Buffer): Event => ({ kind: 'frontend', tag: byte(letter), body });
  const parts = rest.split('|');
  const words = rest.split(' ');
  switch (letter) {
    case 'Q':
    case 'f':
      return message(text(rest));
    case 'P':
      return message(parseBody(unquoted(parts[0]), parts[1] ?? '', parts[2]?.split(',').map(Number)));
    case 'B':
      return message(bindBody(unquoted(parts[0]), unquoted(parts[1]), parts[2]?.split(',') ?? []));
    case 'D':
    case 'C':
      return message(Buffer.concat([Buffer.from(words[0] ?? 'S'), text(unquoted(words[1]))]));
    case 'E':
      return message(Buffer.concat([text(unquoted(words[0])), int32(Number(words[1] ?? 0))]));
    case 'F':
      return message(
        Buffer.concat([
          int32(Number(parts[0])),
          valuesSection(parts[1] ? parts[1].split(',') : []),
          int16(0),
        ]),
      );
    case 'd':
      return counted('frontend', letter, words);
    default:
      return message(Buffer.alloc(0));
  }
}

function counted(side: 'frontend' | 'backend', letter: string, words: readonly string[]): Event {
  const frames = Number(words[0] || 1);
  return {
    kind: 'counted',
    side,
    tag: byte(letter),
    frames,
    bytes: Number(words[1] ?? 10 * frames) + 5 * frames,
  };
}

function backend(letter: string, rest: string): Event {
  const message = (body: Buffer): Event => ({ kind: 'backend', tag: byte(letter), body });
  const words = rest.split(' ');
  switch (letter) {
    case 'C':
      return message(text(rest));
    case 'Z':
      return message(Buffer.from(rest));
    case 't':
      return message(
        rest === ''
          ? int16(0)
          : Buffer.concat([int16(rest.split(',').length), int32(...rest.split(',').map(Number))]),
      );
    case 'T':
      return message(int16(0));
    case 'G':
    case 'H':
    case 'W':
      return message(Buffer.from([0, 0, 0]));
    case 'V':
      return message(int32(-1));
    case 'D':
    case 'd':
      return counted('backend', letter, words);
    case 'E':
    case 'N': {
      const severity = words[1] === 'FATAL' ? 'FATAL' : 'ERROR';
      return message(
        errorBody({ S: severity, V: severity, C: words[0] ?? '', M: words.slice(1).join(' ') || 'no' }),
      );
    }
    case 'S': {
      const [name = '', value = ''] = rest.split('=');
      return message(Buffer.concat([text(name), text(value)]));
    }
    case 'R':
    case 'K':
      return message(int32(Number(rest)));
    default:
      return message(Buffer.alloc(0));
  }
}

/**
 * `> Q select 1`, `> !H 00ff` (a body in hex), `< C SELECT 1`, `tick`, `wait 1.5` (seconds), `lost`, `passed 3 120` (statements and
 * bytes, unrecorded), `resume`, `close terminated`.
 */
export function eventOf(line: string): Event {
  const [first = '', ...rest] = line.split(' ');
  if (rest[0]?.startsWith('!')) {
    const body = Buffer.from(rest[1] ?? '', 'hex');
    return { kind: first === '>' ? 'frontend' : 'backend', tag: byte(rest[0].slice(1)), body };
  }
  if (first === '>') return frontend(rest[0] ?? '', rest.slice(1).join(' '));
  if (first === '<') return backend(rest[0] ?? '', rest.slice(1).join(' '));
  if (first === 'wait') return { kind: 'wait', ns: Number(rest[0]) * 1e9 };
  if (first === 'tick') return { kind: 'tick' };
  if (first === 'lost') return { kind: 'lost' };
  if (first === 'passed') return { kind: 'passed', statements: Number(rest[0]), bytes: Number(rest[1]) };
  if (first === 'resume') return { kind: 'resume' };
  if (first === 'close') return { kind: 'close', why: (rest[0] ?? 'terminated') as SessionEnd['why'] };
  throw new Error(`no such line: ${line}`);
}

export const lines = (script: string): string[] =>
  script
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));

/** A machine with a clock that goes on by a microsecond with every event. */
export class Stage {
  readonly records: DraftRecord[] = [];
  readonly limits: SessionLimits;
  machine: SessionMachine;
  now: Instant = { wallUs: 1_700_000_000_000_000, monoNs: 5e9 };

  constructor(limits: Partial<SessionLimits> = {}) {
    this.limits = { ...defaultLimits, ...limits };
    this.machine = new SessionMachine(identity, this.limits, this, this.now);
  }

  record(draft: DraftRecord): void {
    this.records.push(JSON.parse(JSON.stringify(draft)) as DraftRecord);
  }

  /** Goes on with a machine restored from this one's snapshot. */
  swap(): void {
    this.machine = SessionMachine.restore(
      JSON.parse(JSON.stringify(this.machine.snapshot())),
      this.limits,
      this,
    );
  }

  apply(event: Event): void {
    const { machine } = this;
    this.now = { wallUs: this.now.wallUs + 1, monoNs: this.now.monoNs + 1000 };
    switch (event.kind) {
      case 'wait':
        this.now = { wallUs: this.now.wallUs + event.ns / 1000, monoNs: this.now.monoNs + event.ns };
        return;
      case 'startup':
        machine.startup(event.body, this.now);
        return;
      case 'counted':
        machine.counted(event.side, event.tag, event.frames, event.bytes, this.now);
        return;
      case 'tick':
        machine.tick(this.now);
        return;
      case 'lost':
        machine.lost('bad_framing', 'a test', this.now);
        return;
      case 'passed': {
        const { statements, bytes } = event;
        machine.lost('spool_full', `${statements} passed`, this.now, { statements, bytes });
        return;
      }
      case 'resume':
        machine.resume();
        return;
      case 'close':
        machine.close({ why: event.why, bytesFromClient: 11, bytesFromServer: 22 }, this.now);
        return;
      default: {
        const bodyBytes = event.bodyBytes ?? event.body.length;
        const sha256 = event.bodyBytes === undefined ? null : Buffer.alloc(32, 0xab);
        machine[event.kind](event.tag, event.body, bodyBytes, sha256, this.now);
      }
    }
  }

  run(script: string): this {
    for (const line of lines(script)) this.apply(eventOf(line));
    return this;
  }
}

export const startup = `
  < R 0
  < S server_version=18.6
  < K 4242
  < Z I
`;

/** A message of the client; `bodyBytes` says that `body` is only its beginning. */
export function sent(letter: string, body: Buffer, bodyBytes?: number): Event {
  const cut = bodyBytes === undefined ? {} : { bodyBytes };
  return { kind: 'frontend', tag: byte(letter), body, ...cut };
}

/** A message of the server. */
export function told(letter: string, body: Buffer): Event {
  return { kind: 'backend', tag: byte(letter), body };
}

/** A session past its first ReadyForQuery. */
export function ready(limits: Partial<SessionLimits> = {}): Stage {
  return new Stage(limits).run(startup);
}

export function apply(stage: Stage, ...events: (Event | string)[]): Stage {
  for (const event of events) stage.apply(typeof event === 'string' ? eventOf(event) : event);
  return stage;
}

export const last = (stage: Stage): unknown => stage.records[stage.records.length - 1];

/** Records after `opened`, in short. */
export function play(script: string, limits: Partial<SessionLimits> = {}): string[] {
  const stage = new Stage(limits).run(startup).run(script);
  return stage.records.slice(1).map(short);
}

/** One record in short: ordinal, outcome, stage, text, tag, and what else is worth a look. */
export function short(draft: DraftRecord): string {
  switch (draft.kind) {
    case 'statement':
      return shortStatement(draft);
    case 'transaction': {
      const ranges = draft.ranges.map(([first, last]) => `${first}-${last}`).join(' ') || 'none';
      const more = [
        draft.savepoint && `to=${draft.savepoint}`,
        draft.gid && `gid=${draft.gid}`,
        draft.error?.sqlstate,
      ];
      return [`${draft.n} tx`, draft.outcome, draft.implicit ? 'implicit' : 'explicit', ranges, ...more]
        .filter(Boolean)
        .join(' ');
    }
    case 'gap':
      return `${draft.n} gap ${draft.reason}: ${draft.detail}`;
    case 'running':
      return `${draft.n} running ${draft.protocol} ${draft.sql ?? '?'}`;
    case 'stretch':
      return [
        `${draft.n} stretch ${draft.stretch} from ${draft.first_n}:`,
        `${draft.statements} statements, ${draft.failed} failed`,
      ].join(' ');
    case 'closed':
      return `${draft.n} closed ${draft.why}${draft.error ? ` ${draft.error.sqlstate}` : ''}`;
    case 'opened':
      return `${draft.n} opened ${draft.ready ? 'ready' : 'not ready'}`;
    default:
      return draft.kind;
  }
}

function shortStatement(draft: Extract<DraftRecord, { kind: 'statement' }>): string {
  const parts = [
    `${draft.n} ${draft.outcome}`,
    draft.stage,
    draft.part && `${draft.part}/${draft.parts ?? '?'}`,
    `[${draft.sql ?? draft.sql_unknown}]`,
    draft.tag && `<${draft.tag}>`,
    draft.returned_rows > 0 && `rows=${draft.returned_rows}`,
    draft.copy && `copy-${draft.copy.direction}=${draft.copy.messages}/${draft.copy.bytes}`,
    draft.params && `(${draft.params.map((one) => one.v ?? 'NULL').join(',')})`,
    draft.error?.sqlstate,
    draft.continues && `continues ${draft.continues}`,
    draft.timing === 'exact' && 'exact',
    `${draft.tx_before ?? '-'}${draft.tx_after ?? '-'}`,
    draft.fate,
  ];
  return parts.filter(Boolean).join(' ');
}
