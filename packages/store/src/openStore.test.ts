import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openStore } from './openStore.ts';

const scratch = mkdtempSync(join(tmpdir(), 'pgtape-open-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

/** Names of the AWS packages that a fresh process has loaded after `code`, which has `openStore`. */
function loadedAfter(code: string): string[] {
  const script = `
    import { createRequire } from 'node:module';
    const { openStore } = await import(process.argv[1]);
    ${code}
    const files = Object.keys(createRequire(process.argv[1]).cache);
    const names = files.map((file) => /@aws-sdk\\/[a-z0-9-]+/.exec(file)?.[0]).filter((name) => name !== undefined);
    process.stdout.write(JSON.stringify([...new Set(names)].sort()));`;
  const flags = ['--input-type=module', '--eval', script, join(import.meta.dirname, 'index.js')];
  return JSON.parse(execFileSync(process.execPath, flags, { encoding: 'utf8' })) as string[];
}

describe('openStore', () => {
  it('opens a directory, which is made at the first put', async () => {
    const store = await openStore(join(scratch, 'archive'));
    await store.putOnce('a', Uint8Array.of(1));
    expect(await (await openStore(join(scratch, 'archive'))).get('a')).toEqual(Uint8Array.of(1));
  });

  it('loads no S3 client for a directory', () => {
    expect(loadedAfter(`await openStore('/tmp');`)).toEqual([]);
    expect(
      loadedAfter(`await openStore('s3://none?endpoint=http://127.0.0.1:1&caFile=/none').catch(() => {});`),
    ).toContain('@aws-sdk/client-s3');
  });
});
