/**
 * The log a vault writes, checked by Go's own code of its checksum database: signatures, every leaf, and that each
 * checkpoint extends the one before, at sizes around a tile's; and that it finds one changed byte.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { exampleRecords, exampleReel } from '@pgtape/evidence';
import { startVault, VaultConfig } from '@pgtape/vault';
import { builtTool } from './builtTool.ts';

const hasGo = spawnSync('go', ['version']).status === 0;
const scratch = mkdtempSync(join(tmpdir(), 'pgtape-log-check-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const reel = '0102030405060708090a0b0c0d0e0f10';
const recorder = '00112233445566aa';
const session = `${reel.slice(0, 16)}-1`;

/** Segments that were stored before the vault starts: it gives each a leaf. */
function archiveOf(name: string, segments: number): string {
  const dir = join(scratch, name);
  const { reelOpened, opened, statement } = exampleRecords;
  const plan = Array.from({ length: segments }, (_, i) =>
    i === 0 ? [reelOpened(recorder), opened(session)] : [statement(session, i + 1, 'SELECT 1')],
  );
  for (const { key, object } of exampleReel({ reel, recorder, segments: plan })) {
    mkdirSync(join(dir, dirname(key)), { recursive: true });
    writeFileSync(join(dir, key), object);
  }
  return dir;
}

/** Runs a vault over it until its first checkpoint, and stops it; the verifier keys it shows. */
async function logged(dir: string): Promise<string[]> {
  const config = VaultConfig.parse({
    otlp: { port: 0 },
    http: { port: 0 },
    archive: { store: dir },
    log: { level: 'silent' },
    tlog: { origin: 'log.example/e2e', checkpointSeconds: 0.1 },
  });
  const vault = await startVault(config);
  for (let i = 0; i < 300 && readdirSync(dir).includes('log') === false; i += 1)
    await new Promise((resolve) => setTimeout(resolve, 20));
  await new Promise((resolve) => setTimeout(resolve, 300));
  await vault.close();
  return readFileSync(join(dir, 'log/vkey'), 'utf8').trim().split('\n');
}

function check(dir: string, vkeys: readonly string[]): { status: number | null; out: string } {
  const tool = builtTool({
    name: 'logCheck',
    build: ['go', 'build', '-o', '{target}', '.'],
    from: 'Go 1.25 or newer',
  });
  const { status, stdout } = spawnSync(tool, [join(dir, 'log'), ...vkeys], { encoding: 'utf8' });
  return { status, out: stdout.trim() };
}

describe(`the log and golang.org/x/mod/sumdb${hasGo ? '' : ' (not checked: Go is missing)'}`, () => {
  // The reel's start is a leaf too, and the vault's own reel brings four more while it runs.
  it.each(hasGo ? [1, 251, 252, 253, 254, 255, 256, 510] : [])(
    'agree after %d segments',
    async (segments) => {
      const dir = archiveOf(`of-${segments}`, segments);
      const first = check(dir, await logged(dir));
      expect(first.out).toMatch(new RegExp(`^\\d+ leaves, checkpoints 0 (.* )?${segments + 1} `));
      expect(first.status).toBe(0);
      // And after a second run, which extends it.
      const second = check(dir, await logged(dir));
      expect(second.status).toBe(0);
      expect(Number.parseInt(second.out, 10)).toBeGreaterThan(Number.parseInt(first.out, 10));
    },
  );

  it.each([
    { path: 'tile/entries/000', at: 40_000, says: /^FAIL leaf \d+: / },
    { path: 'tile/0/000', at: 4000, says: /^FAIL .*(transparency proof|tile)/ },
    { path: 'tile/1/000.p/1', at: 3, says: /^FAIL .*(transparency proof|tile)/ },
    { path: 'checkpoint', at: 30, says: /^FAIL (malformed|checkpoint|invalid)/ },
  ])('disagree on one changed byte of $path', async ({ path, at, says }) => {
    if (!hasGo) return;
    const dir = archiveOf(`changed-${path.replaceAll('/', '-')}`, 260);
    const vkeys = await logged(dir);
    const file = join(dir, 'log', path);
    const bytes = readFileSync(file);
    bytes[at]! ^= 1;
    chmodSync(file, 0o600);
    writeFileSync(file, bytes);
    const { status, out } = check(dir, vkeys);
    expect(out).toMatch(says);
    expect(status).toBe(1);
  });

  it('disagree on another key', async () => {
    if (!hasGo) return;
    const dir = archiveOf('key', 3);
    await logged(dir);
    const other = archiveOf('other-key', 3);
    expect(check(dir, await logged(other)).status).toBe(1);
  });
});
