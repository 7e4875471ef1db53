export { makeDirectoryDurably } from './directories.ts';
export { type Disk, type DiskEntry, type DiskFile, nodeDisk } from './disk.ts';
export { fileStore } from './fileStore.ts';
export { type Crash, type DiskFault, type DiskFaults, MemoryDisk, type Syscall } from './memoryDisk.ts';
export { type MemoryFault, type MemoryFaults, memoryStore } from './memoryStore.ts';
export {
  assertKey,
  KEY_BYTES_MAX,
  NAME_BYTES_MAX,
  type Store,
  type StoreCapabilities,
  type StoredObject,
} from './store.ts';
export { errnoOf, StoreError, type StoreErrorCode } from './storeError.ts';
