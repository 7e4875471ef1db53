import { type ReplicationCommand, replicationCommand } from './replicationCommand.ts';

const cases: readonly [string, ReplicationCommand | null][] = [
  ['IDENTIFY_SYSTEM', { command: 'IDENTIFY_SYSTEM' }],
  ['identify_system;', { command: 'IDENTIFY_SYSTEM' }],
  ['TIMELINE_HISTORY 3', { command: 'TIMELINE_HISTORY', timeline: '3' }],
  ['READ_REPLICATION_SLOT s', { command: 'READ_REPLICATION_SLOT', slot: 's' }],
  ['DROP_REPLICATION_SLOT "S 1" WAIT', { command: 'DROP_REPLICATION_SLOT', slot: 'S 1' }],
  ['ALTER_REPLICATION_SLOT s (FAILOVER)', { command: 'ALTER_REPLICATION_SLOT', slot: 's' }],
  [
    'CREATE_REPLICATION_SLOT "s" TEMPORARY LOGICAL pgoutput (SNAPSHOT \'nothing\')',
    { command: 'CREATE_REPLICATION_SLOT', slot: 's', kind: 'logical', plugin: 'pgoutput' },
  ],
  [
    'CREATE_REPLICATION_SLOT s PHYSICAL RESERVE_WAL',
    { command: 'CREATE_REPLICATION_SLOT', slot: 's', kind: 'physical' },
  ],
  [
    'START_REPLICATION SLOT "s" LOGICAL 0/16b3748 (proto_version \'4\', "publication_names" \'timeline 9\')',
    { command: 'START_REPLICATION', slot: 's', kind: 'logical', from: '0/16B3748' },
  ],
  [
    'START_REPLICATION SLOT s PHYSICAL 1A/2 TIMELINE 7',
    { command: 'START_REPLICATION', slot: 's', kind: 'physical', from: '1A/2', timeline: '7' },
  ],
  ['START_REPLICATION 0/0', { command: 'START_REPLICATION', kind: 'physical', from: '0/0' }],
  ['START_REPLICATION', { command: 'START_REPLICATION', kind: 'physical' }],
  ["BASE_BACKUP (LABEL 'x')", { command: 'BASE_BACKUP' }],
  ['SHOW wal_segment_size', null],
  ['SELECT 1', null],
  ['', null],
];

describe('replicationCommand', () => {
  it.each(cases)('%s', (sql, expected) => {
    expect(replicationCommand(sql)).toEqual(expected);
  });
});
