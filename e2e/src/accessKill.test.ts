import { createHash, randomBytes, randomInt } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type RunningChild, startChild } from '@pgtape/cli';
import { freePort } from '@pgtape/testkit';
import { readArchive } from './stack.ts';

const kills = Number(process.env.PGTAPE_ACCESS_KILLS ?? 8);
const readers = 6;

interface Vault {
  readonly dir: string;
  readonly archiveDir: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  start(): Promise<RunningChild>;
}

async function prepared(): Promise<Vault> {
  const dir = mkdtempSync(join(tmpdir(), 'pgtape-access-'));
  const token = randomBytes(24).toString('hex');
  const hashes = join(dir, 'hashes');
  writeFileSync(hashes, `${createHash('sha256').update(token).digest('hex')}\n`);
  const [otlp, http] = [await freePort(), await freePort()];
  const callers = [{ name: 'auditor', tokenHashFile: hashes, may: ['read'] }];
  const archiveDir = join(dir, 'archive');
  // JSON is YAML.
  const config = {
    otlp: { port: otlp },
    http: { port: http, callers, grantsPerMinute: 1_000_000 },
    archive: { store: archiveDir },
  };
  writeFileSync(join(dir, 'vault.yaml'), JSON.stringify(config));
  return {
    dir,
    archiveDir,
    url: `http://127.0.0.1:${http}`,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    start: () => startChild('vault', ['vault', '--config', join(dir, 'vault.yaml')], join(dir, 'vault.log')),
  };
}

/** Asks for grants until told to stop; the ids it was answered. */
async function read(vault: Vault, isOver: () => boolean): Promise<string[]> {
  const answered: string[] = [];
  while (!isOver()) {
    try {
      const response = await fetch(`${vault.url}/v1/grants`, {
        method: 'POST',
        headers: vault.headers,
        body: JSON.stringify({ action: 'search', what: 'x' }),
      });
      if (response.status === 201) answered.push(((await response.json()) as { grant: string }).grant);
    } catch {
      await sleep(20);
    }
  }
  return answered;
}

describe('reading is recorded', () => {
  it(
    `kill -9 of the vault (${kills} times): every grant that was answered is on record, once`,
    async () => {
      const vault = await prepared();
      let child = await vault.start();
      try {
        let isOver = false;
        const reading = Promise.all(Array.from({ length: readers }, () => read(vault, () => isOver)));
        for (let kill = 0; kill < kills; kill += 1) {
          await sleep(randomInt(150, 900));
          await child.stop(0);
          child = await vault.start();
        }
        await sleep(500);
        isOver = true;
        const answered = (await reading).flat();
        await child.stop(10_000);
        const recorded = [...readArchive(vault.archiveDir, 'vault')]
          .filter(({ kind }) => kind === 'access')
          .map(({ grant }) => String(grant));
        expect(answered.filter((grant) => !recorded.includes(grant))).toEqual([]);
        expect(recorded.length).toBe(new Set(recorded).size);
        expect(answered.length).toBeGreaterThan(kills * 2);
        process.stdout.write(
          `    ${answered.length} grants answered, ${recorded.length} readings on record\n`,
        );
      } finally {
        await child.stop(0);
        rmSync(vault.dir, { recursive: true, force: true });
      }
    },
    kills * 6000 + 60_000,
  );
});
