import { judgeTogether } from './archiveVerdict.ts';
import { checkReel } from './checkReel.ts';
import { type ExampleSegment, exampleRecords, exampleReel, exampleSigner } from './exampleReel.ts';
import type { DraftRecord } from './record.ts';
import { sealDigest } from './seal.ts';
import { recoverySigner } from './signer.ts';

const { vaultOpened, reelOpened, reelClosed, alert, enrolment } = exampleRecords;
const vault = 'aaaaaaaaaaaaaaaa';
const recorder = '00112233445566aa';
const earlier = '01'.repeat(16);
const later = '02'.repeat(16);
const recorded = '03'.repeat(16);

const made = (reel: string, id: string, ...segments: DraftRecord[][]) =>
  exampleReel({ reel, recorder: id, segments });
const keyOf = (reel: string, segment: number, id = vault) => `reel/${id}/${reel}/0000000${segment}.jsonl.zst`;
const sealOf = (segments: readonly ExampleSegment[], segment: number) =>
  sealDigest(segments[segment - 1]!.lines.at(-1)!);

async function judged(...reels: (readonly ExampleSegment[])[]) {
  const verdicts = [];
  for (const segments of reels) verdicts.push(await checkReel(segments));
  return judgeTogether(verdicts).map(({ reel, verdict, findings, enrolled }) => ({
    reel,
    verdict,
    findings: findings.map((finding) => `${finding.verdict} ${finding.artefact} ${finding.reason}`),
    enrolled: enrolled && `${enrolled.method} ${enrolled.name}`,
  }));
}

