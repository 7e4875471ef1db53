/** What psql is asked to do in the tests: nearly everything it does with the protocol. */
import { mebibyte } from './probes.ts';

/**
 * Everything psql does with the protocol, in an order that leaves the database as it was.
 * @param share of the rows and of the long texts, up to 1
 */
export function psqlScript(share = 1): string {
  const times = (whole: number): number => Math.ceil(whole * share);
  const rowsIn = Array.from(
    { length: times(3000) },
    (_, row) => `${row}\tzeile ${row} äöü 漢字 🐘\t\\N`,
  ).join('\n');
  return `
\\set VERBOSITY verbose
\\set ON_ERROR_STOP off
SHOW server_version;
CREATE TABLE part (id int PRIMARY KEY, name text, note text);
COPY part FROM STDIN;
${rowsIn}
\\.
\\copy part (id, name) from 'in.csv' with (format csv)
\\copy (SELECT id, name FROM part ORDER BY id LIMIT 50) to 'out.csv' with (format csv, header)
COPY (SELECT * FROM part ORDER BY id DESC LIMIT 5) TO STDOUT;
SELECT id, name FROM part \\gdesc
SELECT 1 AS one \\gset
SELECT :one + 1 AS two;
SELECT 'first' AS a; SELECT 'second' AS b \\; SELECT 'third' AS c \\; SELECT 1/0 \\; SELECT 'never';
BEGIN;
DECLARE walk CURSOR FOR SELECT id FROM part ORDER BY id;
FETCH 3 FROM walk;
MOVE 10 FROM walk;
FETCH BACKWARD 2 FROM walk;
SAVEPOINT s;
INSERT INTO part VALUES (1, 'twice');
ROLLBACK TO s;
CLOSE walk;
COMMIT;
SELEC nonsense;
SELECT * FROM missing;
INSERT INTO part VALUES (1, 'twice');
DO $$ BEGIN RAISE NOTICE 'says %', 'ünïcødé'; RAISE WARNING 'careful'; END $$;
PREPARE p (int) AS SELECT name FROM part WHERE id = $1;
EXECUTE p (7);
EXPLAIN (COSTS OFF) EXECUTE p (7);
DEALLOCATE p;
\\set FETCH_COUNT 100
SELECT id FROM part ORDER BY id;
\\unset FETCH_COUNT
SELECT length('${'l'.repeat(times(5 * mebibyte))}') AS long_literal;
SELECT md5(repeat('großer Text ', ${times(600_000)})), length(repeat('z', ${times(3_000_000)}));
SELECT repeat('w', ${times(2_000_000)});
COPY part FROM STDIN;
not a number	x	y
\\.
COPY part FROM PROGRAM 'false';
LISTEN ears;
NOTIFY ears, 'payload';
SET client_encoding = 'LATIN1';
SELECT 'caf' || chr(233) AS latin;
SET client_encoding = 'UTF8';
SELECT '漢字 🐘 ñ' AS "spalte ü", E'tab\\tnew\\nline', NULL AS nothing, ''::text AS empty;
;
VACUUM part;
\\d part
\\x
SELECT * FROM part WHERE id = 2;
\\x
SELECT generate_series(1, 3) \\gexec
SELECT pg_cancel_backend(0);
DROP TABLE part;
\\c postgres
SELECT current_database();
`;
}

/** The file `in.csv` that the script copies from. */
export const inCsv = Array.from(
  { length: 200 },
  (_, row) => `${10_000 + row},"quoted, ""name"" ${row}"`,
).join('\n');
