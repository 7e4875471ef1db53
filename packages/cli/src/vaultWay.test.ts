import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CommandError } from './exitCode.ts';
import { FakeIo } from './fakeIo.testing.ts';
import { type Io, reaching } from './io.ts';
import { upLayout } from './upLayout.ts';
import { takeUpLock } from './upLock.ts';
import { type WayFlags, wayOf } from './vaultWay.ts';

const upUrl = 'http://127.0.0.1:7417';
const elsewhere = 'https://vault.example:7417';

interface Row {
  readonly name: string;
  readonly flags?: WayFlags;
  readonly env?: Record<string, string>;
  /** What `pgtape up` left: `running`, `ended`, or nothing. */
  readonly up?: 'running' | 'ended';
  readonly reads: string;
  readonly verifies: string;
}

const direct = 'direct .pgtape/archive';
const rows: readonly Row[] = [
  { name: 'nothing', reads: 'NO_VAULT', verifies: 'NO_ARCHIVE' },
  { name: 'pgtape up', up: 'running', reads: `vault ${upUrl} as up`, verifies: direct },
  { name: 'a pgtape up that has ended', up: 'ended', reads: 'NO_VAULT', verifies: direct },
  {
    name: 'a vault in the environment',
    env: { PGTAPE_VAULT: elsewhere, PGTAPE_TOKEN_FILE: 'mine' },
    up: 'running',
    reads: `vault ${elsewhere} as mine`,
    verifies: direct,
  },
  {
    name: 'an archive in the environment',
    env: { PGTAPE_ARCHIVE: 'other' },
    up: 'running',
    reads: 'direct other',
    verifies: 'direct other',
  },
  {
    name: 'both in the environment',
    env: { PGTAPE_ARCHIVE: 'other', PGTAPE_VAULT: elsewhere },
    reads: `vault ${elsewhere} as nobody`,
    verifies: 'direct other',
  },
  {
    name: '--vault, which does not get the token of pgtape up',
    flags: { vault: elsewhere },
    env: { PGTAPE_ARCHIVE: 'other' },
    up: 'running',
    reads: `vault ${elsewhere} as nobody`,
    verifies: `vault ${elsewhere} as nobody`,
  },
  {
    name: '--vault of pgtape up, which does',
    flags: { vault: `${upUrl}/` },
    up: 'running',
    reads: `vault ${upUrl}/ as up`,
    verifies: `vault ${upUrl}/ as up`,
  },
  {
    name: '--token-file for the vault of pgtape up',
    flags: { tokenFile: 'mine' },
    up: 'running',
    reads: `vault ${upUrl} as mine`,
    verifies: direct,
  },
  {
    name: '--archive',
    flags: { archive: 'other' },
    env: { PGTAPE_VAULT: elsewhere },
    up: 'running',
    reads: 'direct other',
    verifies: 'direct other',
  },
  {
    name: '--archive of a bucket',
    flags: { archive: 's3://bucket/prefix' },
    reads: 'direct s3://bucket/prefix',
    verifies: 'direct s3://bucket/prefix',
  },
  {
    name: '--archive of no kind of store',
    flags: { archive: 'ftp://there' },
    reads: 'STORE_ADDRESS',
    verifies: 'STORE_ADDRESS',
  },
  {
    name: '--archive that is not there',
    flags: { archive: 'none' },
    reads: 'NO_ARCHIVE',
    verifies: 'NO_ARCHIVE',
  },
  {
    name: 'both flags',
    flags: { archive: 'other', vault: elsewhere },
    reads: 'TWO_WAYS',
    verifies: 'TWO_WAYS',
  },
  {
    name: 'a token file that is not there',
    flags: { tokenFile: 'none' },
    up: 'running',
    reads: 'CREDENTIALS',
    verifies: direct,
  },
];

describe('wayOf', () => {
  let dir = '';
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'pgtape-way-'));
  });
  afterEach(() => {
    rmSync(dir, { recursive: true });
  });
  const taken = (io: Io, flags: WayFlags, isChecking: boolean): string => {
    try {
      const way = wayOf(io, flags, isChecking);
      if (way.kind === 'direct') return `direct ${way.address.replace(`${dir}/`, '')}`;
      return `vault ${way.access.url} as ${way.access.token ?? 'nobody'}`;
    } catch (error) {
      return (error as CommandError).code;
    }
  };

  it.each(rows)('with $name', ({ flags = {}, env = {}, up, reads, verifies }) => {
    const layout = upLayout(join(dir, '.pgtape'));
    mkdirSync(join(dir, 'other'));
    writeFileSync(join(dir, 'mine'), 'mine\n');
    if (up !== undefined) {
      mkdirSync(layout.archiveDir, { recursive: true });
      writeFileSync(layout.tokenFile, 'up\n');
      const lock = takeUpLock(layout.lockFile);
      lock.announce('postgres://here', { url: upUrl, tokenFile: layout.tokenFile });
      if (up === 'ended') lock.release();
    }
    const io = new FakeIo({ cwd: dir, env });
    expect([taken(io, flags, false), taken(io, flags, true)]).toEqual([reads, verifies]);
  });

  it.each<[string, WayFlags, string]>([
    ['before everything that nobody named', {}, 'vault https://127.0.0.1:1 as reader'],
    ['not before --vault', { vault: elsewhere }, `vault ${elsewhere} as nobody`],
    ['not before --archive', { archive: 'other' }, 'direct other'],
  ])('a vault that was reached is asked %s', (_, flags, wanted) => {
    mkdirSync(join(dir, 'other'));
    mkdirSync(upLayout(join(dir, '.pgtape')).archiveDir, { recursive: true });
    const io = new FakeIo({ cwd: dir, env: { PGTAPE_ARCHIVE: 'other', PGTAPE_VAULT: upUrl } });
    const access = {
      url: 'https://127.0.0.1:1',
      token: 'reader',
      ca: null,
      cert: null,
      key: null,
      serverName: null,
    };
    const inside = reaching(io, () => access);
    expect([taken(inside, flags, false), taken(inside, flags, true)]).toEqual([wanted, wanted]);
  });
});
