import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { freePort } from '@pgtape/testkit';

const checkout = fileURLToPath(new URL('../..', import.meta.url));
const isRoot = process.getuid?.() === 0;

/** What the launcher needs, without the sources: hard links where the file system allows them. */
function copyCheckout(to: string): void {
  mkdirSync(to, { recursive: true });
  for (const part of ['pgtape', 'scripts', 'package.json', 'packages', 'node_modules']) {
    const linked = spawnSync('cp', ['-al', join(checkout, part), to]).status === 0;
    if (!linked) execFileSync('cp', ['-a', join(checkout, part), to]);
  }
}

async function upFlags(dir: string): Promise<string[]> {
  const ports = await Promise.all([freePort(), freePort(), freePort(), freePort()]);
  return [
    'up',
    '--dir',
    dir,
    '--port',
    `${ports[0]}`,
    '--vault-otlp-port',
    `${ports[1]}`,
    '--vault-http-port',
    `${ports[2]}`,
    '--health-port',
    `${ports[3]}`,
  ];
}

/** Runs `up` until it is up, plays the demo with the same command, stops it; gives what verify then says. */
async function upDemoVerify(
  run: (args: readonly string[]) => ChildProcess,
  call: (args: readonly string[]) => string,
  dir: string,
): Promise<string> {
  const child = run(await upFlags(dir));
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
  }
  for (let waited = 0; !text.includes('Ctrl-C') && child.exitCode === null && waited < 60_000; waited += 50)
    await sleep(50);
  if (!text.includes('Ctrl-C')) {
    child.kill('SIGKILL');
    throw new Error(`up did not come up: ${text}`);
  }
  call(['demo', '--dir', dir]);
  const ended = new Promise<number>((resolve) => child.once('exit', (code) => resolve(code ?? -1)));
  child.kill('SIGINT');
  expect(await ended).toBe(0);
  const report = JSON.parse(call(['verify', '--archive', join(dir, 'archive'), '-o', 'json'])) as {
    verdict: string;
  };
  return report.verdict;
}

(isRoot ? describe : describe.skip)('pgtape up in the places and as the people it meets', () => {
  let dir = '';
  const passwd = readFileSync('/etc/passwd', 'utf8');
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'pgtape-places-'));
    chmodSync(dir, 0o755);
  });
  afterEach(() => {
    rmSync(dir, { recursive: true, force: true });
    expect(readFileSync('/etc/passwd', 'utf8')).toBe(passwd);
  });

  it('works as an ordinary user who may only read the checkout', async () => {
    const copy = join(dir, 'checkout');
    copyCheckout(copy);
    const home = join(dir, 'home');
    mkdirSync(home);
    chownSync(home, 65_534, 65_534);
    const options = { cwd: home, env: { PATH: '/usr/bin:/bin', HOME: home, LANG: 'de_DE.UTF-8' } };
    const asUser = ['--reuid=65534', '--regid=65534', '--clear-groups', join(copy, 'pgtape')];
    const verdict = await upDemoVerify(
      (args) => spawn('setpriv', [...asUser, ...args], { ...options, stdio: 'pipe' }),
      (args) => execFileSync('setpriv', [...asUser, ...args], { ...options, encoding: 'utf8' }),
      join(home, '.pgtape'),
    );
    expect(verdict).toBe('complete');
    expect(existsSync(join(home, '.pgtape', 'postgres', 'data', 'PG_VERSION'))).toBe(true);
  });

  it("works as root from a checkout below root's own 0700 home", async () => {
    const base = mkdtempSync(join(homedir(), 'pgtape-places-'));
    chmodSync(base, 0o700);
    try {
      const copy = join(base, 'checkout');
      copyCheckout(copy);
      const options = { cwd: copy, env: { PATH: '/usr/bin:/bin', HOME: homedir(), LC_ALL: 'xx_YY.bogus' } };
      const verdict = await upDemoVerify(
        (args) => spawn(join(copy, 'pgtape'), args, { ...options, stdio: 'pipe' }),
        (args) => execFileSync(join(copy, 'pgtape'), args, { ...options, encoding: 'utf8' }),
        join(copy, '.pgtape'),
      );
      expect(verdict).toBe('complete');
      const cluster = readFileSync(join(copy, '.pgtape', 'recorder.yaml'), 'utf8');
      expect(cluster).toContain('upstream');
    } finally {
      rmSync(base, { recursive: true, force: true });
    }
  });

  it('says what to do when the file system is read-only', () => {
    const run = spawnSync(
      'unshare',
      [
        '--mount',
        'sh',
        '-c',
        `mount -t tmpfs -o ro none ${dir} && exec ${join(checkout, 'pgtape')} up --dir ${dir}/state`,
      ],
      {
        encoding: 'utf8',
      },
    );
    if (/unshare failed|mount:/.test(run.stderr))
      throw new Error(`this machine allows no mount namespace: ${run.stderr}`);
    expect([run.status, run.stderr]).toEqual([3, expect.stringContaining('DIRECTORY_NOT_WRITABLE')]);
    expect(run.stderr).toContain('EROFS');
  });
});
