/**
 * The example bundle as someone could hand it on who changed it and made its sums fit, and what a check must say: for tests here,
 * and in e2e for the check without our code.
 */
import { parsePolicy } from '@pgtape/tlog';
import { exampleLeaves, exampleLog } from '../exampleLog.ts';
import { exampleRecords, exampleReel, exampleSigner } from '../exampleReel.ts';
import type { BundleTrust } from './checkBundle.ts';
import {
  exampleBundle,
  exampleBundleParts,
  exampleOtherSession as other,
  exampleBundleReel as reel,
  exampleBundleSession as session,
} from './exampleBundle.ts';
import { bundlePaths, jsonText, type Manifest, proofsText, sumsOf } from './manifest.ts';

type Files = Map<string, Uint8Array>;

export interface TamperedBundle {
  readonly name: string;
  readonly files: ReadonlyMap<string, Uint8Array>;
  readonly trust?: BundleTrust;
  /** `artefact reason` of each finding, in order. */
  readonly finds: readonly string[];
}

/** As someone would who can compute sums too. */
export function resummed(files: Files): Files {
  return files.set(bundlePaths.sums, Buffer.from(sumsOf(files)));
}

export function edited(base: ReadonlyMap<string, Uint8Array>, edit: (files: Files) => void): Files {
  const files = new Map(base);
  edit(files);
  return resummed(files);
}

const textOf = (files: ReadonlyMap<string, Uint8Array>, name: string): string =>
  Buffer.from(files.get(name)!).toString();
