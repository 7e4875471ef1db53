import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DraftRecord, JudgedReel } from '@pgtape/evidence';
import { fileStore } from '@pgtape/store';
import { drafts, ReelWriter } from './archive.testing.ts';
import { listedArchive } from './archive.ts';
import { FakeIo } from './fakeIo.testing.ts';
import { holdWords, verifyHolds } from './verifyHolds.ts';

const reels = { of: 'f1'.repeat(16), vault: '0a'.repeat(16) };
const head = { at: '1795212000000000000', mono: '1' };
const session = `${reels.of.slice(0, 16)}-1`;

describe('verifyHolds', () => {
  let root = '';
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'pgtape-verify-holds-'));
  });
  afterEach(() => {
    rmSync(root, { recursive: true });
  });

  /** Two segments under a hold, told by the vault's reel; the store holds those whose key is in `held`. */
  async function verified(
    held: (keys: readonly string[]) => readonly string[],
    verdict: string,
    more: object[] = [],
    later: object[] = [],
  ) {
    const writer = new ReelWriter(root, reels.of);
    const keys = [
      writer.seal([drafts.reelOpened(), drafts.opened(session, 1000)]),
      writer.seal([drafts.statement(session, 2, 2000, 'select 1')]),
    ];
    const objects = keys.map((key) => ({ key, version: '', sessions: [] }));
    const vaults = {
      recorder: '00112233445566aa',
      name: 'vault',
      version: '0.1.0',
      store: 's3',
      lock: 'strict',
    };
    const own = new ReelWriter(root, reels.vault);
    own.seal([
      { ...head, kind: 'vault_opened', ...vaults, log: 'example.org/log', config: 'ab'.repeat(32) },
      { ...head, kind: 'hold', hold: 'h', case: 'c', reason: 'r', who: 'w', scope: { user: 'ada' } },
      { ...head, kind: 'held', hold: 'h', objects },
      ...more.map((record) => ({ ...head, ...record })),
    ] as DraftRecord[]);
    const archive = await listedArchive(new FakeIo(), root, { kind: 'direct', address: root });
    if (later.length > 0) own.seal(later.map((record) => ({ ...head, ...record })) as DraftRecord[]);
    const files = fileStore(root);
    const store = {
      ...files,
      capabilities: { ...files.capabilities, hold: true },
      protectionOf: async (key: string) => ({
        lock: 'strict' as const,
        retainUntil: null,
        hold: held(keys).includes(key),
      }),
    };
    const judged = [{ reel: reels.vault, by: 'vault', verdict }] as unknown as JudgedReel[];
    const holds = await verifyHolds(new FakeIo(), { ...archive, store }, judged);
    const findings = holds?.findings.map(({ artefact, reason }) => `${keys.indexOf(artefact) + 1} ${reason}`);
    return holds === null ? null : { findings, words: holdWords(holds) };
  }

  const release = { kind: 'release', hold: 'h', reason: 'over', who: 'w', asked: '1' };
  it.each([
    {
      name: 'all held',
      held: (keys: readonly string[]) => keys,
      verdict: 'open',
      more: [],
      wanted: { findings: [], words: '1 in force over 2 objects, 2 holds read back' },
    },
    {
      name: 'one no longer held',
      held: (keys: readonly string[]) => keys.slice(0, 1),
      verdict: 'crashed',
      more: [],
      wanted: { findings: ['2 hold_missing'], words: '1 in force over 2 objects, 2 holds read back' },
    },
    {
      name: 'released',
      held: () => [],
      verdict: 'open',
      more: [release],
      wanted: { findings: [], words: '0 in force over 0 objects, 1 released' },
    },
    {
      name: 'a vault’s reel that is forged says nothing',
      held: () => [],
      verdict: 'forged',
      more: [],
      wanted: null,
    },
  ])('$name', async ({ held, verdict, more, wanted }) => {
    expect(await verified(held, verdict, more)).toEqual(wanted);
  });

  it('looks again before it says that a hold is missing: it may have been released meanwhile', async () => {
    const wanted = { findings: [], words: '0 in force over 0 objects, 1 released' };
    expect(await verified(() => [], 'open', [], [release])).toEqual(wanted);
  });
});
