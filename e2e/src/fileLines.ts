/** Reads text files of any size line by line. */
import { closeSync, openSync, readSync } from 'node:fs';

const chunkBytes = 1 << 20;

/** Whole lines from a byte offset on, without their newlines; the file may be larger than a string can be. */
export function* linesOf(file: string, from = 0): Generator<string> {
  const descriptor = openSync(file, 'r');
  try {
    let kept = Buffer.alloc(0);
    for (let at = from; ; ) {
      const chunk = Buffer.alloc(chunkBytes);
      const got = readSync(descriptor, chunk, 0, chunkBytes, at);
      if (got === 0) return;
      at += got;
      const bytes = Buffer.concat([kept, chunk.subarray(0, got)]);
      let start = 0;
      for (let end = bytes.indexOf(10, kept.length); end >= 0; end = bytes.indexOf(10, start)) {
        yield bytes.toString('utf8', start, end);
        start = end + 1;
      }
      kept = bytes.subarray(start);
    }
  } finally {
    closeSync(descriptor);
  }
}
