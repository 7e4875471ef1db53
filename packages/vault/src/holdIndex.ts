/**
 * Owns remembering which segments of the vault's own reels keep the book of holds, so that a start need not read
 * every access there ever was. Only a shortcut: without it, or with one that is not this archive's, all are read.
 */
import { hash } from 'node:crypto';
import { z } from 'zod';

/** A file of the vault's own, or what a test puts in its place. */
export interface HoldIndexFile {
  /** null: there is none. */
  read(): Promise<string | null>;
  /** Whole or not at all. */
  write(text: string): Promise<void>;
}

const HoldIndexData = z.strictObject({
  v: z.literal(1),
  /** Where the archive lies, as configured. */
  archive: z.string(),
  /** By `<recorder>/<reel>`: up to this segment it is known which keep the book. */
  read: z.record(z.string(), z.int().positive()),
  /** Keys of those that do, and of those that could not be read. */
  books: z.array(z.string()),
});
export type HoldIndexData = z.infer<typeof HoldIndexData>;

/** The data, a newline, and their SHA-256. */
export function holdIndexText(data: HoldIndexData): string {
  const json = JSON.stringify(data);
  return `${json}\n${hash('sha256', json)}\n`;
}

/** null for anything `holdIndexText` did not write of that archive. */
export function parseHoldIndex(text: string | null, archive: string): HoldIndexData | null {
  const [json = ''] = (text ?? '').split('\n');
  if (text !== `${json}\n${hash('sha256', json)}\n`) return null;
  const data = HoldIndexData.safeParse(JSON.parse(json));
  return data.success && data.data.archive === archive ? data.data : null;
}
