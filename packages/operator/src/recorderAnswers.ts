/**
 * Owns asking one recorder over HTTP, bounded in time and size. A pod's address may belong to another pod by now, and
 * whoever may enter the pod may answer in the recorder's place: what comes back is a view, the evidence is on tape.
 */
import { type IncomingMessage, request } from 'node:http';
import { RecorderConnection, RecorderStatus } from '@pgtape/evidence';
import type { z } from 'zod';

/**
 * Why a recorder's answer is not there:
 * - `unreachable`: no connection, or it broke;
 * - `timeout`: not all of it came in time;
 * - `refused`: an HTTP status that is not 200;
 * - `not_understood`: too long, no JSON, or another shape;
 * - `other_database`: it records another one.
 */
export type RecorderProblem = 'unreachable' | 'timeout' | 'refused' | 'not_understood' | 'other_database';

export type RecorderAnswer<T> =
  | { readonly answer: T }
  | { readonly answer: null; readonly problem: RecorderProblem };

export interface RecorderPlace {
  readonly host: string;
  /** Of its health server. */
  readonly port: number;
}

const answerBytesMax = 64 * 1024;
const answerMs = 2000;

const failed = (problem: RecorderProblem): { answer: null; problem: RecorderProblem } => ({
  answer: null,
  problem,
});

/** @param database key of the RecordedDatabase that it must record */
export async function recorderStatus(
  place: RecorderPlace,
  database: string,
  signal: AbortSignal,
): Promise<RecorderAnswer<RecorderStatus>> {
  const got = await asked(place, '/v1/recorder', RecorderStatus, signal);
  return got.answer === null || got.answer.database === database ? got : failed('other_database');
}

/** Whether a connection from this address reached the recorder. @param from `10.0.0.1:40000`, `[fd00::1]:40000` */
export async function recorderSaw(
  place: RecorderPlace,
  from: string,
  signal: AbortSignal,
): Promise<RecorderAnswer<RecorderConnection>> {
  const path = `/v1/recorder/connection?from=${encodeURIComponent(from)}`;
  return await asked(place, path, RecorderConnection, signal);
}

async function asked<T>(
  place: RecorderPlace,
  path: string,
  schema: z.ZodType<T>,
  outer: AbortSignal,
): Promise<RecorderAnswer<T>> {
  const limit = AbortSignal.timeout(answerMs);
  try {
    const answer = await sent(place, path, AbortSignal.any([outer, limit]));
    if (answer.statusCode !== 200) {
      answer.destroy();
      return failed('refused');
    }
    const text = await textOf(answer);
    const parsed = schema.safeParse(text === null ? undefined : parsedJson(text));
    return parsed.success ? { answer: parsed.data } : failed('not_understood');
  } catch {
    outer.throwIfAborted();
    return failed(limit.aborted ? 'timeout' : 'unreachable');
  }
}

function sent({ host, port }: RecorderPlace, path: string, signal: AbortSignal): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    // No connection outlives its answer: pods come and go, and few bytes are exchanged.
    const options = { host, port, path, signal, agent: false, headers: { accept: 'application/json' } };
    request(options, resolve).once('error', reject).end();
  });
}

/** null: too long. */
async function textOf(answer: IncomingMessage): Promise<string | null> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > answerBytesMax) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
