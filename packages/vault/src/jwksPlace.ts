/** Owns fetching a key set: from a file, or over https with authorities of its own. Bounded; refuses to judge what it holds. */
import { readFile } from 'node:fs/promises';
import { request } from 'node:https';
import type { VaultConfig } from './config.ts';

type JwksConfig = NonNullable<VaultConfig['enrolment']['jwks']>;

const LONGEST_MS = 5000;
const bytesMax = 1024 * 1024;

/** Its text. Rejects where it cannot be had. */
export async function readJwks({ file, url, caFile }: JwksConfig): Promise<string> {
  if (file !== undefined) return await readFile(file, 'utf8');
  const ca = caFile === undefined ? undefined : await readFile(caFile);
  return await new Promise((resolve, reject) => {
    const options = { ...(ca === undefined ? {} : { ca }), signal: AbortSignal.timeout(LONGEST_MS) };
    const asking = request(url ?? '', options, (answer) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      answer.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > bytesMax) asking.destroy(new Error(`${url} answered with over ${bytesMax} bytes`));
        chunks.push(chunk);
      });
      answer.on('error', reject);
      answer.on('end', () => {
        if (answer.statusCode === 200) resolve(Buffer.concat(chunks).toString());
        else reject(new Error(`${url} was answered ${answer.statusCode}`));
      });
    });
    asking.on('error', reject);
    asking.end();
  });
}
