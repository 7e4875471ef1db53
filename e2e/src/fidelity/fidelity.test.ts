import type { Transport } from '../transport.ts';
import { buildOf } from './builds.ts';
import { protocolTests } from './matrix.ts';
import { pgbenchSuite } from './pgbenchSuite.ts';
import { shortPipelineSuite } from './pipelineSuite.ts';
import { psqlSuite } from './psqlSuite.ts';
import { regressSuite } from './regressSuite.ts';
import { runDirect, runRecorded } from './row.ts';
import { passed, type Suite, sameResult } from './suites.ts';

const plain: Transport = { name: 'plain' };
const singleBytes: Transport = { name: 'pieces of 1 byte', pieceBytes: 1 };

interface Row {
  readonly suite: Suite;
  readonly transport: Transport;
  /** So many events must have been compared, or the suite did not do its work. */
  readonly eventsMin: number;
}

/** The part of `make fidelity` that is quick; the whole is there. */
const rows: readonly Row[] = [
  { suite: psqlSuite, transport: plain, eventsMin: 60 },
  { suite: pgbenchSuite, transport: plain, eventsMin: 20_000 },
  { suite: shortPipelineSuite, transport: plain, eventsMin: 700 },
  { suite: shortPipelineSuite, transport: singleBytes, eventsMin: 700 },
  { suite: regressSuite('pg_regress (protocol part)', protocolTests), transport: plain, eventsMin: 4000 },
];

describe("R2, R4: PostgreSQL's own suites pass unchanged, and the tape is what the server logged", () => {
  it.each(rows)(
    '$suite.name, $transport.name',
    async ({ suite, transport, eventsMin }) => {
      const build = buildOf(15);
      const direct = await runDirect(build, suite, transport);
      expect(passed(direct)).toBeGreaterThan(0);
      const { result, oracle } = await runRecorded(build, suite, transport);
      expect(result.output).toBe(direct.output);
      expect(sameResult(direct, result)).toBe(true);
      expect(oracle.unnamed).toEqual([]);
      expect(oracle.events).toBeGreaterThanOrEqual(eventsMin);
    },
    280_000,
  );
});
