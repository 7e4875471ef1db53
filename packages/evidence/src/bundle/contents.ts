/** What files a bundle has and must have: sums, manifest, strangers. Looks into the manifest alone. */
import { hash } from 'node:crypto';
import type { BundleFindings } from './bundleFindings.ts';
import { bundlePaths, jsonText, Manifest, sumsOf } from './manifest.ts';

/** The manifest, when it can be gone by; every file that is missing, changed or unasked for is a finding. */
export function checkContents(
  files: ReadonlyMap<string, Uint8Array>,
  findings: BundleFindings,
): Manifest | null {
  checkSums(files, findings);
  const bytes = files.get(bundlePaths.manifest);
  const manifest = bytes === undefined ? null : manifestOf(bytes);
  if (manifest === null)
    return findings.forged(bundlePaths.manifest, 'manifest_invalid', 'not there, or not as the format says');
  const expected = filesOfManifest(manifest, files);
  for (const file of files.keys())
    if (!expected.has(file)) findings.forged(file, 'file_unlisted', 'no file of this bundle');
  let isWhole = true;
  for (const file of expected) {
    if (files.has(file)) continue;
    findings.forged(file, 'file_missing', 'the bundle must have it');
    isWhole = false;
  }
  const problem = contradictionOf(manifest);
  if (problem !== null) return findings.forged(bundlePaths.manifest, 'manifest_invalid', problem);
  const isUsable = isWhole || [...expected].every((file) => files.has(file) || !isNeeded(file));
  return isUsable ? manifest : null;
}

/** Files without which nothing can be said; others are only missed. */
function isNeeded(file: string): boolean {
  return file === bundlePaths.keys || file === bundlePaths.sums || file.startsWith('seals/');
}

function checkSums(files: ReadonlyMap<string, Uint8Array>, findings: BundleFindings): void {
  const bytes = files.get(bundlePaths.sums);
  if (bytes === undefined) return;
  const text = Buffer.from(bytes).toString('latin1');
  if (text === sumsOf(files)) return;
  const sums = new Map<string, string>();
  for (const line of text.split('\n').slice(0, -1)) {
    const [, sum, file] = /^([0-9a-f]{64}) {2}([\w./-]+)$/.exec(line) ?? [];
    if (sum === undefined || file === undefined) {
      findings.forged(bundlePaths.sums, 'sums_invalid', 'not as sha256sum writes it');
      return;
    }
    sums.set(file, sum);
  }
  let found = 0;
  for (const [file, content] of files) {
    const isSummed = file !== bundlePaths.sums && file !== bundlePaths.signature;
    if (!isSummed || sums.get(file) === hash('sha256', content, 'hex')) continue;
    findings.forged(file, 'file_changed', sums.has(file) ? 'does not have its sum' : 'has no sum');
    found++;
  }
  for (const file of sums.keys()) {
    if (files.has(file)) continue;
    findings.forged(file, 'file_missing', 'it has a sum');
    found++;
  }
  if (found === 0) findings.forged(bundlePaths.sums, 'sums_invalid', 'not in the order of the files');
}

function manifestOf(bytes: Uint8Array): Manifest | null {
  const text = Buffer.from(bytes).toString('utf8');
  try {
    const parsed = Manifest.safeParse(JSON.parse(text));
    return parsed.success && jsonText(parsed.data) === text ? parsed.data : null;
  } catch {
    return null;
  }
}

function filesOfManifest(manifest: Manifest, files: ReadonlyMap<string, Uint8Array>): Set<string> {
  const expected = new Set<string>([
    bundlePaths.readme,
    bundlePaths.manifest,
    bundlePaths.sums,
    bundlePaths.keys,
    bundlePaths.report,
    bundlePaths.checker,
  ]);
  if (manifest.exporter !== null) expected.add(bundlePaths.signature);
  const hasLog = !manifest.lacks.includes('log');
  if (hasLog) expected.add(bundlePaths.checkpoint).add(bundlePaths.policy);
  for (const { reel } of manifest.reels) {
    expected.add(bundlePaths.seals(reel));
    const start = [bundlePaths.startLeaf(reel), bundlePaths.startProof(reel)];
    // Which of several reels has no start, the manifest does not say.
    if (hasLog && (!manifest.lacks.includes('reel_start') || start.some((file) => files.has(file))))
      for (const file of start) expected.add(file);
  }
  for (const { reel, segment, leaf } of manifest.segments) {
    expected.add(bundlePaths.lines(reel, segment)).add(bundlePaths.proofs(reel, segment));
    if (leaf !== null) expected.add(bundlePaths.leaf(reel, segment)).add(bundlePaths.proof(reel, segment));
  }
  return expected;
}

/** What the manifest says twice, and differently; null when it does not. */
function contradictionOf({ sessions, segments, reels, lacks, exporter }: Manifest): string | null {
  const ids = new Set(reels.map(({ reel }) => reel));
  if (ids.size !== reels.length) return 'a reel twice';
  if (new Set(sessions.map(({ session }) => session)).size !== sessions.length) return 'a session twice';
  if (sessions.some(({ reel, session }) => !ids.has(reel) || !session.startsWith(reel.slice(0, 16))))
    return 'a session of no reel';
  const unlogged = segments.some(({ leaf }) => leaf === null);
  if (lacks.includes('log') && segments.some(({ leaf }) => leaf !== null)) return 'entries of no log';
  if (!lacks.includes('log') && unlogged !== lacks.includes('log_entry')) return 'log_entry';
  if (exporter === null && segments.some(({ redacted }) => redacted > 0)) return 'redacted by nobody';
  for (const [i, { reel, segment }] of segments.entries()) {
    const before = segments[i - 1];
    if (!ids.has(reel)) return 'a segment of no reel';
    if (before !== undefined && (before.reel > reel || (before.reel === reel && before.segment >= segment)))
      return 'segments out of order';
  }
  return null;
}
