/** A witness that we did not write, filippo.io/torchwood's litewitness, cosigns the log of a real vault and refuses its fork. */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '@pgtape/testkit';
import { COSIGNATURE_V1, checkByPolicy, emptyRoot, formatVkey, parseVkey, verifierKey } from '@pgtape/tlog';
import { startVault, type Vault, VaultConfig } from '@pgtape/vault';
import { builtTool } from './builtTool.ts';

const needed = ['go', 'ssh-agent', 'ssh-add', 'ssh-keygen'];
const missing = needed.filter((program) => spawnSync('sh', ['-c', `command -v ${program}`]).status !== 0);
const scratch = mkdtempSync(join(tmpdir(), 'pgtape-lw-'));
const origin = 'log.example/e2e';
const witnessName = 'witness.example/1';
const running: ChildProcess[] = [];
afterAll(async () => {
  for (const child of running.reverse()) {
    child.kill();
    if (child.exitCode === null) await new Promise((resolve) => child.once('exit', resolve));
  }
  rmSync(scratch, { recursive: true, force: true });
});

/** About a minute when it is not built yet. */
function tool(): string {
  return builtTool({
    name: 'litewitness',
    build: ['go', 'build', '-o', '{target}', 'filippo.io/torchwood/cmd/litewitness'],
    from: 'Go 1.25 or newer',
  });
}

async function eventually(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
  for (let i = 0; i < 3000; i += 1) {
    if (await isSo()) return;
    await sleep(20);
  }
  throw new Error(`never: ${what}`);
}

/** Its tables as it makes them itself at its start, with the log in them: what its `witnessctl` does. */
function tell(db: string, vkey: string): void {
  const database = new DatabaseSync(db);
  database.exec(
    'CREATE TABLE IF NOT EXISTS log (origin TEXT PRIMARY KEY, tree_size INTEGER NOT NULL, tree_hash TEXT NOT NULL);' +
      'CREATE TABLE IF NOT EXISTS key (origin TEXT NOT NULL, key TEXT NOT NULL, FOREIGN KEY(origin) REFERENCES log(origin));',
  );
  const root = Buffer.from(emptyRoot()).toString('base64');
  database.prepare('INSERT INTO log VALUES (?, 0, ?)').run(origin, root);
  database.prepare('INSERT INTO key VALUES (?, ?)').run(origin, vkey);
  database.close();
}

async function startLitewitness(vkey: string): Promise<{ url: string; vkey: string }> {
  const [key, socket, db] = [join(scratch, 'key'), join(scratch, 'agent'), join(scratch, 'witness.db')];
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key]);
  running.push(spawn('ssh-agent', ['-D', '-a', socket], { stdio: 'ignore' }));
  await eventually('an agent', () => existsSync(socket));
  execFileSync('ssh-add', ['-q', key], { env: { ...process.env, SSH_AUTH_SOCK: socket } });
  const fingerprint =
    execFileSync('ssh-keygen', ['-lf', `${key}.pub`], { encoding: 'utf8' }).split(' ')[1] ?? '';
  // The key is the last field of SSH's encoding (RFC 8709).
  const raw = Buffer.from(readFileSync(`${key}.pub`, 'utf8').split(' ')[1] ?? '', 'base64').subarray(-32);
  tell(db, vkey);
  const port = await freePort();
  const at = `127.0.0.1:${port}`;
  const args = ['-db', db, '-name', witnessName, '-key', fingerprint, '-ssh-agent', socket, '-listen', at];
  running.push(spawn(tool(), args, { stdio: 'ignore' }));
  await eventually('a witness', async () => (await fetch(`http://${at}/`).catch(() => null)) !== null);
  return { url: `http://${at}`, vkey: formatVkey(verifierKey(witnessName, COSIGNATURE_V1, raw)) };
}

/** Runs a vault for a while; each run brings leaves of its own reel. */
async function run(dir: string, witnesses: readonly object[]): Promise<void> {
  const config = VaultConfig.parse({
    otlp: { port: 0 },
    http: { port: 0 },
    log: { level: 'silent' },
    archive: { store: dir },
    tlog: { origin, keyFile: join(scratch, 'log.key'), checkpointSeconds: 0.1, witnesses },
  });
  const vault: Vault = await startVault(config);
  await eventually('a verifier key', () => existsSync(join(dir, 'log/vkey')));
  await sleep(500);
  await vault.close();
}

describe(`litewitness${missing.length > 0 ? ` (not tried: ${missing} missing)` : ''}`, () => {
  beforeAll(() => {
    if (missing.length === 0) tool();
  }, 600_000);

  it('cosigns what extends its tree, over restarts, and nothing else', async () => {
    if (missing.length > 0) return;
    const dir = join(scratch, 'archive');
    await run(dir, []);
    const vkey = readFileSync(join(dir, 'log/vkey'), 'utf8').trim();
    const witness = await startLitewitness(vkey);
    const [log, cosigner] = [parseVkey(vkey), parseVkey(witness.vkey)];
    if (!log.ok || !cosigner.ok) throw new Error('vkey');
    const policy = {
      logs: [{ key: log.value }],
      witnesses: [{ name: 'W', key: cosigner.value }],
      groups: [],
      quorum: 'W',
    };
    const check = (archive: string) => checkByPolicy(policy, readFileSync(join(archive, 'log/checkpoint')));
    expect(check(dir)).toMatchObject({ ok: false, reason: 'quorum_missing' });
    await run(dir, [witness]);
    const first = check(dir);
    await run(dir, [witness]);
    const second = check(dir);
    expect([first, second]).toMatchObject([
      { ok: true, cosigned: [{ name: 'W' }] },
      { ok: true, cosigned: [{ name: 'W' }] },
    ]);
    expect(second.ok && first.ok && second.checkpoint.size > first.checkpoint.size).toBe(true);
    // The same key over another history, until it is longer than what was cosigned.
    const fork = join(scratch, 'fork');
    for (let i = 0; i < 5; i += 1) await run(fork, [witness]);
    expect(check(fork)).toMatchObject({ ok: false, reason: 'quorum_missing' });
    await run(dir, [witness]);
    expect(check(dir)).toMatchObject({ ok: true });
  });
});
