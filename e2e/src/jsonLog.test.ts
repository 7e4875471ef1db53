import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { csvEntryOf, entryOf, type LogEntry, readLog } from './jsonLog.ts';

const quoted = 'duration: 0.1 ms  statement: SELECT \'a,"b"\',\n  2';
const entry: LogEntry = {
  pid: 7,
  session_id: '1.7',
  line_num: 3,
  backend_type: 'client backend',
  error_severity: 'LOG',
  dbname: 'postgres',
  ps: 'SELECT',
  state_code: '00000',
  message: quoted,
  application_name: 'psql',
  query_id: '-9223372036854775807',
};
const csv =
  '2026-11-27 00:00:00.000 UTC,"postgres","postgres",7,"127.0.0.1:5",1.7,3,"SELECT",2026-11-27 00:00:00 UTC,3/1,0,LOG,00000,' +
  `"${quoted.replaceAll('"', '""')}",,,,,,,,"exec_simple_query, postgres.c:1","psql","client backend",,-9223372036854775807`;
const json = JSON.stringify({ ...entry, query_id: 0 }).replace(
  '"query_id":0',
  `"query_id":${entry.query_id}`,
);

describe("the server's log", () => {
  it('has the same entry in JSON and in CSV', () => {
    expect([entryOf(json), csvEntryOf(csv)]).toEqual([entry, entry]);
  });

  it.each([
    ['oracle.json', json],
    ['oracle.csv', csv],
  ])('%s is read whole, from an offset, and without a last line that is not done', (name, text) => {
    const dir = mkdtempSync(join(tmpdir(), 'pgtape-log-'));
    try {
      const file = join(dir, name);
      // More than one chunk of the file.
      const times = 4000;
      writeFileSync(file, `${`${text}\n`.repeat(times)}${text.slice(0, 200)}`);
      const entries = [...readLog(file)];
      expect([entries.length, entries.at(0), entries.at(-1)]).toEqual([times, entry, entry]);
      expect([...readLog(file, Buffer.byteLength(`${text}\n`) * (times - 2))]).toEqual([entry, entry]);
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  });
});
