/** Owns how reels are named in maps that hold every reel there ever was. */

/** Half as long as the id, and not a slice that keeps a longer text alive. */
export function compactReel(reel: string): string {
  return Buffer.from(reel, 'hex').toString('latin1');
}
