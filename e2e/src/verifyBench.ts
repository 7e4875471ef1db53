/** What checking evidence costs: an archive's reels, checked again and again on this thread, in CPU time. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { checkReel } from '@pgtape/evidence';
import { median } from './processCpu.ts';

const runs = 6;

/** Objects of the archive in memory, by reel: disks are not what is measured. */
function reelsOf(archive: string): { key: string; object: Uint8Array }[][] {
  const keys = readdirSync(join(archive, 'reel'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.jsonl.zst'))
    .map((name) => `reel/${name}`)
    .sort();
  const reels = new Map<string, { key: string; object: Uint8Array }[]>();
  for (const key of keys) {
    const reel = reels.get(dirname(key)) ?? [];
    reels.set(dirname(key), reel);
    reel.push({ key, object: readFileSync(join(archive, key)) });
  }
  return [...reels.values()];
}

/** Megabytes of lines that a core checks in a second, for people. */
export async function verifyCost(archive: string): Promise<string> {
  const reels = reelsOf(archive);
  const rates: number[] = [];
  let bytes = 0;
  let records = 0;
  for (let run = 0; run < runs; run += 1) {
    const before = process.cpuUsage();
    bytes = 0;
    records = 0;
    for (const reel of reels) {
      const verdict = await checkReel(reel);
      bytes += verdict.bytes;
      records += verdict.records;
    }
    const { user, system } = process.cpuUsage(before);
    rates.push(bytes / (user + system));
  }
  const [cold = 0, ...hot] = rates;
  return (
    `verify: ${median(hot).toFixed(0)} MB of lines per CPU second (median of ${hot.map((rate) => rate.toFixed(0)).join(' ')}; ` +
    `cold ${cold.toFixed(0)}; ${records} records, ${(bytes / 1e6).toFixed(0)} MB)\n`
  );
}
