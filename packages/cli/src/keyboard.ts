/** Single key presses from a terminal, or lines from what is none. Knows nothing of what they are for. */

/** `next`: Enter, blank or the arrows down and right; `end`: q, Escape, Ctrl-C or Ctrl-D. */
export type Press = 'next' | 'end';

const endKeys = new Set(['q', 'Q', '\u001b', '\u0003', '\u0004']);
const nextKeys = new Set(['\r', '\n', ' ', '\u001b[B', '\u001b[C']);

/** What keys typed together mean; null: nothing. */
export function pressOf(keys: string): Press | null {
  if (endKeys.has(keys)) return 'end';
  return nextKeys.has(keys) || /^[\r\n ]+$/.test(keys) ? 'next' : null;
}

/** Presses of one input, one at a time; `stop` ends the waiting with `end`. */
export function keyboard(input: NodeJS.ReadStream, stop: AbortSignal): () => Promise<Press> {
  let lines = 0;
  let isOver = false;
  const wait = (take: (chunk: string | null) => Press | null): Promise<Press> =>
    new Promise((resolve) => {
      const end = (press: Press): void => {
        input.off('data', onData).off('end', onEnd).off('error', onEnd);
        stop.removeEventListener('abort', onStop);
        input.pause();
        if (input.isTTY) input.setRawMode(false);
        resolve(press);
      };
      const onData = (chunk: Buffer): void => {
        const press = take(chunk.toString());
        if (press !== null) end(press);
      };
      const onEnd = (): void => {
        isOver = true;
        end('next');
      };
      const onStop = (): void => end('end');
      input.on('data', onData).on('end', onEnd).on('error', onEnd);
      stop.addEventListener('abort', onStop, { once: true });
      // Raw, so that a key needs no Enter behind it and leaves no trace between what is shown.
      if (input.isTTY) input.setRawMode(true);
      input.resume();
    });
  return async () => {
    if (stop.aborted) return 'end';
    if (isOver) return 'next';
    if (input.isTTY) return await wait((keys) => pressOf(keys ?? ''));
    if (lines === 0) {
      await wait((text) => {
        lines += (text ?? '').split('\n').length - 1;
        return lines > 0 ? 'next' : null;
      });
    }
    lines = Math.max(0, lines - 1);
    return stop.aborted ? 'end' : 'next';
  };
}
