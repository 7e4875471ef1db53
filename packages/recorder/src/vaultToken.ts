/**
 * Owns the bearer token that goes with each segment: read from its file, and again when that changes, as the kubelet replaces
 * it. It goes over TLS, or nowhere but to this machine. Knows no network; its words never hold the token.
 */
import { fileMark } from '@pgtape/process';
import type { SegmentMetadata } from './enrolment.ts';
import type { WorkerPlan } from './workerPlan.ts';

/** RFC 6750, and nothing that could end a header. */
const tokenPattern = /^[\x21-\x7e]{1,16384}$/;
const loopback = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

/**
 * `read` gives a secret file's text without the newline at its end, `mark` whether the file is another (fileMark.ts). The
 * metadata throws Error `token_over_plaintext: ...` and `token_unreadable: ...`: the segment waits in the outbox.
 */
export function tokenBearer(
  { url, tokenFile }: Pick<WorkerPlan['vault'], 'url' | 'tokenFile'>,
  read: (path: string) => string,
  mark: (path: string) => string = fileMark,
): SegmentMetadata {
  if (tokenFile === undefined) return () => ({});
  const { protocol, hostname } = new URL(url);
  const isSafe = protocol === 'https:' || loopback.test(hostname);
  let known: { readonly mark: string; readonly metadata: Readonly<Record<string, string>> } | null = null;
  return () => {
    if (!isSafe)
      throw new Error(`token_over_plaintext: ${url} is not https: the token would be read on the way`);
    const now = mark(tokenFile);
    if (known?.mark !== now)
      known = { mark: now, metadata: { authorization: `Bearer ${tokenOf(tokenFile, read)}` } };
    return known.metadata;
  };
}

function tokenOf(path: string, read: (path: string) => string): string {
  let token: string;
  try {
    token = read(path).trim();
  } catch (error) {
    throw new Error(`token_unreadable: ${(error as Error).message}`);
  }
  if (tokenPattern.test(token)) return token;
  throw new Error(`token_unreadable: ${path} holds no bearer token`);
}
