/**
 * Owns the recorder's side of enrolment: the proof that goes with a reel's first segment. The secret is read when it is needed, so
 * that it can be replaced while the recorder runs. Knows no network.
 */
import { zstdDecompressSync } from 'node:zlib';
import {
  ENROLMENT_SECRET_BYTES_MIN,
  type EnrolledKeys,
  enrolmentMetadata,
  enrolmentProof,
  headerKeys,
} from '@pgtape/evidence';
import { readSegmentRequest } from '@pgtape/otlp';
import type { WorkerPlan } from './workerPlan.ts';

/** As the outbox's own bound: far above any segment. */
const requestBytesMax = 512 * 1024 * 1024;

/** Metadata of a segment to be sent. @throws Error `enrolment_unreadable: ...` */
export type SegmentMetadata = (segment: number, bytes: Buffer) => Readonly<Record<string, string>>;

/** `read` gives a secret file's text without the newline at its end. */
export function enroller(
  enrolment: WorkerPlan['vault']['enrolment'],
  read: (path: string) => string,
): SegmentMetadata {
  if (enrolment === undefined) return () => ({});
  const { name, secretFile } = enrolment;
  return (segment, bytes) => {
    if (segment !== 1) return {};
    const secret = secretOf(secretFile, read);
    return { [enrolmentMetadata]: enrolmentProof({ name, secret }, keysOf(bytes)) };
  };
}

/** What all of them say. @throws as the first of them that does */
export function allMetadata(all: readonly SegmentMetadata[]): SegmentMetadata {
  return (segment, bytes) => Object.assign({}, ...all.map((metadata) => metadata(segment, bytes)));
}

function secretOf(path: string, read: (path: string) => string): string {
  let secret: string;
  try {
    secret = read(path);
  } catch (error) {
    throw new Error(`enrolment_unreadable: ${(error as Error).message}`);
  }
  if (Buffer.byteLength(secret) >= ENROLMENT_SECRET_BYTES_MIN) return secret;
  throw new Error(`enrolment_unreadable: ${path} holds fewer than ${ENROLMENT_SECRET_BYTES_MIN} bytes`);
}

/** Of the header of a segment as it lies in the outbox. @throws Error where it does not read back */
function keysOf(bytes: Buffer): EnrolledKeys {
  const reading = readSegmentRequest(zstdDecompressSync(bytes, { maxOutputLength: requestBytesMax }));
  const keys = reading.kind === 'segment' ? headerKeys(reading.lines[0]!) : null;
  if (keys === null) throw new Error('the segment in the outbox is none');
  return keys;
}
