import { drivers } from './driver.ts';
import { type Cell, runMatrix } from './matrix.ts';
import { transports } from './transports.ts';

/** What `make e2e` runs of the matrix; `make drivers` runs all of it. */
const subset = transports.filter(({ name }) => ['plain', 'chunks-3', 'tls'].includes(name));

describe('drivers see the same through the recorder, and the tape holds what the server logged', () => {
  let cells: readonly Cell[];
  beforeAll(async () => {
    cells = await runMatrix({
      drivers,
      transports: subset,
      onProgress: (text) => process.stderr.write(`      ${text}\n`),
    });
  }, 1_800_000);

  it.each(drivers.flatMap(({ name }) => subset.map((transport) => [name, transport.name])))(
    '%s, %s',
    (driver, transport) => {
      const cell = cells.find((one) => one.driver === driver && one.transport === transport);
      expect(cell?.findings).toEqual([]);
      // A run that compared nothing would find nothing.
      expect(cell?.compared).toBeGreaterThan(50);
    },
  );
});
