import { judgeTogether } from './archiveVerdict.ts';
import { checkReel } from './checkReel.ts';
import { type ExampleSegment, exampleRecords, exampleReel, exampleSigner } from './exampleReel.ts';
import { type OrphanedEnd, orphanFinding } from './orphanVerdict.ts';
import type { DraftRecord } from './record.ts';
import { sealDigest } from './seal.ts';
import { recoverySigner } from './signer.ts';
import type { OrphanedReel } from './vaultLedger.ts';

const reel = '03'.repeat(16);
const recorder = '00112233445566aa';
const vault = 'aaaaaaaaaaaaaaaa';
const keyOf = (segment: number) => `reel/${recorder}/${reel}/0000000${segment}.jsonl.zst`;

describe('orphanFinding', () => {
  const word = (segment: number, seal = `seal ${segment}`, of = recorder): OrphanedReel => ({
    reel,
    recorder: of,
    pod: 'shop/orders-0',
    podUid: 'u-0',
    segment,
    seal,
    artefact: `line ${segment}`,
  });
  const end = (segment: number, ended = false): OrphanedEnd => ({
    reel,
    recorder,
    tail: { segment, seal: `seal ${segment}` },
    ended,
  });
  const unread: OrphanedEnd = { reel, recorder, tail: null, ended: false };

  it.each<[string, OrphanedEnd, OrphanedReel[], string | null]>([
    ['nobody says anything', end(3), [], null],
    ['it is said of another recorder', end(3), [word(3, 'seal 3', vault)], null],
    ['it is as it was', end(3), [word(3)], 'crashed 3 pod_gone line 3'],
    ['it is said twice', end(3), [word(3), word(3)], 'crashed 3 pod_gone line 3'],
    ['more came', end(4), [word(3)], 'complete 4 came_back line 3'],
    ['more came, and its end', end(4, true), [word(3)], 'complete 4 came_back line 3'],
    ['it has its end', end(3, true), [word(3)], 'complete 3 came_back line 3'],
    ['more came, and it was said again', end(4), [word(3), word(4)], 'crashed 4 pod_gone line 4'],
    ['what was said last stands first', end(4), [word(4), word(3)], 'crashed 4 pod_gone line 4'],
    ['its end is cut off', end(2), [word(3)], 'forged 3 segment_missing line 3'],
    [
      'its end is cut off to where it was said first',
      end(3),
      [word(3), word(4)],
      'forged 4 segment_missing line 4',
    ],
    ['its last segment is another', end(3), [word(3, 'other')], 'forged 3 seal_mismatch line 3'],
    ['its end is another', end(3, true), [word(3, 'other')], 'forged 3 seal_mismatch line 3'],
    [
      'two things are said of one segment',
      end(3),
      [word(3), word(3, 'other')],
      'forged 3 seal_mismatch line 3',
    ],
    ['no segment can be read', unread, [word(3)], 'forged 3 segment_missing line 3'],
  ])('%s', (_, of, words, expected) => {
    const finding = orphanFinding(of, words);
    const number = Number(finding?.artefact.match(/(\d+)\.jsonl/)?.[1]);
    const line = finding?.detail.match(/line \d/)?.[0];
    expect(finding && `${finding.verdict} ${number} ${finding.reason} ${line}`).toBe(expected);
  });
});

