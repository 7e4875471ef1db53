/**
 * The process's own log: pino's JSON lines to stderr, short lines for people where stderr is a terminal. It
 * keeps secrets out by the names of keys and the look of values; who logs must not hand it statements.
 */
import {
  type DestinationStream,
  destination,
  type Logger,
  type LoggerOptions,
  pino,
  stdSerializers,
} from 'pino';
import { prettyLine } from './prettyLine.ts';

/**
 * Lines wait in memory while stderr is slow; beyond this they are dropped, for the log must never hold up
 * traffic.
 */
const WAITING_BYTES_MAX = 1_048_576;
const DEPTH_MAX = 5;
const redacted = '[redacted]';
const secretName =
  /pass(?:word|wd|phrase)|secret|token|credential|authorization|cookie|(?:api|private|access)_?key/i;
const secretNames = new Set(['key', 'sql', 'query', 'params']);

export interface LogSink {
  write(line: string): void;
  readonly isTTY?: boolean;
}

/** `level`: trace, debug, info, warn, error, fatal or silent. `sink` stands in for stderr. */
export function logger(name: string, level: string, sink: LogSink = standardError()): Logger {
  const options: LoggerOptions = {
    name,
    level,
    base: { pid: process.pid },
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    formatters: {
      level: (label) => ({ level: label }),
      log: (fields) => withoutSecrets(fields, 0) as Record<string, unknown>,
    },
    serializers: { err: (error: unknown) => withoutSecrets(error, 0) },
  };
  const stream: DestinationStream = {
    write(line) {
      const safe = scrub(line);
      sink.write(sink.isTTY === true ? prettyLine(safe) : safe);
    },
  };
  return pino(options, stream);
}

function standardError(): LogSink {
  const stream = destination({ dest: 2, sync: false, maxLength: WAITING_BYTES_MAX });
  stream.on('error', () => {});
  return { write: (line) => stream.write(line), isTTY: process.stderr.isTTY === true };
}

/** A copy in which values of telling names are gone; numbers and booleans are no secrets (`tokens: 3`). */
function withoutSecrets(value: unknown, depth: number): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Error) return withoutSecrets({ ...stdSerializers.err(value) }, depth);
  if (value instanceof Date) return value;
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  if (depth >= DEPTH_MAX) return '[...]';
  if (Array.isArray(value)) return value.map((item) => withoutSecrets(item, depth + 1));
  const out: Record<string, unknown> = {};
  for (const [key, member] of Object.entries(value)) {
    const harmless = typeof member === 'number' || typeof member === 'boolean' || member == null;
    out[key] =
      !harmless && (secretNames.has(key) || secretName.test(key))
        ? redacted
        : withoutSecrets(member, depth + 1);
  }
  return out;
}

const userinfo = /(:\/\/[^\s:@/"]{0,256}:)[^\s@"]{1,256}@/g;
const pair = /((?:password|passwd|pwd)\s{0,8}=\s{0,8})(?:'[^']{0,256}'?|[^\s'"\\]{1,256})/gi;

/** Passwords of URIs and connection strings inside any text. */
function scrub(line: string): string {
  return line.replace(userinfo, `$1${redacted}@`).replace(pair, `$1${redacted}`);
}
