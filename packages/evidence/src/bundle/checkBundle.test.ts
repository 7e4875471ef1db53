/** Changes small bundles in every way who hands them on could, and demands that the check finds it and names it. */
import { hash } from 'node:crypto';
import { parsePolicy } from '@pgtape/tlog';
import { EvidenceError } from '../evidenceError.ts';
import { exampleLeaves, exampleLog } from '../exampleLog.ts';
import { exampleRecords, exampleReel, exampleSigner } from '../exampleReel.ts';
import type { DraftRecord } from '../record.ts';
import { BundleFindings } from './bundleFindings.ts';
import { edited, resummed, tamperedBundles } from './bundleTampering.ts';
import { type BundleTrust, checkBundle } from './checkBundle.ts';
import { checkContents } from './contents.ts';
import {
  type ExampleBundle,
  exampleBundle,
  exampleBundleParts,
  exampleOtherSession as other,
  exampleBundleReel as reel,
  exampleBundleSession as session,
} from './exampleBundle.ts';
import { bundlePaths } from './manifest.ts';
import { filesOf, tarOf } from './tar.ts';

const { segments: archive, log, exporter } = exampleBundleParts();
const sound = exampleBundle();
const found = (files: ReadonlyMap<string, Uint8Array>, trust?: BundleTrust): string[] =>
  checkBundle(files, trust).findings.map(({ artefact, reason }) => `${artefact} ${reason}`);

const gaps = 'That no gap of the whole recording fell into a session';

describe('checkBundle', () => {
  it('proves one session, and says what the proof rests on', () => {
    const verdict = checkBundle(sound);
    expect({ ...verdict, manifest: verdict.manifest?.format }).toEqual({
      verdict: 'complete',
      findings: [],
      sessions: [{ session, verdict: 'complete', lines: 5, attested: 0, closed: true }],
      manifest: 'pgtape-bundle-v1',
      log: { origin: 'example.org/log', size: 6, cosigned: [{ name: 'w', time: 1_795_212_010 }] },
      proven: 5,
      attested: 0,
      notProven: [
        "That the log is the archive's own: its key came with the bundle. Give the key, or a policy, that you got another way.",
        expect.stringContaining(gaps),
      ],
    });
  });

  it('shows nothing of the other sessions', () => {
    const all = [...sound]
      .map(([name, bytes]) => `${name}\n${Buffer.from(bytes).toString('latin1')}`)
      .join('\n');
    expect([all.includes(other), all.includes('SELECT 2'), all.includes('SELECT 3')]).toEqual([
      false,
      false,
      true,
    ]);
  });

  const policy = parsePolicy(log.policy);
  const trusted = policy.ok ? { policy: policy.value } : {};
  it.each<{ name: string; bundle: ExampleBundle; trust?: BundleTrust; verdict: string; limits: string[] }>([
    { name: 'with a policy', bundle: {}, trust: trusted, verdict: 'complete', limits: [gaps] },
    {
      name: 'with the log key',
      bundle: {},
      trust: { logKeys: [log.key] },
      verdict: 'complete',
      limits: ['That others were shown the same log', gaps],
    },
    {
      name: 'without a log',
      bundle: { log: null },
      verdict: 'complete',
      limits: ['When this was recorded', "That the first key is the recorder's own", gaps],
    },
    {
      name: 'without a log, its first key trusted',
      bundle: { log: null },
      trust: { trustedKeys: new Set([exampleSigner('example key', 1).publicKey]) },
      verdict: 'complete',
      limits: ['When this was recorded', gaps],
    },
    {
      name: 'without a log and without a chain',
      bundle: { log: null, isChain: false, wanted: [other] },
      verdict: 'complete',
      limits: [
        'When this was recorded',
        "That the first key is the recorder's own",
        'That the segments are of one reel',
        gaps,
      ],
    },
    {
      name: 'of both sessions of a reel',
      bundle: { wanted: [session, other] },
      trust: trusted,
      verdict: 'complete',
      limits: [gaps],
    },
    {
      name: 'with redacted lines',
      bundle: { redacted: [2, 4] },
      trust: trusted,
      verdict: 'attested',
      limits: [gaps, 'What 2 redacted lines say'],
    },
    {
      name: 'of a search',
      bundle: { whole: false, chosen: [1, 3] },
      trust: trusted,
      verdict: 'excerpt',
      limits: ['That these are all lines that fit the search'],
    },
    {
      name: 'of a log that does not have the last segment yet',
      bundle: { log: exampleLog(exampleLeaves(archive).slice(0, 3)) },
      trust: trusted,
      verdict: 'complete',
      limits: ['That 1 segments are in the log', gaps],
    },
  ])('$name says $verdict', ({ bundle, trust, verdict, limits }) => {
    const check = checkBundle(exampleBundle(bundle), trust);
    expect([check.findings, check.verdict, check.notProven]).toEqual([
      [],
      verdict,
      limits.map((start) => expect.stringContaining(start)),
    ]);
  });

  it('signed by its exporter, says by whom', () => {
    const files = exampleBundle({ signed: true });
    expect([checkBundle(files).verdict, checkBundle(files).manifest?.exporter]).toEqual([
      'complete',
      exporter.publicKey,
    ]);
    expect(found(new Map([...files, [bundlePaths.readme, Buffer.from('other')]]))).toEqual([
      'README.md file_changed',
    ]);
    expect(found(edited(files, (all) => all.set(bundlePaths.readme, Buffer.from('other'))))).toEqual([
      'SHA256SUMS.sig exporter_signature',
    ]);
  });

  const { reelOpened, opened, statement, closed, gap, reelClosed } = exampleRecords;
  it.each<{
    name: string;
    segments: DraftRecord[][];
    recoveredFrom?: number;
    verdict: string;
    reasons: string[];
  }>([
    {
      name: 'no end',
      segments: [[reelOpened('00112233445566aa'), opened(session), statement(session, 2, 'SELECT 1')]],
      verdict: 'open',
      reasons: [],
    },
    {
      name: 'a gap of its own',
      segments: [
        [
          reelOpened('00112233445566aa'),
          opened(session),
          gap('decode_lost', session, 2),
          closed(session, 3, 0),
        ],
      ],
      verdict: 'gap',
      reasons: ['decode_lost'],
    },
    {
      name: 'a recovered end',
      segments: [
        [reelOpened('00112233445566aa'), opened(session)],
        [closed(session, 2, 0), reelClosed(1, 0)],
      ],
      recoveredFrom: 2,
      verdict: 'crashed',
      reasons: [],
    },
  ])('of a session with $name says $verdict', ({ segments, recoveredFrom, verdict, reasons }) => {
    const made = exampleReel({
      reel,
      recorder: '00112233445566aa',
      segments,
      ...(recoveredFrom !== undefined && { recoveredFrom }),
    });
    const check = checkBundle(exampleBundle({ segments: made, log: exampleLog(exampleLeaves(made)) }));
    expect([check.verdict, check.findings.map(({ reason }) => reason)]).toEqual([verdict, reasons]);
  });
});

