/**
 * Changes a small archive in every way a keeper of it could, and demands that verification finds it and names
 * what was changed.
 */
import { checkReel, type StoredSegment } from './checkReel.ts';
import { checkSegment } from './checkSegment.ts';
import { EvidenceError } from './evidenceError.ts';
import {
  type ExampleSegment,
  type ExampleTwist,
  exampleArchive,
  exampleRecords,
  exampleReel,
} from './exampleReel.ts';
import type { DraftRecord } from './record.ts';
import { sealLine } from './seal.ts';
import type { SealLine } from './segmentLines.ts';
import { decodeObject, encodeObject, encodeText } from './segmentObject.ts';
import { newSigner, recoverySigner } from './signer.ts';

const archive = exampleArchive();
const first = archive.slice(0, 3);
const [other] = archive.slice(3) as [ExampleSegment];
const [one, two, three] = first as [ExampleSegment, ExampleSegment, ExampleSegment];
const textOf = (segment: ExampleSegment) =>
  Buffer.concat(segment.lines.flatMap((line) => [line, Buffer.from('\n')]));
const replaced = (key: string, object: Uint8Array): StoredSegment[] =>
  (key === other.key ? [other] : first).map((segment) => (segment.key === key ? { key, object } : segment));
const named = async (segments: readonly StoredSegment[]) => {
  const { verdict, findings } = await checkReel(segments);
  return { verdict, found: findings.map(({ artefact, reason }) => `${artefact} ${reason}`) };
};

/** Forged, and what is named first is the artefact or a line of it. */
async function expectFound(
  segments: readonly StoredSegment[],
  artefact: string,
  what: string,
): Promise<void> {
  const { verdict, findings } = await checkReel(segments);
  const name = findings[0]?.artefact.split('#')[0];
  if (verdict !== 'forged' || name !== artefact) {
    throw new Error(`${what}: verdict ${verdict}, named ${name ?? 'nothing'}`);
  }
}

/** `checkReel` names the object for whatever `decodeObject` refuses. */
function expectUnreadable(object: Uint8Array, what: string): void {
  try {
    decodeObject(object);
  } catch (error) {
    if (error instanceof EvidenceError) return;
    throw error;
  }
  throw new Error(`${what}: not found`);
}

