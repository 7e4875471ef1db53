export { makeDirectoryDurably } from './directories.ts';
export { type Disk, type DiskEntry, type DiskFile, type DiskStat, nodeDisk } from './disk.ts';
export { fileStore } from './fileStore.ts';
export { type Crash, type DiskFault, type DiskFaults, MemoryDisk, type Syscall } from './memoryDisk.ts';
export { type MemoryFault, type MemoryFaults, memoryStore } from './memoryStore.ts';
export { type OpenOptions, openStore } from './openStore.ts';
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
