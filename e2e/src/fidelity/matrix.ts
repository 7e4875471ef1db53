/** Which suite runs over which transport on which server: the rows of the table, in the order in which they run. */

import type { Transport } from '../transport.ts';
import { pgbenchSuite, shortPgbenchSuite } from './pgbenchSuite.ts';
import { pipelineSuite, shortPipelineSuite } from './pipelineSuite.ts';
import { transports } from './place.ts';
import { psqlSuite, shortPsqlSuite } from './psqlSuite.ts';
import { isolationSuite, regressSuite } from './regressSuite.ts';
import type { Suite } from './suites.ts';

/** What the whole of pg_regress would take over an hour for, in single bytes: the part that is about the protocol. */
export const protocolTests: readonly string[] = [
  'test_setup',
  'boolean',
  'char',
  'create_table',
  'copy',
  'copy2',
  'copyselect',
  'create_role',
  'errors',
  'largeobject',
  'plancache',
  'plpgsql',
  'portals',
  'prepare',
  'prepared_xacts',
  'psql',
  'psql_crosstab',
  'psql_pipeline',
  'transactions',
  'unicode',
  'xid',
];

export interface Row {
  readonly major: number;
  readonly suite: Suite;
  readonly transport: Transport;
}

export const rowName = ({ major, suite, transport }: Row): string =>
  `${major} / ${suite.name} / ${transport.name}`;

const whole = regressSuite('pg_regress', null);
const part = regressSuite('pg_regress (protocol part)', protocolTests);
/** As they are. */
const wholeSuites: readonly Suite[] = [psqlSuite, pgbenchSuite, pipelineSuite, whole, isolationSuite];
/** Without messages of many megabytes, which pieces of a few bytes make long and teach nothing more about. */
const shortSuites: readonly Suite[] = [shortPsqlSuite, shortPgbenchSuite, shortPipelineSuite, part];

const suitesFor = ({ pieceBytes }: Transport): readonly Suite[] =>
  pieceBytes !== undefined && pieceBytes < 1024 ? shortSuites : wholeSuites;

/** Every row for these majors. */
export function rowsFor(majors: readonly number[]): Row[] {
  return transports.flatMap((transport) =>
    majors.flatMap((major) =>
      suitesFor(transport)
        .filter((suite) => suite.majors.includes(major))
        .map((suite) => ({ major, suite, transport })),
    ),
  );
}
