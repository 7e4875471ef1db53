/**
 * Checks an evidence bundle by its files alone: sums, keys, seals, proofs of lines, proofs of the log, sessions. Reads no
 * disk; docs/formats/bundle.md says the rules, and the bundle's own check.py does the same without this code.
 */
import { formatVkey, parsePolicy } from '@pgtape/tlog';
import { verifySignature } from '../signer.ts';
import { BundleFindings } from './bundleFindings.ts';
import { checkLines } from './bundleLines.ts';
import { BundleLog, type LogTrust } from './bundleLog.ts';
import { type CheckedSeal, checkSeals } from './bundleSeals.ts';
import { BundleSessions } from './bundleSessions.ts';
import { type BundleVerdict, worseOf } from './bundleVerdict.ts';
import { checkContents } from './contents.ts';
import { bundleContext, bundlePaths, keysText, type Manifest } from './manifest.ts';

export interface BundleTrust extends LogTrust {
  /** Public keys, 64 hex digits, one of which must have begun each reel. */
  readonly trustedKeys?: ReadonlySet<string>;
}

/** Verdict over a bundle; each finding names a file, a line or a session. Never throws for anything the files hold. */
export function checkBundle(files: ReadonlyMap<string, Uint8Array>, trust: BundleTrust = {}): BundleVerdict {
  const findings = new BundleFindings();
  const manifest = checkContents(files, findings);
  return manifest === null
    ? verdictOf(findings, null)
    : new BundleCheck(files, manifest, trust, findings).verdict();
}

class BundleCheck {
  readonly #files: ReadonlyMap<string, Uint8Array>;
  readonly #manifest: Manifest;
  readonly #trust: BundleTrust;
  readonly #findings: BundleFindings;
  #proven = 0;
  #attested = 0;
  #isChain = true;
  #unlogged = 0;
  #started = true;

  constructor(
    files: ReadonlyMap<string, Uint8Array>,
    manifest: Manifest,
    trust: BundleTrust,
    findings: BundleFindings,
  ) {
    this.#files = files;
    this.#manifest = manifest;
    this.#trust = trust;
    this.#findings = findings;
  }

