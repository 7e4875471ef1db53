import { checkReel, type StoredSegment } from './checkReel.ts';
import {
  type ExamplePlan,
  type ExampleSegment,
  exampleRecords,
  exampleReel,
  exampleSigner,
} from './exampleReel.ts';
import type { DraftRecord } from './record.ts';
import { sealDigest } from './seal.ts';
import { encodeObject } from './segmentObject.ts';
import { newSigner, recoverySigner } from './signer.ts';
import type { ReelVerdict } from './verdict.ts';

const reel = '0102030405060708090a0b0c0d0e0f10';
const recorder = '00112233445566aa';
const a = `${reel.slice(0, 16)}-1`;
const b = `${reel.slice(0, 16)}-2`;
const { reelOpened, opened, statement, closed, reelClosed, gap, vaultOpened, alert } = exampleRecords;
const keyOf = (segment: number) => `reel/${recorder}/${reel}/0000000${segment}.jsonl.zst`;

const made = (...segments: DraftRecord[][]) => exampleReel({ reel, recorder, segments });
const whole: DraftRecord[][] = [
  [reelOpened(recorder), opened(a), statement(a, 2, 'SELECT 1')],
  [opened(b), closed(b, 2, 0), statement(a, 3, 'SELECT 2')],
  [closed(a, 4, 2), reelClosed(2, 2)],
];

const found = ({ verdict, findings, sessions }: ReelVerdict) => ({
  verdict,
  findings: findings.map((finding) => `${finding.verdict} ${finding.artefact} ${finding.reason}`),
  sessions: sessions.map((session) => `${session.session} ${session.verdict}`),
});
const check = async (segments: readonly StoredSegment[], trustedKeys?: ReadonlySet<string>) =>
  found(await checkReel(segments, trustedKeys === undefined ? {} : { trustedKeys }));

