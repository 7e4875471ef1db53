/** `scripts/drivers`: the whole matrix, or the drivers and transports named as arguments; the whole one is written to docs/drivers.md. */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { pinsOf } from './builds.ts';
import { drivers } from './driver.ts';
import { runMatrix } from './matrix.ts';
import { driversReport } from './report.ts';
import { transports } from './transports.ts';

const report = fileURLToPath(new URL('../../../docs/drivers.md', import.meta.url));
const words = process.argv.slice(2);
const names = [...drivers, ...transports].map(({ name }) => name);
const unknown = words.filter((word) => !names.includes(word));
if (unknown.length > 0) {
  process.stderr.write(
    `drivers: no driver or transport ${unknown.join(', ')}; there are: ${names.join(', ')}\n`,
  );
  process.exit(2);
}

/** Those named, or all when none of a kind is. */
function chosen<T extends { readonly name: string }>(all: readonly T[]): readonly T[] {
  const some = all.filter(({ name }) => words.includes(name));
  return some.length === 0 ? all : some;
}

/** Interrupted, it still stops the servers it started. */
const stopping = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) {
  process.once(name, () => stopping.abort(new Error(`stopped by ${name}`)));
}

const [someDrivers, someTransports] = [chosen(drivers), chosen(transports)];
const cells = await runMatrix({
  drivers: someDrivers,
  transports: someTransports,
  onProgress: (text) => process.stderr.write(`drivers: ${text}\n`),
  signal: stopping.signal,
}).catch((error: Error) => {
  process.stderr.write(`drivers: ${error.message}\n`);
  process.exit(1);
});
const pins = new Map(someDrivers.map((driver) => [driver, pinsOf(driver)]));
const text = driversReport(someDrivers, someTransports, cells, pins);
process.stdout.write(text);
for (const { driver, transport, findings } of cells) {
  for (const finding of findings) process.stderr.write(`drivers: ${driver}, ${transport}: ${finding}\n`);
}
if (words.length === 0) writeFileSync(report, text);
process.exitCode = cells.every(({ findings }) => findings.length === 0) ? 0 : 1;
