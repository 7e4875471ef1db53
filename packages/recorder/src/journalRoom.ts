/** Owns how much of its volume a journal may take, so that a snapshot that lets it be trimmed always fits beside it. Reads no disk. */
import { journalFileBytesMax } from './journalFile.ts';

export interface JournalRoom {
  /** Size of one file: whole files are trimmed, so small volumes need small ones. */
  readonly fileBytes: number;
  /** Journal not yet sealed at which clients are no longer read. */
  readonly backlogBytes: number;
  /** Journal at which a snapshot is taken, sealing what there is. */
  readonly snapshotBytes: number;
  /** A file that is removed when a snapshot finds no room. */
  readonly reserveBytes: number;
}

const mebibyte = 1024 * 1024;
const snapshotBytesMax = 8 * mebibyte;
const reserveBytesMax = 8 * mebibyte;
/** The rest is for snapshots (up to three at once while one is written) and for what is trimmed one snapshot later. */
const backlogShare = 0.5;
/** Being written, being read, and the last one that the newest snapshot but one still needs. */
const filesInUse = 3;

/** @param freeBytes what the journal's file system can take */
export function journalRoom(freeBytes: number, maxBytes: number): JournalRoom {
  const fileBytes = Math.min(journalFileBytesMax, Math.max(mebibyte, Math.floor(freeBytes / 16)));
  const share = Math.floor(freeBytes * backlogShare) - filesInUse * fileBytes;
  const backlogBytes = Math.max(fileBytes, Math.min(maxBytes, share));
  return {
    fileBytes,
    backlogBytes,
    snapshotBytes: Math.min(snapshotBytesMax, Math.floor(backlogBytes / 4)),
    reserveBytes: Math.min(reserveBytesMax, Math.floor(freeBytes / 8)),
  };
}