describe('checkReel', () => {
  it('says complete of a reel that ended in order, with all it counted', async () => {
    const segments = made(...whole);
    const lines: string[] = [];
    const verdict = await checkReel(segments, {
      onLine: ({ key, line, record }) => lines.push(`${key}#${line} ${record.kind}`),
    });
    expect(verdict).toEqual({
      reel,
      recorder,
      by: 'recorder',
      closed: true,
      ended: true,
      key: exampleSigner('example key', 1).publicKey,
      recoveryKey: recoverySigner(reel).publicKey,
      tail: { segment: 3, seal: sealDigest(segments[2]!.lines.at(-1)!) },
      verdict: 'complete',
      findings: [],
      segments: 3,
      records: 8,
      bytes: segments.flatMap(({ lines }) => lines).reduce((bytes, line) => bytes + line.length + 1, 0),
      sessions: [
        {
          session: a,
          verdict: 'complete',
          statements: 2,
          lastN: 4,
          closed: true,
          gaps: [],
          firstKey: keyOf(1),
          lastKey: keyOf(3),
        },
        {
          session: b,
          verdict: 'complete',
          statements: 0,
          lastN: 2,
          closed: true,
          gaps: [],
          firstKey: keyOf(2),
          lastKey: keyOf(2),
        },
      ],
      notProven: [expect.stringContaining('first key'), expect.stringContaining('whole reel was deleted')],
      vault: null,
    });
    expect(lines[0]).toBe(`${keyOf(1)}#2 reel_opened`);
    expect(lines).toHaveLength(8);
  });

  it('says the same when strict and when segments come asynchronously', async () => {
    async function* arriving() {
      yield* made(...whole);
    }
    expect(found(await checkReel(arriving(), { strict: true })).verdict).toBe('complete');
  });

  it.each<{ name: string; segments: DraftRecord[][]; expected: ReturnType<typeof found> }>([
    {
      name: 'a reel without its end is open, and so are its sessions without theirs',
      segments: whole.slice(0, 2),
      expected: {
        verdict: 'open',
        findings: [`open ${keyOf(2)} not_closed`],
        sessions: [`${a} open`, `${b} complete`],
      },
    },
    {
      name: 'a gap of a session',
      segments: [
        [reelOpened(recorder), opened(a), gap('decode_lost', a, 2), closed(a, 3, 0), reelClosed(1, 0)],
      ],
      expected: { verdict: 'gap', findings: [`gap ${keyOf(1)}#4 decode_lost`], sessions: [`${a} gap`] },
    },
    {
      name: 'a gap of the reel',
      segments: [[reelOpened(recorder), gap('journal_full'), reelClosed(0, 0)]],
      expected: { verdict: 'gap', findings: [`gap ${keyOf(1)}#3 journal_full`], sessions: [] },
    },
    {
      name: "a vault's reel",
      segments: [[vaultOpened(recorder), alert('worm')], [reelClosed(0, 0)]],
      expected: { verdict: 'complete', findings: [], sessions: [] },
    },
    {
      name: "a vault's reel that begins twice",
      segments: [[vaultOpened(recorder), vaultOpened(recorder), reelClosed(0, 0)]],
      expected: { verdict: 'forged', findings: [`forged ${keyOf(1)}#3 reel_opened`], sessions: [] },
    },
    {
      name: "a vault's reel of another id",
      segments: [[vaultOpened('ffffffffffffffff'), reelClosed(0, 0)]],
      expected: { verdict: 'forged', findings: [`forged ${keyOf(1)}#2 recorder_mismatch`], sessions: [] },
    },
    {
      name: "a recorder's line in a vault's reel",
      segments: [[vaultOpened(recorder), opened(a), closed(a, 2, 0), reelClosed(0, 0)]],
      expected: {
        verdict: 'forged',
        findings: [`forged ${keyOf(1)}#3 kind_misplaced`, `forged ${keyOf(1)}#4 kind_misplaced`],
        sessions: [`${a} complete`],
      },
    },
    {
      name: "a vault's line in a recorder's reel",
      segments: [[reelOpened(recorder), alert('worm'), reelClosed(0, 0)]],
      expected: { verdict: 'forged', findings: [`forged ${keyOf(1)}#3 kind_misplaced`], sessions: [] },
    },
    {
      name: 'a session without its end in a reel that ended',
      segments: [[reelOpened(recorder), opened(a), reelClosed(1, 0)]],
      expected: { verdict: 'gap', findings: [`gap ${a} session_not_closed`], sessions: [`${a} gap`] },
    },
    {
      name: 'a hole in a session',
      segments: [[reelOpened(recorder), opened(a), statement(a, 3, ''), closed(a, 4, 1), reelClosed(1, 1)]],
      expected: {
        verdict: 'forged',
        findings: [`forged ${keyOf(1)}#4 session_gap`],
        sessions: [`${a} forged`],
      },
    },
    {
      name: 'a session that does not begin at 1',
      segments: [[reelOpened(recorder), statement(a, 2, ''), closed(a, 3, 1), reelClosed(1, 1)]],
      expected: {
        verdict: 'forged',
        findings: [`forged ${keyOf(1)}#3 session_gap`],
        sessions: [`${a} forged`],
      },
    },
    {
      name: 'a session that goes on after its end',
      segments: [[reelOpened(recorder), opened(a), closed(a, 2, 0), statement(a, 3, ''), reelClosed(1, 1)]],
      expected: {
        verdict: 'forged',
        findings: [`forged ${keyOf(1)}#5 after_closed`],
        sessions: [`${a} forged`],
      },
    },
    {
      name: 'a reel that goes on after its end',
      segments: [[reelOpened(recorder), reelClosed(0, 0)], [gap('spool_full')]],
      expected: {
        verdict: 'forged',
        findings: [
          `forged ${keyOf(2)}#2 after_reel_closed`,
          `gap ${keyOf(2)}#2 spool_full`,
          `open ${keyOf(2)} not_closed`,
        ],
        sessions: [],
      },
    },
    {
      name: 'a reel without its beginning, though numbered from 1',
      segments: [[opened(a), closed(a, 2, 0), reelClosed(1, 0)]],
      expected: {
        verdict: 'forged',
        findings: [`forged ${keyOf(1)}#2 reel_opened`],
        sessions: [`${a} complete`],
      },
    },
    {
      name: 'a reel opened by another recorder than its header says',
      segments: [[reelOpened('ff'.repeat(8)), reelClosed(0, 0)]],
      expected: { verdict: 'forged', findings: [`forged ${keyOf(1)}#2 recorder_mismatch`], sessions: [] },
    },
  ])('$name', async ({ segments, expected }) => {
    expect(await check(made(...segments))).toEqual(expected);
  });

  it('says forged of nothing', async () => {
    expect(await check([])).toEqual({ verdict: 'forged', findings: ['forged  no_segments'], sessions: [] });
  });
});

describe('a recovered reel', () => {
  const tail: DraftRecord[] = [{ ...closed(a, 4, 2), why: 'recorder_crashed' }, gap('recorder_crashed')];
  const recovered = (more: Partial<ExamplePlan> = {}) =>
    exampleReel({ reel, recorder, segments: [...whole.slice(0, 2), tail], recoveredFrom: 3, ...more });

  it('is crashed from its recovered segments on', async () => {
    const verdict = await checkReel(recovered());
    expect(found(verdict)).toEqual({
      verdict: 'crashed',
      findings: [`crashed ${keyOf(3)} recovered`, `crashed ${keyOf(3)}#3 recorder_crashed`],
      sessions: [`${a} crashed`, `${b} complete`],
    });
    expect(verdict.notProven[0]).toMatch(/recovered segments/);
  });

  it('is crashed when it died before its first seal', async () => {
    expect((await check(recovered({ recoveredFrom: 1 }))).findings).toEqual([
      `crashed ${keyOf(1)} recovered`,
      `crashed ${keyOf(3)}#3 recorder_crashed`,
    ]);
  });

  it('is also open while its last line is missing', async () => {
    const segments = exampleReel({
      reel,
      recorder,
      segments: [...whole.slice(0, 2), tail.slice(0, 1)],
      recoveredFrom: 3,
    });
    const verdict = await checkReel(segments);
    expect(verdict.verdict).toBe('crashed');
    expect(verdict.findings.at(-1)?.reason).toBe('not_closed');
    expect(verdict.notProven[0]).toMatch(/nothing followed/);
  });

  it('is forged when its recorder goes on afterwards', async () => {
    const resumed = recovered({
      segments: whole,
      twist: (segment) => ({ recovered: segment === 2 }),
    });
    expect((await check(resumed)).findings).toContain(`forged ${keyOf(3)} recovered_resumed`);
  });
});

