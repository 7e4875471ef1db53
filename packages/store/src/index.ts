export { makeDirectoryDurably } from './directories.ts';
export { type Disk, type DiskEntry, type DiskFile, type DiskStat, nodeDisk } from './disk.ts';
export { fileStore } from './fileStore.ts';
export { readingListed } from './listedVersions.ts';
export type { LockAttempts } from './lockAttempts.ts';
export {
  type ProbeOutcome,
  type ProbeReport,
  type ProbeResult,
  type ProbeTest,
  weaknessesOf,
} from './lockProbe.ts';
export { type ProbeSources, probeAtStart, probeFully } from './lockProbeRun.ts';
export { type BucketRight, MemoryBucket, type MemoryBucketOptions } from './memoryBucket.ts';
export { type Crash, type DiskFault, type DiskFaults, MemoryDisk, type Syscall } from './memoryDisk.ts';
export { type MemoryFault, type MemoryFaults, memoryStore } from './memoryStore.ts';
export { type OpenedStore, type OpenOptions, openProbedStore, openStore } from './openStore.ts';
export {
  assertKey,
  KEY_BYTES_MAX,
  type Lock,
  NAME_BYTES_MAX,
  type Protection,
  type PutAnswer,
  type PutOptions,
  type ReadStore,
  type Store,
  type StoreCapabilities,
  type StoredObject,
  type StoredVersion,
} from './store.ts';
export { parseStoreAddress, type S3Address, type StoreAddress } from './storeAddress.ts';
export { errnoOf, StoreError, type StoreErrorCode } from './storeError.ts';