describe('judgeTogether', () => {
  const before = made(earlier, vault, [vaultOpened(vault)], [alert('worm')], [alert('forged')]);
  const after = (segment: number, seal: string) =>
    made(later, vault, [vaultOpened(vault, { reel: earlier, segment, seal }), reelClosed(0, 0)]);
  const ended = { reel: later, verdict: 'complete', findings: [], enrolled: null };

  it('calls a vault that did not end crashed, once the next one says where it ended', async () => {
    expect(await judged(before, after(3, sealOf(before, 3)))).toEqual([
      {
        reel: earlier,
        verdict: 'crashed',
        findings: [`crashed ${keyOf(earlier, 3)} vault_crashed`],
        enrolled: null,
      },
      ended,
    ]);
  });

  it('leaves it open while no other reel tells of it', async () => {
    expect((await judged(before))[0]).toMatchObject({ verdict: 'open' });
  });

  it.each<{ name: string; segment: number; seal: number; stored: number; findings: string[] }>([
    {
      name: 'its last segments are gone',
      segment: 3,
      seal: 3,
      stored: 2,
      findings: [`open ${keyOf(earlier, 2)} not_closed`, `forged ${keyOf(earlier, 3)} segment_missing`],
    },
    {
      name: 'it goes on after its end',
      segment: 2,
      seal: 2,
      stored: 3,
      findings: [`open ${keyOf(earlier, 3)} not_closed`, `forged ${keyOf(earlier, 3)} continued_afterwards`],
    },
    {
      name: 'its last segment is another',
      segment: 3,
      seal: 1,
      stored: 3,
      findings: [`open ${keyOf(earlier, 3)} not_closed`, `forged ${keyOf(earlier, 3)} seal_mismatch`],
    },
  ])('is forged when $name', async ({ segment, seal, stored, findings }) => {
    const [first, second] = await judged(before.slice(0, stored), after(segment, sealOf(before, seal)));
    expect(first).toEqual({ reel: earlier, verdict: 'forged', findings, enrolled: null });
    expect(second).toEqual(ended);
  });

  it('is forged when it got an end afterwards', async () => {
    const closed = made(earlier, vault, [vaultOpened(vault)], [reelClosed(0, 0)]);
    expect((await judged(closed, after(1, sealOf(closed, 1))))[0]).toMatchObject({
      verdict: 'forged',
      findings: [`forged ${keyOf(earlier, 1)} closed_afterwards`],
    });
  });

  it('blames the next reel when the whole reel is gone', async () => {
    expect(await judged(after(3, sealOf(before, 3)))).toEqual([
      { ...ended, verdict: 'forged', findings: [`forged ${keyOf(earlier, 1)} reel_missing`] },
    ]);
  });

  const keys = {
    of_reel: recorded,
    of_recorder: recorder,
    key: exampleSigner('example key', 1).publicKey,
    recovery_key: recoverySigner(recorded).publicKey,
  };
  const tape = made(recorded, recorder, [reelOpened(recorder), reelClosed(0, 0)]);
  const vouching = (of: typeof keys) =>
    made(later, vault, [vaultOpened(vault), enrolment(of), reelClosed(0, 0)]);

  it('says who vouched for a reel', async () => {
    expect(await judged(tape, vouching(keys))).toEqual([
      { reel: recorded, verdict: 'complete', findings: [], enrolled: 'secret shop' },
      ended,
    ]);
  });

  it('says what is then not proven', async () => {
    const [reel] = judgeTogether([await checkReel(tape), await checkReel(vouching(keys))]);
    expect(reel?.notProven).toEqual([
      expect.stringContaining('whole reel was deleted'),
      expect.stringMatching(
        /^That the reel is of 'shop': the vault says so, which checked an enrolment secret;/,
      ),
    ]);
  });

  it.each([
    { name: 'another first key', of: { ...keys, key: exampleSigner('other', 1).publicKey } },
    { name: 'another recovery key', of: { ...keys, recovery_key: exampleSigner('other', 1).publicKey } },
    { name: 'another recorder', of: { ...keys, of_recorder: vault } },
  ])('is forged when $name was vouched for', async ({ of }) => {
    expect((await judged(tape, vouching(of)))[0]).toEqual({
      reel: recorded,
      verdict: 'forged',
      findings: [`forged ${keyOf(recorded, 1, recorder)} enrolment_mismatch`],
      enrolled: 'secret shop',
    });
  });

  it('is then forged with all its sessions', async () => {
    const { opened, closed } = exampleRecords;
    const session = `${recorded.slice(0, 16)}-1`;
    const records = [reelOpened(recorder), opened(session), closed(session, 2, 0), reelClosed(1, 0)];
    const verdicts = [
      await checkReel(made(recorded, recorder, records)),
      await checkReel(vouching({ ...keys, key: exampleSigner('other', 1).publicKey })),
    ];
    expect(verdicts[0]?.sessions.map(({ verdict }) => verdict)).toEqual(['complete']);
    expect(judgeTogether(verdicts)[0]?.sessions.map(({ verdict }) => verdict)).toEqual(['forged']);
  });

  it('a sound reel under an id that is taken does not hide what is wrong with the one that has it', async () => {
    const damaged = tape.map(({ key, object, lines }) => ({
      key,
      object: object.with(60, object[60]! ^ 1),
      lines,
    }));
    const copy = made(recorded, vault, [reelOpened(vault), reelClosed(0, 0)]);
    expect((await judged(damaged, copy)).map(({ verdict }) => verdict)).toEqual(['forged', 'complete']);
    expect((await judged(copy, damaged)).map(({ verdict }) => verdict)).toEqual(['complete', 'forged']);
    // Whoever was vouched for is one of them.
    const [one, other] = await judged(tape, copy, vouching(keys));
    expect([one?.verdict, other?.findings]).toEqual([
      'complete',
      [`forged ${keyOf(recorded, 1)} enrolment_mismatch`],
    ]);
  });

  it('a vault finds its own reel before, and no other of that id', async () => {
    const other = made(earlier, recorder, [reelOpened(recorder), reelClosed(0, 0)]);
    expect((await judged(before, other, after(3, sealOf(before, 3)))).map(({ verdict }) => verdict)).toEqual([
      'crashed',
      'complete',
      'complete',
    ]);
  });

  it('says nothing of a reel that was vouched for and never came', async () => {
    expect(await judged(vouching(keys))).toEqual([ended]);
  });
});