describe('trusted keys', () => {
  it.each([
    { name: 'the first', trusted: exampleSigner('example key', 1).publicKey, verdict: 'complete' },
    { name: 'only a later one', trusted: exampleSigner('example key', 2).publicKey, verdict: 'forged' },
  ])('must include $name key', async ({ trusted, verdict }) => {
    const seen = await check(made(...whole), new Set([trusted]));
    expect(seen.verdict).toBe(verdict);
    if (verdict === 'forged') {
      expect(seen).toEqual({
        verdict,
        findings: [`forged ${keyOf(1)} key_untrusted`],
        sessions: [`${a} forged`, `${b} forged`],
      });
    }
  });
});

describe('trusted keys of a reel recovered from its first segment', () => {
  const segments = exampleReel({
    reel,
    recorder,
    segments: [[reelOpened(recorder)], [gap('recorder_crashed')]],
    recoveredFrom: 1,
  });

  it.each([
    {
      name: 'its recovery key',
      trusted: recoverySigner(reel).publicKey,
      verdict: 'crashed',
      first: 'recovered',
    },
    { name: 'another key', trusted: newSigner().publicKey, verdict: 'forged', first: 'key_untrusted' },
  ])('$name: $verdict', async ({ trusted, verdict, first }) => {
    const seen = await checkReel(segments, { trustedKeys: new Set([trusted]) });
    expect(seen.verdict).toBe(verdict);
    expect(seen.findings.map(({ reason }) => reason)).toContain(first);
    expect(seen.findings.some(({ reason }) => reason === 'key_untrusted')).toBe(verdict === 'forged');
  });
});

describe('a damaged reel', () => {
  const segments = made(...whole, [gap('spool_full')]);
  const closedEarly = made(
    [reelOpened(recorder), opened(a), closed(a, 2, 0)],
    [opened(b), statement(b, 2, '')],
    [closed(b, 3, 1), reelClosed(2, 1)],
  );

  it('keeps the verdict of sessions that ended before the damage', async () => {
    expect((await check([closedEarly[0]!, closedEarly[2]!])).sessions).toEqual([
      `${a} complete`,
      `${b} forged`,
    ]);
  });

  it('names each missing segment, or a long hole by its ends', async () => {
    const last = segments[3]!;
    expect((await check([segments[0]!, last])).findings.slice(0, 2)).toEqual([
      `forged ${keyOf(2)} segment_missing`,
      `forged ${keyOf(3)} segment_missing`,
    ]);
    const far = { key: `reel/${recorder}/${reel}/00099999.jsonl.zst`, object: last.object };
    const verdict = await checkReel([segments[0]!, far]);
    expect(verdict.findings[0]).toEqual({
      verdict: 'forged',
      artefact: keyOf(2),
      reason: 'segment_missing',
      detail: expect.stringContaining('99997 segments'),
    });
  });

  it('bounds its findings', async () => {
    const noise = Array.from({ length: 1500 }, (_, i) => ({ key: `x${i}`, object: new Uint8Array() }));
    const verdict = await checkReel([...made(...whole), ...noise]);
    expect(verdict.findings).toHaveLength(1001);
    expect(verdict.findings.at(-1)).toEqual({
      verdict: 'forged',
      artefact: keyOf(3),
      reason: 'more_findings',
      detail: '500 further findings are not listed',
    });
  });

  it('is bounded in what it decompresses', async () => {
    const verdict = await checkReel(made(...whole), { segmentBytesMax: 100 });
    expect(found(verdict).findings[0]).toBe(`forged ${keyOf(1)} object_too_large`);
  });

  it('finds a line that breaks the schema, though its key signed it', async () => {
    const odd: ExampleSegment[] = made([
      reelOpened(recorder),
      { ...opened(a), pid: -1 },
      closed(a, 2, 0),
      reelClosed(1, 0),
    ]);
    expect((await check(odd)).findings).toEqual([
      `forged ${keyOf(1)}#3 line_invalid`,
      `open ${keyOf(1)} not_closed`,
    ]);
  });

  it('passes on what the source of segments throws', async () => {
    const broken = (function* () {
      yield { key: keyOf(1), object: encodeObject([]) };
      throw new Error('disk');
    })();
    await expect(checkReel(broken)).rejects.toThrow('disk');
  });
});