describe('a small archive', () => {
  it('is complete as it stands', async () => {
    expect([await named(first), await named([other])]).toEqual([
      { verdict: 'complete', found: [] },
      { verdict: 'complete', found: [] },
    ]);
  });

  describe.each(archive.map((segment, i) => ({ segment, name: `segment ${i + 1}` })))(
    '$name',
    ({ segment }) => {
      it('with any byte of its lines changed is found and named', async () => {
        const text = textOf(segment);
        for (let at = 0; at < text.length; at++) {
          for (const change of [0x01, 0x80]) {
            const changed = Buffer.from(text);
            changed[at]! ^= change;
            // Two in a hundred go through the whole reel; all go through the check that decides there.
            const check = checkSegment(changed);
            if (check.ok) throw new Error(`byte ${at} ^ ${change} was not found`);
            if (at % 50 === 0)
              await expectFound(replaced(segment.key, encodeText(changed)), segment.key, `byte ${at}`);
          }
        }
      });

      it('with any byte of its object changed is found and named', async () => {
        for (let at = 0; at < segment.object.length; at++) {
          for (const change of [0x01, 0x80, 0xff]) {
            const changed = Uint8Array.from(segment.object);
            changed[at]! ^= change;
            expectUnreadable(changed, `byte ${at} ^ ${change}`);
            if (at % 20 === 0)
              await expectFound(replaced(segment.key, changed), segment.key, `byte ${at} ^ ${change}`);
          }
        }
      });

      it('cut anywhere, or with anything after it, is found and named', async () => {
        const { object } = segment;
        for (let bytes = 0; bytes < object.length; bytes++)
          expectUnreadable(object.subarray(0, bytes), `${bytes} bytes`);
        for (const changed of [
          object.subarray(0, 0),
          object.subarray(0, -1),
          object.subarray(0, -40),
          Buffer.concat([object, Buffer.from('\n')]),
          Buffer.concat([object, object.subarray(-40)]),
          Buffer.concat([object, object]),
        ]) {
          await expectFound(replaced(segment.key, changed), segment.key, `${changed.length} bytes`);
        }
      });

      it('with a line removed, doubled, swapped with its neighbour, or all after it removed is found and named', async () => {
        const { lines } = segment;
        for (let at = 0; at < lines.length; at++) {
          const changes: Record<string, readonly Buffer[]> = {
            removed: lines.toSpliced(at, 1),
            doubled: lines.toSpliced(at, 0, lines[at]!),
            'cut before': lines.slice(0, at),
            ...(at > 0 && { swapped: lines.toSpliced(at - 1, 2, lines[at]!, lines[at - 1]!) }),
          };
          for (const [name, changed] of Object.entries(changes)) {
            await expectFound(
              replaced(segment.key, encodeObject(changed)),
              segment.key,
              `line ${at + 1} ${name}`,
            );
          }
        }
      });

      it('with every space, order or number written otherwise but meaning the same is found', async () => {
        for (let at = 0; at < segment.lines.length; at++) {
          const line = segment.lines[at]!.toString();
          for (const changed of [
            `${line} `,
            line.replace(':', ': '),
            `${line.slice(0, -1)},"kind":"statement"}`,
          ]) {
            const lines = segment.lines.toSpliced(at, 1, Buffer.from(changed));
            await expectFound(replaced(segment.key, encodeObject(lines)), segment.key, `line ${at + 1}`);
          }
        }
      });
    },
  );

  const resealed = (
    segment: ExampleSegment,
    change: Partial<SealLine>,
    signer = newSigner(),
  ): StoredSegment => {
    const {
      v: _v,
      kind: _k,
      key_id: _i,
      sig: _s,
      ...fields
    } = JSON.parse(segment.lines.at(-1)!.toString()) as SealLine;
    return {
      key: segment.key,
      object: encodeObject([
        ...segment.lines.slice(0, -1),
        Buffer.from(sealLine({ ...fields, ...change }, signer)),
      ]),
    };
  };
  const forgedReel = exampleReel({
    reel: '0102030405060708090a0b0c0d0e0f10',
    recorder: '00112233445566aa',
    keys: 'forger',
    segments: [
      [exampleRecords.reelOpened('00112233445566aa')],
      [exampleRecords.gap('spool_full')],
      [exampleRecords.reelClosed(0, 0)],
    ],
  });
  const at = (key: string, { object }: { readonly object: Uint8Array }): StoredSegment => ({ key, object });

  it.each<{ name: string; segments: readonly StoredSegment[]; found: string[] }>([
    {
      name: 'first segment deleted',
      segments: [two, three],
      found: [`${one.key} segment_missing`],
    },
    {
      name: 'middle segment deleted',
      segments: [one, three],
      found: [`${two.key} segment_missing`],
    },
    {
      name: 'middle segment deleted and the last renamed into its place',
      segments: [one, at(two.key, three)],
      found: [`${two.key} segment_mismatch`, `${two.key} not_closed`],
    },
    {
      name: 'middle segment overwritten by the first',
      segments: [one, at(two.key, one), three],
      found: [`${two.key} segment_mismatch`],
    },
    {
      name: 'first segment copied behind the last',
      segments: [...first, at(three.key.replace('0003', '0004'), one)],
      found: [`${three.key.replace('0003', '0004')} segment_mismatch`],
    },
    {
      name: 'segments swapped',
      segments: [one, at(two.key, three), at(three.key, two)],
      found: [`${two.key} segment_mismatch`, `${three.key} segment_mismatch`, `${three.key} not_closed`],
    },
    {
      name: 'segments given twice',
      segments: [one, two, two, three],
      found: [`${two.key} segment_duplicated`],
    },
    {
      name: 'segments out of order',
      segments: [one, three, two],
      found: [`${two.key} segment_missing`, `${two.key} segment_order`],
    },
    {
      name: 'segment of another reel in its place',
      segments: [at(one.key, other), two, three],
      found: [`${one.key} reel_mismatch`],
    },
    {
      name: 'segment of another reel among them',
      segments: [...first, other],
      found: [`${other.key} reel_mismatch`],
    },
    {
      name: 'segment under the key of another recorder',
      segments: first.map((segment) => at(segment.key.replace('00112233445566aa', 'ff'.repeat(8)), segment)),
      found: [1, 2, 3]
        .map(
          (n) =>
            `reel/${'ff'.repeat(8)}/0102030405060708090a0b0c0d0e0f10/0000000${n}.jsonl.zst recorder_mismatch`,
        )
        .concat(`reel/${'ff'.repeat(8)}/0102030405060708090a0b0c0d0e0f10/00000003.jsonl.zst not_closed`),
    },
    {
      name: 'object under a key that is none',
      segments: [...first, at('reel/notes.txt', three)],
      found: ['reel/notes.txt key_invalid'],
    },
    {
      name: 'sealed again by another key than the header names',
      segments: [one, resealed(two, {}), three],
      found: [`${two.key}#6 seal_signature`],
    },
    {
      name: 'seal of another segment of the reel',
      segments: [
        one,
        at(two.key, { object: encodeObject([...two.lines.slice(0, -1), one.lines.at(-1)!]) }),
        three,
      ],
      found: [`${two.key}#6 segment_mismatch`],
    },
    {
      name: 'header and seal of another segment around its lines',
      segments: [
        one,
        at(two.key, { object: encodeObject([one.lines[0]!, ...two.lines.slice(1, 3), one.lines.at(-1)!]) }),
        three,
      ],
      found: [`${two.key} count`],
    },
    {
      name: 'one segment sealed anew from its header on by a key of the forger',
      segments: [one, forgedReel[1]!, three],
      found: [
        `${two.key} chain_prev`,
        `${two.key} key_chain`,
        `${two.key} seq_gap`,
        `${two.key}#2 spool_full`,
        // Neither does what follows it fit to it; which of the two is the forged one, the order of findings
        // says.
        `${three.key} chain_prev`,
        `${three.key} key_chain`,
        `${three.key} seq_gap`,
      ],
    },
    {
      name: 'the end sealed anew by a key of the forger',
      segments: [one, two, forgedReel[2]!],
      found: [`${three.key} chain_prev`, `${three.key} key_chain`, `${three.key} seq_gap`],
    },
  ])('with $name is forged, and names it', async ({ segments, found }) => {
    expect(await named(segments)).toEqual({ verdict: 'forged', found });
  });

  describe('under someone who reaches the archive but not the journal', () => {
    const { reelOpened, gap, reelClosed } = exampleRecords;
    const reel = '0102030405060708090a0b0c0d0e0f10';
    const recorder = '00112233445566aa';
    const keyOf = (segment: number) => `reel/${recorder}/${reel}/0000000${segment}.jsonl.zst`;
    const crashed = [gap('recorder_crashed')];
    const foreign = newSigner();
    const asForger = { signer: foreign, nextKey: foreign.publicKey, recovered: true };
    const only = (segment: number, twist: ExampleTwist) => (at: number) => (at === segment ? twist : {});
    const made = (segments: DraftRecord[][], twist: (segment: number) => ExampleTwist) =>
      exampleReel({ reel, recorder, segments, twist });

    it.each<{ name: string; segments: readonly StoredSegment[]; found: string[] }>([
      {
        name: 'a recovered segment with a foreign key on an open reel',
        segments: made([[reelOpened(recorder)], crashed], only(2, asForger)),
        found: [`${keyOf(2)} recovery_key`, `${keyOf(2)} recovered`, `${keyOf(2)}#2 recorder_crashed`],
      },
      {
        name: 'a recovered segment with a foreign key on a closed reel',
        segments: made([[reelOpened(recorder), reelClosed(0, 0)], crashed], only(2, asForger)),
        found: [
          `${keyOf(2)} recovery_key`,
          `${keyOf(2)} recovered`,
          `${keyOf(2)}#2 after_reel_closed`,
          `${keyOf(2)}#2 recorder_crashed`,
        ],
      },
      {
        name: 'a recovered segment with a foreign key that it calls the recovery key',
        segments: made(
          [[reelOpened(recorder)], crashed],
          only(2, { ...asForger, recoveryKey: foreign.publicKey }),
        ),
        found: [
          `${keyOf(2)} recovery_key_changed`,
          `${keyOf(2)} recovered`,
          `${keyOf(2)}#2 recorder_crashed`,
        ],
      },
      {
        name: 'a recovered segment that hands the reel to a foreign key',
        segments: made(
          [[reelOpened(recorder)], crashed],
          only(2, { recovered: true, nextKey: foreign.publicKey }),
        ),
        found: [`${keyOf(2)} recovery_key`, `${keyOf(2)} recovered`, `${keyOf(2)}#2 recorder_crashed`],
      },
      {
        name: 'a reel recovered from its first segment with a foreign key',
        segments: made([[reelOpened(recorder), ...crashed]], only(1, asForger)),
        found: [`${keyOf(1)} recovery_key`, `${keyOf(1)} recovered`, `${keyOf(1)}#3 recorder_crashed`],
      },
      {
        name: 'a changed recovery key in an ordinary segment',
        segments: made(
          [[reelOpened(recorder)], [reelClosed(0, 0)]],
          only(2, { recoveryKey: foreign.publicKey }),
        ),
        found: [`${keyOf(2)} recovery_key_changed`],
      },
      {
        name: 'an ordinary segment after a recovered one',
        segments: made([[reelOpened(recorder)], [gap('spool_full')], crashed], only(2, { recovered: true })),
        found: [
          `${keyOf(2)} recovered`,
          `${keyOf(2)}#2 spool_full`,
          `${keyOf(3)} recovered_resumed`,
          `${keyOf(3)} key_chain`,
          `${keyOf(3)}#2 recorder_crashed`,
        ],
      },
      {
        name: 'an ordinary segment after a recovered one, signed with the recovery key',
        segments: made([[reelOpened(recorder)], [gap('spool_full')], crashed], (segment) =>
          segment === 1 ? {} : { recovered: segment === 2, signer: recoverySigner(reel) },
        ),
        found: [
          `${keyOf(2)} recovered`,
          `${keyOf(2)}#2 spool_full`,
          `${keyOf(3)} recovered_resumed`,
          `${keyOf(3)}#2 recorder_crashed`,
        ],
      },
    ])('$name is forged, and named', async ({ segments, found }) => {
      expect(await named(segments)).toEqual({ verdict: 'forged', found });
    });
  });

  it('tells in words what cannot be found: a tail that is gone, a reel written anew without a trusted key', async () => {
    const cut = await checkReel([one, two]);
    expect([cut.verdict, cut.notProven[0]]).toEqual([
      'open',
      expect.stringContaining(`nothing followed ${two.key}`),
    ]);
    const anew = await checkReel(forgedReel);
    expect([anew.verdict, anew.findings.map(({ verdict }) => verdict), anew.notProven[0]]).toEqual([
      'gap',
      ['gap'],
      expect.stringContaining('written the whole reel anew'),
    ]);
    const trustedKeys = new Set([(JSON.parse(one.lines[0]!.toString()) as { key: string }).key]);
    expect((await checkReel(forgedReel, { trustedKeys })).findings[0]).toEqual(
      expect.objectContaining({ verdict: 'forged', artefact: one.key, reason: 'key_untrusted' }),
    );
  });
});