describe('a bundle', () => {
  const redacted = exampleBundle({ redacted: [3] });
  /** Free text of people: README, the exporter's own report, the checker, and what the manifest says of itself. */
  const isFree = (name: string, at: number, bytes: Uint8Array): boolean => {
    if ([bundlePaths.readme, bundlePaths.report, bundlePaths.checker].some((free) => free === name))
      return true;
    if (name !== bundlePaths.manifest) return false;
    const text = Buffer.from(bytes).toString();
    const start = text.lastIndexOf('\n', at) + 1;
    return /^ {1,2}"(at|by|what|kind)":/.test(text.slice(start, text.indexOf('\n', start)));
  };

  it.each([
    ...[...sound.keys()].map((name) => ({ name, base: sound, kind: 'one session' })),
    ...[...redacted.keys()]
      .filter((name) => !Buffer.from(redacted.get(name)!).equals(sound.get(name) ?? Buffer.alloc(0)))
      .map((name) => ({ name, base: redacted, kind: 'redacted lines' })),
  ])('of $kind with any byte of $name changed is found, and named by its sum', ({ name, base }) => {
    const bytes = base.get(name)!;
    const isSums = name === bundlePaths.sums;
    const sums = Buffer.from(base.get(bundlePaths.sums)!).toString();
    // Every byte's sum is another; a dozen of each file go through the whole check.
    const step = name === bundlePaths.signature ? 1 : Math.ceil(bytes.length / 12);
    for (let at = 0; at < bytes.length; at++) {
      const changed = Buffer.from(bytes);
      changed[at]! ^= at % 2 === 0 ? 0x01 : 0x80;
      const files = new Map(base).set(name, changed);
      const findings = new BundleFindings();
      if (at % step === 0) findings.list.push(...checkBundle(files).findings);
      else if (isSums) checkContents(files, findings);
      else if (!sums.includes(hash('sha256', changed, 'hex'))) continue;
      const isNamed = findings.list.some(({ artefact }) => artefact.split('#')[0] === name);
      if (!isNamed && !(isSums && findings.list.length > 0)) throw new Error(`byte ${at} was not found`);
      // Also by someone who makes the sums fit; an exporter's signature over them is then what finds it.
      if (isSums || isFree(name, at, bytes)) continue;
      if (checkBundle(resummed(files)).verdict !== 'forged') throw new Error(`byte ${at}, with new sums`);
    }
  });

  it('with any byte of its tar changed is found', () => {
    const tar = tarOf(sound, 1_795_300_000);
    for (let at = 0; at < tar.length; at += 211) {
      const changed = Buffer.from(tar);
      changed[at]! ^= 0x01;
      let verdict = 'refused';
      try {
        verdict = checkBundle(filesOf(changed)).verdict;
      } catch (error) {
        if (!(error instanceof EvidenceError)) throw error;
      }
      if (verdict !== 'refused' && verdict !== 'forged') throw new Error(`byte ${at}: ${verdict}`);
    }
  });

  it('with any file removed, or one put in, is found and named', () => {
    for (const name of sound.keys()) {
      const files = new Map(sound);
      files.delete(name);
      expect(found(files)).toContain(`${name} file_missing`);
      if (name === bundlePaths.sums) continue;
      expect(found(resummed(files)).join()).toMatch(new RegExp(`${name} (file_missing|manifest_invalid)`));
    }
    expect(found(edited(sound, (files) => files.set('lines/more.jsonl', Buffer.from('x'))))).toEqual([
      'lines/more.jsonl file_unlisted',
    ]);
  });

  it.each(tamperedBundles())('with $name is found, and named', ({ files, finds, trust }) => {
    expect(found(files, trust)).toEqual(finds);
  });
});