describe('a reel whose pod is gone', () => {
  const { vaultOpened, enrolment, orphaned, reelOpened, reelClosed, opened, statement, closed, alert } =
    exampleRecords;
  const [one, two] = [`${reel.slice(0, 16)}-1`, `${reel.slice(0, 16)}-2`];
  const tape = exampleReel({
    reel,
    recorder,
    segments: [
      [reelOpened(recorder), opened(one), closed(one, 2, 0), opened(two)],
      [statement(two, 2, 'SELECT 1')],
      [closed(two, 3, 1), reelClosed(2, 1)],
    ],
  });
  const enrolled = (podUid?: string): DraftRecord => ({
    ...enrolment({
      of_reel: reel,
      of_recorder: recorder,
      key: exampleSigner('example key', 1).publicKey,
      recovery_key: recoverySigner(reel).publicKey,
    }),
    method: 'kubernetes',
    ...(podUid !== undefined && { pod_uid: podUid }),
  });
  const word = (segment: number, podUid = 'u-0', of = segment): DraftRecord =>
    orphaned(
      { of_reel: reel, of_recorder: recorder, segment, seal: sealDigest(tape[of - 1]!.lines.at(-1)!) },
      podUid,
    );
  let vaults = 0;
  const ofVault = (records: readonly DraftRecord[], by = vault): ExampleSegment[] => {
    vaults += 1;
    const id = (16 + vaults).toString(16).repeat(16);
    return exampleReel({ reel: id, recorder: by, segments: [[vaultOpened(by), ...records]] });
  };

  async function judged(stored: readonly ExampleSegment[], ...others: (readonly ExampleSegment[])[]) {
    const verdicts = [];
    for (const segments of [stored, ...others]) verdicts.push(await checkReel(segments));
    return judgeTogether(verdicts)[0]!;
  }
  const open = { verdict: 'open', findings: [`open ${keyOf(2)} not_closed`], sessions: ['complete', 'open'] };
  interface Said {
    readonly verdict: string;
    readonly findings: readonly string[];
    readonly sessions: readonly string[];
  }
  const said = async (...reels: Parameters<typeof judged>): Promise<Said> => {
    const { verdict, findings, sessions } = await judged(...reels);
    return {
      verdict,
      findings: findings.map((finding) => `${finding.verdict} ${finding.artefact} ${finding.reason}`),
      sessions: sessions.map((session) => session.verdict),
    };
  };

  it('is crashed by the word of the vault that enrolled it, with the sessions that were open', async () => {
    expect(await said(tape.slice(0, 2), ofVault([enrolled('u-0'), word(2)]))).toEqual({
      verdict: 'crashed',
      findings: [`crashed ${keyOf(2)} pod_gone`],
      sessions: ['complete', 'crashed'],
    });
  });

  it('says that this is the word of the vault, and what it does not prove', async () => {
    const { findings, notProven } = await judged(tape.slice(0, 2), ofVault([enrolled('u-0'), word(2)]));
    expect(findings[0]?.detail).toMatch(
      /#4 says that pod 'shop\/orders-0' is gone, and segment 2 the last that came of it$/,
    );
    expect(notProven).toEqual([
      expect.stringMatching(/^That nothing followed /),
      expect.stringMatching(/^That no whole reel was deleted/),
      expect.stringMatching(/^That the reel is of 'shop': the vault says so, which checked a pod's token/),
      expect.stringMatching(/^That pod 'shop\/orders-0' is gone and no more comes: .* the word of the vault/),
    ]);
  });

  it.each<[string, ExampleSegment[], ExampleSegment[][], Said]>([
    [
      'of two reels of one vault',
      tape.slice(0, 2),
      [ofVault([enrolled('u-0')]), ofVault([word(2)])],
      {
        verdict: 'crashed',
        findings: [`crashed ${keyOf(2)} pod_gone`],
        sessions: ['complete', 'crashed'],
      },
    ],
    [
      'and it comes back',
      tape,
      [ofVault([enrolled('u-0'), word(2)])],
      {
        verdict: 'complete',
        findings: [`complete ${keyOf(3)} came_back`],
        sessions: ['complete', 'complete'],
      },
    ],
    [
      'and it comes back for a while',
      tape.slice(0, 2),
      [ofVault([enrolled('u-0'), word(1)])],
      {
        ...open,
        findings: [...open.findings, `complete ${keyOf(2)} came_back`],
      },
    ],
    [
      'and its end is deleted',
      tape.slice(0, 1),
      [ofVault([enrolled('u-0'), word(2)])],
      {
        verdict: 'forged',
        findings: [`open ${keyOf(1)} not_closed`, `forged ${keyOf(2)} segment_missing`],
        sessions: ['complete', 'forged'],
      },
    ],
    [
      'and its last segment is another',
      tape.slice(0, 2),
      [ofVault([enrolled('u-0'), word(2, 'u-0', 1)])],
      {
        verdict: 'forged',
        findings: [`open ${keyOf(2)} not_closed`, `forged ${keyOf(2)} seal_mismatch`],
        sessions: ['complete', 'forged'],
      },
    ],
    [
      'by a vault that did not enrol it',
      tape.slice(0, 2),
      [ofVault([enrolled('u-0')]), ofVault([word(2)], 'bbbbbbbbbbbbbbbb')],
      open,
    ],
    ['of another pod than enrolled it', tape.slice(0, 2), [ofVault([enrolled('u-0'), word(2, 'u-1')])], open],
    ['and no pod enrolled it', tape.slice(0, 2), [ofVault([enrolled(), word(2)])], open],
    [
      'of another recorder',
      tape.slice(0, 2),
      [ofVault([enrolled('u-0'), { ...word(2), of_recorder: vault } as DraftRecord])],
      open,
    ],
    ['and nobody knows the vault', tape.slice(0, 2), [], open],
  ])('%s', async (_, stored, others, expected) => {
    expect(await said(stored, ...others)).toEqual(expected);
  });

  it.each<[string, (own: ExampleSegment[]) => ExampleSegment[]]>([
    [
      'its bytes are flipped',
      ([first]) => [{ ...first!, object: first!.object.with(60, first!.object[60]! ^ 1) }],
    ],
    ['more is written behind its end', (own) => [...own, ...ofVault([alert('worm')])]],
  ])('a word in a reel of the vault that is not sound does not count: %s', async (_, broken) => {
    expect(await said(tape.slice(0, 2), broken(ofVault([enrolled('u-0'), word(2)])))).toEqual(open);
  });

  it('a word in a reel of a recorder is none', async () => {
    const liar = exampleReel({
      reel: '0f'.repeat(16),
      recorder: vault,
      segments: [[reelOpened(vault), word(2)]],
    });
    expect(await said(tape.slice(0, 2), ofVault([enrolled('u-0')]), liar)).toEqual(open);
  });

  it('a vault cannot say it of a vault', async () => {
    const own = ofVault([alert('worm')]);
    const [{ reel: id } = { reel: '' }] = [await checkReel(own)];
    const about = { of_reel: id, of_recorder: vault };
    const seal = sealDigest(own[0]!.lines.at(-1)!);
    const telling = ofVault([
      { ...enrolled('u-0'), ...about } as DraftRecord,
      orphaned({ ...about, segment: 1, seal }, 'u-0'),
    ]);
    expect((await judged(own, telling)).findings.map(({ reason }) => reason)).toEqual(['not_closed']);
  });
});
