export { type JudgedReel, judgeTogether } from './archiveVerdict.ts';
export { type TamperedBundle, tamperedBundles } from './bundle/bundleTampering.ts';
export {
  type BundleFinding,
  type BundleSessionVerdict,
  type BundleVerdict,
  type BundleVerdictWord,
  bundleVerdicts,
} from './bundle/bundleVerdict.ts';
export { type BundleTrust, checkBundle } from './bundle/checkBundle.ts';
export { type ExampleBundle, exampleBundle, exampleBundleParts } from './bundle/exampleBundle.ts';
export {
  type BundlePlan,
  type BundleReel,
  type BundleSegment,
  isRedactable,
  type LoggedEntry,
  makeBundle,
  type Shown,
} from './bundle/makeBundle.ts';
export { bundlePaths, type Lack, type Manifest, type Selection } from './bundle/manifest.ts';
export { filesOf, tarOf } from './bundle/tar.ts';
export {
  checkHolds,
  type HeldReads,
  type HoldsVerdict,
  type HoldVerdict,
  isSignedRelease,
} from './checkHolds.ts';
export type { ParsedRecord } from './checkRecord.ts';
export { type CheckedLine, type CheckReelOptions, checkReel, type StoredSegment } from './checkReel.ts';
export {
  checkSegment,
  type LineSpan,
  type SegmentCheck,
  type SegmentCheckOptions,
  type SegmentFailure,
  type SegmentReason,
  type SegmentSuccess,
} from './checkSegment.ts';
export { configHash } from './configHash.ts';
export {
  checkEnrolment,
  ENROLMENT_SECRET_BYTES_MIN,
  type EnrolledKeys,
  type EnrolmentSecret,
  enrolmentMetadata,
  enrolmentNameOf,
  enrolmentNamePattern,
  enrolmentProof,
} from './enrolment.ts';
export { EvidenceError, type EvidenceErrorCode } from './evidenceError.ts';
export { type ExampleLog, type ExampleLogPlan, exampleLeaves, exampleLog } from './exampleLog.ts';
export {
  type ExamplePlan,
  type ExampleSegment,
  type ExampleTwist,
  exampleArchive,
  exampleRecords,
  exampleReel,
  exampleSigner,
} from './exampleReel.ts';
export { Digest, hex, nanoseconds, ReelId, SessionId } from './fields.ts';
export {
  FORMAT_VERSION,
  HELD_SESSIONS_MAX,
  LINE_BYTES_MAX,
  RECENT_BYPASSES_MAX,
} from './formatNumbers.ts';
export { type GapReason, isGapReason } from './gapReasons.ts';
export { HoldBook, type HoldEntry, type HoldRelease, holdKinds, type ReleaseCheck } from './holdBook.ts';
export { elapsedNs, type Instant, monoText, wallText } from './instant.ts';
export {
  LEAF_BYTES_MAX,
  Leaf,
  leafText,
  objectDigest,
  parseLeaf,
  ReelStartLeaf,
  reelStartLeaf,
  SegmentLeaf,
  type StoredAs,
  segmentLeaf,
} from './leaf.ts';
export { lineBytesBound, type SealedFields, writeLine } from './line.ts';
export { archiveLimits } from './log/archiveLimits.ts';
export { type CheckLogOptions, checkLog } from './log/checkLog.ts';
export { provenEntries } from './log/logEntries.ts';
export {
  type LogHead,
  type LogReads,
  logPaths,
  type ObjectFacts,
  readLogHead,
} from './log/logReads.ts';
export type { LogVerdict } from './log/logVerdict.ts';
export { logExample } from './logExample.ts';
export { ObjectSet, type ObjectVersion } from './objectSet.ts';
export { headerKeys, type SealHead, sealHead } from './ownLines.ts';
export { Bypass, Configured } from './placeRecord.ts';
export { policyDefaults, policyDigest, type RecordingPolicy } from './policyDigest.ts';
export {
  nextPublished,
  PUBLISHED_HISTORY_MAX,
  PublishedConfig,
  publishedConfigOf,
  publishedKey,
} from './publishedConfig.ts';
export {
  Closed,
  type DraftOf,
  type DraftRecord,
  Gap,
  Heartbeat,
  type Kind,
  Notices,
  Notification,
  Opened,
  RecordLine,
  type RecordOf,
  ReelClosed,
  ReelOpened,
  Running,
  type Sealed,
  Statement,
  Stretch,
  Transaction,
  TxStatus,
  type VaultDraft,
  type VaultKind,
} from './record.ts';
export {
  RecorderConnection,
  RecorderStatus,
  SeenBypass,
} from './recorderStatus.ts';
export {
  Cut,
  Notice,
  Parameter,
  Replication,
  Runs,
  ServerError,
  SqlUnknown,
  TlsFacts,
  Unsure,
} from './recordParts.ts';
export {
  CALLER_NAME_MAX,
  HoldId,
  oneLine,
  parseReleaseText,
  parseSignedRelease,
  RELEASE_REASON_MAX,
  ReleaseRequest,
  ReleaseSignature,
  releaseText,
  type SignedRelease,
  signedReleaseText,
  verifyRelease,
} from './releaseText.ts';
export { headerSaltOf, saltsOf, seedBytes } from './salts.ts';
export { recordJsonSchema, recordReference } from './schemaDocs.ts';
export { headerLine, type SealFields, sealDigest, sealLine, ZERO_DIGEST } from './seal.ts';
export { parsePattern, type SearchPattern } from './searchPattern.ts';
export { segmentExample, tinySegment } from './segmentExample.ts';
export { parseSegmentKey, type SegmentName, segmentKey } from './segmentKey.ts';
export { HeaderLine, SealLine } from './segmentLines.ts';
export { decodeObject, encodeObject, encodeText, joinLines, SEGMENT_BYTES_MAX } from './segmentObject.ts';
export { keyId, newSigner, recoverySigner, type Signer, verifySignature } from './signer.ts';
export type { EnrolledReel, PreviousReel, VaultWords } from './vaultLedger.ts';
export {
  AlertReason,
  CallerMethod,
  EnrolmentMethod,
  HoldScope,
  Lock,
  type VaultRecord,
  vaultKinds,
} from './vaultRecord.ts';
export {
  type Finding,
  type ReelVerdict,
  type SessionVerdict,
  type Verdict,
  verdicts,
  worse,
} from './verdict.ts';