/** Everything that can be done to it, but single bytes. */
export function tamperedBundles(): TamperedBundle[] {
  const { segments: archive, log } = exampleBundleParts();
  const sound = exampleBundle();
  const rewritten = (
    name: string,
    change: (text: string) => string,
    base: ReadonlyMap<string, Uint8Array> = sound,
  ) => edited(base, (files) => files.set(name, Buffer.from(change(textOf(files, name)))));
  const remade = (change: (manifest: Manifest) => unknown, base: ReadonlyMap<string, Uint8Array> = sound) =>
    rewritten(bundlePaths.manifest, (text) => jsonText(change(JSON.parse(text) as Manifest)), base);
  const linesFile = bundlePaths.lines(reel, 1);
  const lineChanged = (change: (lines: string[]) => string[], name = linesFile) =>
    rewritten(name, (text) => `${change(text.trimEnd().split('\n')).join('\n')}\n`);
  const redacted = exampleBundle({ redacted: [3] });
  const start = bundlePaths.startLeaf(reel);
  const forger = exampleReel({
    reel,
    recorder: '00112233445566aa',
    keys: 'forger',
    segments: [
      [
        exampleRecords.reelOpened('00112233445566aa'),
        exampleRecords.opened(session),
        exampleRecords.statement(session, 2, 'SELECT 0'),
      ],
      [exampleRecords.closed(session, 3, 1), exampleRecords.reelClosed(1, 1)],
    ],
  });
  const forgerLog = exampleLog(exampleLeaves(forger), { keys: 'forger log' });
  const rolledBack = exampleLog(exampleLeaves(archive), { sizes: [3] });
  const policy = parsePolicy(log.policy);
  const trust = policy.ok ? { policy: policy.value } : {};

  return [
    {
      name: 'a line removed and counted so',
      files: remade(
        (manifest) => ({
          ...manifest,
          segments: manifest.segments.map((one) => (one.segment === 1 ? { ...one, lines: 1 } : one)),
        }),
        edited(sound, (files) => {
          files.set(
            linesFile,
            Buffer.from(`${textOf(sound, linesFile).split('\n').slice(0, 2).join('\n')}\n`),
          );
          const proofs = JSON.parse(textOf(sound, bundlePaths.proofs(reel, 1))) as { lines: [] };
          files.set(
            bundlePaths.proofs(reel, 1),
            Buffer.from(proofsText({ lines: proofs.lines.slice(0, 2) })),
          );
        }),
      ),
      finds: [`${bundlePaths.lines(reel, 2)}#2 session_gap`],
    },
    {
      name: 'a line removed',
      files: lineChanged((lines) => lines.slice(0, -1)),
      finds: [`${linesFile} line_count`],
    },
    {
      name: 'a line doubled in the place of another',
      files: lineChanged((lines) => [lines[0]!, lines[1]!, lines[1]!]),
      finds: [`${linesFile}#3 line_inclusion`],
    },
    {
      name: 'lines swapped',
      files: lineChanged((lines) => [lines[0]!, lines[2]!, lines[1]!]),
      finds: [`${linesFile}#2 line_inclusion`],
    },
    {
      name: 'a changed text',
      files: lineChanged((lines) => lines.map((line) => line.replace('SELECT $1', 'SELECT $2'))),
      finds: [`${linesFile}#3 line_inclusion`],
    },
    {
      name: 'segments swapped',
      files: edited(sound, (files) => {
        const [one, two] = [bundlePaths.lines(reel, 2), bundlePaths.lines(reel, 3)];
        files.set(one, sound.get(two)!).set(two, sound.get(one)!);
      }),
      finds: [`${bundlePaths.lines(reel, 2)} line_count`, `${bundlePaths.lines(reel, 3)} line_count`],
    },
    {
      name: 'a segment left out',
      files: edited(
        remade((manifest) => ({
          ...manifest,
          segments: manifest.segments.filter((one) => one.segment !== 2),
        })),
        (files) => {
          for (const name of [...files.keys()].filter((one) => one.includes('/00000002'))) files.delete(name);
        },
      ),
      finds: [`${bundlePaths.lines(reel, 3)}#2 session_gap`],
    },
    {
      name: 'the last segment left out',
      files: edited(
        remade((manifest) => ({
          ...manifest,
          segments: manifest.segments.filter((one) => one.segment !== 3),
        })),
        (files) => {
          for (const name of [...files.keys()].filter((one) => one.includes('/00000003'))) files.delete(name);
        },
      ),
      // Not a lie: the session has no end here, so it is open.
      finds: [],
    },
    {
      name: 'a session replaced, sealed by a key of the forger, in a log of his own',
      files: exampleBundle({ segments: forger, log: forgerLog }) as Files,
      trust,
      finds: ['checkpoint checkpoint_signature'],
    },
    {
      name: 'a session replaced, sealed by a key of the forger, with the real checkpoint',
      files: edited(exampleBundle({ segments: forger, log: forgerLog }), (files) => {
        for (const name of [...files.keys()].filter((one) => one.startsWith('log/') || one === 'checkpoint'))
          files.set(name, sound.get(name) ?? files.get(name)!);
        files.set(bundlePaths.policy, sound.get(bundlePaths.policy)!);
        files.set(bundlePaths.keys, sound.get(bundlePaths.keys)!);
      }),
      trust,
      finds: [
        `keys.txt keys_mismatch`,
        `${start} leaf_mismatch`,
        `${bundlePaths.leaf(reel, 1)} leaf_mismatch`,
        `${bundlePaths.leaf(reel, 2)} leaf_mismatch`,
      ],
    },
    {
      name: 'a session replaced, without a log',
      files: exampleBundle({ segments: forger, log: null }) as Files,
      trust,
      finds: ['checkpoint log_missing'],
    },
    {
      name: 'a session replaced, its first key not the one that is trusted',
      files: exampleBundle({ segments: forger, log: null }) as Files,
      trust: { trustedKeys: new Set([exampleSigner('example key', 1).publicKey]) },
      finds: ['keys.txt key_untrusted'],
    },
    {
      name: 'the checkpoint rolled back',
      files: edited(sound, (files) => files.set(bundlePaths.checkpoint, rolledBack.checkpoint)),
      finds: [
        `${bundlePaths.startProof(reel)} log_proof_invalid`,
        ...[1, 2, 3].map((segment) => `${bundlePaths.proof(reel, segment)} log_proof_invalid`),
      ],
    },
    {
      name: "the witness's cosignature removed",
      files: rewritten(bundlePaths.checkpoint, (text) => text.replace(/— witness.*\n/, '')),
      trust,
      finds: ['checkpoint quorum_missing'],
    },
    {
      name: "the entry of another segment for a segment's",
      files: edited(sound, (files) => {
        files.set(bundlePaths.leaf(reel, 2), sound.get(bundlePaths.leaf(reel, 3))!);
        files.set(bundlePaths.proof(reel, 2), sound.get(bundlePaths.proof(reel, 3))!);
      }),
      finds: [`${bundlePaths.leaf(reel, 2)} leaf_mismatch`],
    },
    {
      name: "the log's entries taken out",
      files: edited(
        remade((manifest) => ({
          ...manifest,
          segments: manifest.segments.map((one) => ({ ...one, leaf: null })),
        })),
        (files) => {
          for (const name of [...files.keys()].filter((one) => one.startsWith('log/'))) files.delete(name);
        },
      ),
      finds: [
        `${bundlePaths.startLeaf(reel)} file_missing`,
        `${bundlePaths.startProof(reel)} file_missing`,
        'manifest.json manifest_invalid',
      ],
    },
    {
      name: 'a line redacted by someone else',
      files: lineChanged(
        (lines) => lines.with(1, textOf(redacted, bundlePaths.lines(reel, 2)).split('\n')[1]!),
        bundlePaths.lines(reel, 2),
      ),
      finds: [`${bundlePaths.lines(reel, 2)}#2 exporter_signature`],
    },
    {
      name: 'a session called whole that is an excerpt',
      files: remade(
        (manifest) => ({ ...manifest, sessions: manifest.sessions.map((one) => ({ ...one, whole: true })) }),
        exampleBundle({ whole: false, chosen: [1, 3] }),
      ),
      finds: [`${bundlePaths.lines(reel, 2)}#2 session_gap`],
    },
    {
      name: 'another session named than is shown',
      files: remade((manifest) => ({
        ...manifest,
        sessions: manifest.sessions.map((one) => ({ ...one, session: other })),
      })),
      finds: [
        `${linesFile}#2 line_unasked`,
        `${linesFile}#3 line_unasked`,
        `${bundlePaths.lines(reel, 2)}#2 line_unasked`,
        `${bundlePaths.lines(reel, 3)}#2 line_unasked`,
        `${bundlePaths.lines(reel, 3)}#3 line_unasked`,
        `${other} session_missing`,
      ],
    },
    {
      name: 'a seal taken out of the chain',
      files: rewritten(bundlePaths.seals(reel), (text) => text.split('\n').toSpliced(1, 1).join('\n')),
      finds: [`${bundlePaths.seals(reel)} seal_missing`],
    },
  ];
}
