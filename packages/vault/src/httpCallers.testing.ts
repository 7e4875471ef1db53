/** Owns a caller of the vault's HTTP API for tests: his token, its hash in a file, and a grant for him. */
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

export const token = 'a-token-for-tests-0123456789abcdef';

export function hashOf(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}

/** `http.callers` with one caller who may do everything; the hash of his token lies in `dir`. */
export function callerConfig(dir: string): { callers: object[] } {
  const tokenHashFile = join(dir, 'tester.sha256');
  writeFileSync(tokenHashFile, `${hashOf(token)}\n`);
  return { callers: [{ name: 'tester', tokenHashFile, may: ['read', 'export', 'hold', 'status', 'probe'] }] };
}

/** The id of a grant. */
export async function granted(port: number, request: object): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${port}/v1/grants`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify(request),
  });
  const answer = (await response.json()) as { grant?: string; error?: string };
  if (answer.grant === undefined) throw new Error(`no grant: ${JSON.stringify(answer)}`);
  return answer.grant;
}
