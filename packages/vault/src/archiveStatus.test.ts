import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { logger } from '@pgtape/process';
import { archiveStatusOf, conditionReason, type ServedArchive } from './archiveStatus.ts';
import { publicAuthority } from './publicAuthority.ts';
import type { VaultStatus } from './vaultStatus.ts';

const now = '2026-11-27T05:00:00Z';
const earlier = '2026-11-27T04:00:00Z';

interface Said {
  readonly ready?: readonly string[];
  readonly lock?: 'strict' | 'bypassable' | 'none';
  readonly alerts?: readonly string[];
  readonly fenced?: boolean;
  readonly at?: string | null;
}

function vault({
  ready = [],
  lock = 'strict',
  alerts = [],
  fenced = false,
  at = earlier,
}: Said): VaultStatus {
  return {
    ready: ready.length === 0,
    reasons: ready,
    archive: { lock },
    holds: { active: 2 },
    log: { size: 7, checkpoint_at: at, fenced, origin: 'o', vkey: 'v' },
    reels: { open: 3 },
    alerts: alerts.map((reason) => ({ reason, detail: 'd', since: now })),
  } as unknown as VaultStatus;
}

const served = (more: Partial<ServedArchive>): ServedArchive => ({
  generation: 4,
  endpoint: 'https://pgtape-vault.pgtape-system.svc:4317',
  authority: null,
  vault: null,
  problem: null,
  ...more,
});

function conditionsOf(state: ServedArchive): Record<string, string> {
  const { conditions } = archiveStatusOf(state, [], now) as {
    conditions: { type: string; status: string; reason: string }[];
  };
  return Object.fromEntries(conditions.map(({ type, status, reason }) => [type, `${status} ${reason}`]));
}

const pem = '-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n';

describe('publicAuthority', () => {
  const dir = mkdtempSync(join(tmpdir(), 'pgtape-authority-'));
  const file = join(dir, 'ca.crt');
  afterAll(() => rmSync(dir, { recursive: true }));

  it('tells certificates and nothing else, and the last ones while there are none', () => {
    const read = publicAuthority(file, logger('vault', 'silent'));
    expect(read()).toBeNull();
    writeFileSync(file, `-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n${pem}`);
    expect(read()).toBe(pem);
    writeFileSync(file, '');
    expect(read()).toBe(pem);
    writeFileSync(file, pem.repeat(2));
    expect(read()).toBe(pem.repeat(2));
    writeFileSync(file, pem.repeat(2000));
    expect(read()).toBe(pem.repeat(2));
  });

  it('stands in the status beside the endpoint', () => {
    expect(archiveStatusOf(served({ authority: pem }), [], now)).toMatchObject({ caBundle: pem });
    expect(archiveStatusOf(served({}), [], now)).not.toHaveProperty('caBundle');
  });
});

describe('archiveStatusOf', () => {
  it.each<[string, Partial<ServedArchive>, string, string, string]>([
    ['a vault that serves', { vault: vault({}) }, 'True Serving', 'True Strict', 'True Signed'],
    ['no vault yet', {}, 'Unknown Starting', 'Unknown NotTried', 'Unknown Starting'],
    [
      'a spec that cannot be used',
      { problem: { reason: 'archive_invalid', message: 'm' } },
      'False ArchiveInvalid',
      'Unknown NotTried',
      'Unknown Starting',
    ],
    [
      'a vault that did not start',
      { problem: { reason: 'archive_not_locked', message: 'm' } },
      'False ArchiveNotLocked',
      'Unknown NotTried',
      'Unknown Starting',
    ],
    [
      'a fenced one',
      { vault: vault({ ready: ['log_fenced'], fenced: true }) },
      'False LogFenced',
      'True Strict',
      'False LogFenced',
    ],
    [
      'a directory',
      { vault: vault({ lock: 'none', at: null }) },
      'True Serving',
      'False NotLocked',
      'Unknown NoCheckpoint',
    ],
    [
      'a lock that did not hold',
      { vault: vault({ alerts: ['worm'] }) },
      'True Serving',
      'False LockDoubtful',
      'True Signed',
    ],
  ])('%s', (_name, state, ready, locked, signed) => {
    expect(conditionsOf(served(state))).toEqual({ Ready: ready, Locked: locked, LogSigned: signed });
  });

  it('says how much there is, and where', () => {
    expect(archiveStatusOf(served({ vault: vault({}) }), [], now)).toMatchObject({
      observedGeneration: 4,
      endpoint: 'https://pgtape-vault.pgtape-system.svc:4317',
      logSize: 7,
      checkpointTime: earlier,
      recorders: 3,
      holds: 2,
    });
  });

  it('keeps the time of what did not change', () => {
    const before = [
      { type: 'Ready', status: 'True' as const, lastTransitionTime: earlier },
      { type: 'Locked', status: 'False' as const, lastTransitionTime: earlier },
    ];
    const { conditions } = archiveStatusOf(served({ vault: vault({}) }), before, now) as {
      conditions: { type: string; lastTransitionTime: string }[];
    };
    expect(conditions.map(({ type, lastTransitionTime }) => [type, lastTransitionTime])).toEqual([
      ['Ready', earlier],
      ['Locked', now],
      ['LogSigned', now],
    ]);
  });

  it.each([
    ['log_fenced', 'LogFenced'],
    ['STORE_UNAVAILABLE', 'StoreUnavailable'],
    ['closing', 'Closing'],
  ])('writes %s as %s', (word, reason) => {
    expect(conditionReason(word)).toBe(reason);
  });
});