  verdict(): BundleVerdict {
    const manifest = this.#manifest;
    const log = this.#openLog();
    this.#checkExporter();
    this.#checkKeys();
    const sessions = new BundleSessions(manifest, this.#findings);
    for (const reel of manifest.reels) this.#reel(reel, log, sessions);
    const judged = sessions.finish();
    return {
      ...verdictOf(this.#findings, manifest),
      verdict: judged.reduce((worst, { verdict }) => worseOf(worst, verdict), this.#findings.worst),
      sessions: judged,
      log: log?.checked ?? null,
      proven: this.#proven,
      attested: this.#attested,
      notProven: this.#notProven(log),
    };
  }

  #openLog(): BundleLog | null {
    if (this.#files.has(bundlePaths.checkpoint))
      return BundleLog.open(this.#files, this.#trust, this.#findings);
    if (this.#trust.policy !== undefined || this.#trust.logKeys !== undefined)
      this.#findings.forged(bundlePaths.checkpoint, 'log_missing', 'a log is demanded, the bundle has none');
    return null;
  }

  /** Exporter's signature over the sums. */
  #checkExporter(): void {
    const { exporter } = this.#manifest;
    const bytes = this.#files.get(bundlePaths.signature);
    if (exporter === null || bytes === undefined) return;
    const [, key = '', signature = ''] =
      /^([0-9a-f]{64}) ([0-9a-f]{128})\n$/.exec(Buffer.from(bytes).toString('latin1')) ?? [];
    const signed = Buffer.concat([Buffer.from(bundleContext), this.#files.get(bundlePaths.sums)!]);
    if (key !== exporter || !verifySignature(key, signed, Buffer.from(signature, 'hex')))
      this.#findings.forged(bundlePaths.signature, 'exporter_signature', 'not by the key of the manifest');
  }

  /** keys.txt is for people: it must name the keys that are used, and no others. */
  #checkKeys(): void {
    const policy = parsePolicy(this.#files.get(bundlePaths.policy) ?? Buffer.from('quorum none\n'));
    const logs = policy.ok ? policy.value.logs.map(({ key }) => formatVkey(key)) : [];
    if (Buffer.from(this.#files.get(bundlePaths.keys)!).toString('utf8') !== keysText(logs, this.#manifest))
      this.#findings.forged(bundlePaths.keys, 'keys_mismatch', 'names other keys than the bundle uses');
  }

  #reel(reel: Manifest['reels'][number], log: BundleLog | null, sessions: BundleSessions): void {
    const id = reel.reel;
    if (this.#trust.trustedKeys?.has(reel.key) === false)
      this.#findings.forged(bundlePaths.keys, 'key_untrusted', `reel ${id} begins with ${reel.key}`);
    this.#start(reel, log);
    const file = bundlePaths.seals(id);
    const { seals, isChain } = checkSeals(file, this.#files.get(file)!, reel, this.#findings);
    if (!isChain) this.#isChain = false;
    for (const segment of this.#manifest.segments.filter((one) => one.reel === id)) {
      const seal = seals.get(segment.segment);
      if (seal === undefined) {
        this.#findings.forged(file, 'seal_missing', `no seal of segment ${segment.segment}`);
        sessions.untie(id);
        continue;
      }
      this.#logged(segment, seal, log);
      const { exporter } = this.#manifest;
      const checked = checkLines(this.#files, segment, seal, reel, exporter, this.#findings);
      if (checked === null) sessions.untie(id);
      for (const line of checked?.lines ?? []) {
        if (line.isRedacted) this.#attested++;
        else this.#proven++;
        sessions.line(line);
      }
    }
  }

  #start({ reel, key, recovery_key }: Manifest['reels'][number], log: BundleLog | null): void {
    const [leafFile, proofFile] = [bundlePaths.startLeaf(reel), bundlePaths.startProof(reel)];
    if (!this.#files.has(leafFile)) this.#started = false;
    const leaf = log?.entry(leafFile, proofFile)?.leaf;
    if (leaf === undefined) return;
    const fits =
      leaf.kind === 'reel_start' &&
      leaf.reel === reel &&
      leaf.key === key &&
      leaf.recovery_key === recovery_key;
    if (!fits) this.#findings.forged(leafFile, 'leaf_mismatch', 'names another reel or other keys');
  }

  #logged(segment: Manifest['segments'][number], { seal, digest }: CheckedSeal, log: BundleLog | null): void {
    if (segment.leaf === null) {
      this.#unlogged++;
      return;
    }
    const file = bundlePaths.leaf(segment.reel, segment.segment);
    const entry = log?.entry(file, bundlePaths.proof(segment.reel, segment.segment));
    if (entry === undefined || entry === null) return;
    const { leaf, index } = entry;
    const fits =
      leaf.kind === 'segment' &&
      index === segment.leaf &&
      leaf.reel === seal.reel &&
      leaf.segment === seal.segment &&
      leaf.first_seq === seal.first_seq &&
      leaf.last_seq === seal.last_seq &&
      leaf.count === seal.count &&
      leaf.root === seal.root &&
      leaf.seal === digest &&
      leaf.object === segment.object;
    if (!fits) this.#findings.forged(file, 'leaf_mismatch', 'names another segment, seal or object');
  }

  #notProven(log: BundleLog | null): string[] {
    const { policy, logKeys, trustedKeys } = this.#trust;
    const { selection, sessions } = this.#manifest;
    const sentences: string[] = [];
    if (log === null)
      sentences.push(
        'When this was recorded, and that it was not written anew as a whole: the bundle has no transparency log.',
      );
    else if (policy === undefined && logKeys === undefined)
      sentences.push(
        "That the log is the archive's own: its key came with the bundle. Give the key, or a policy, that you got another way.",
      );
    if (log !== null && log.checked.cosigned.length === 0)
      sentences.push(
        'That others were shown the same log: no witness of the policy cosigned its checkpoint.',
      );
    if (log !== null && this.#unlogged > 0)
      sentences.push(
        `That ${this.#unlogged} segments are in the log: they were not yet when this was exported.`,
      );
    if (!this.#started && trustedKeys === undefined)
      sentences.push(
        "That the first key is the recorder's own: neither the log nor a trusted key vouches for it.",
      );
    if (!this.#isChain && log === null)
      sentences.push('That the segments are of one reel: seals between them are left out.');
    if (sessions.some(({ whole }) => whole))
      sentences.push(
        'That no gap of the whole recording fell into a session: such lines belong to no session, and whoever exported could have left ' +
          'one out.',
      );
    if (selection.kind === 'search')
      sentences.push(
        'That these are all lines that fit the search: whoever exported could have left some out.',
      );
    if (sessions.length > 0 && selection.kind === 'case')
      sentences.push('That these are all sessions of the case: whoever exported could have left some out.');
    if (this.#attested > 0)
      sentences.push(
        `What ${this.#attested} redacted lines say: their place and leaf hash are proven, the rest is the exporter's word.`,
      );
    return sentences;
  }
}

function verdictOf(findings: BundleFindings, manifest: Manifest | null): BundleVerdict {
  return {
    verdict: findings.worst,
    findings: findings.list,
    sessions: [],
    manifest,
    log: null,
    proven: 0,
    attested: 0,
    notProven: [],
  };
}
