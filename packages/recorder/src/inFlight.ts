/**
 * Owns whether a session is idle on the wire: nothing it sent waits for a reply, and the last ReadyForQuery said so. Follows tags alone,
 * so that it can be kept on the relay's path. Where it cannot be sure it says busy: then a session that passed unrecorded is not taken up
 * again, and nothing is ever given to the wrong statement. Holds no bytes.
 */
import { backendTag, frontendTag } from '@pgtape/wire';

/** Messages that end with a ReadyForQuery of their own. */
const answered: ReadonlySet<number> = new Set([
  frontendTag.Query,
  frontendTag.Sync,
  frontendTag.FunctionCall,
]);
/** May stand last while nothing is in flight: what is answered, the end of a COPY, and what gets no answer of its own. */
const settled: ReadonlySet<number> = new Set([
  0,
  ...answered,
  frontendTag.CopyData,
  frontendTag.CopyDone,
  frontendTag.CopyFail,
  frontendTag.Authentication,
]);
const idle = 0x49;

/** The tags that `client` has to hear of; of all others nothing follows. */
export const clientMarks = marksOf([
  ...answered,
  frontendTag.Execute,
  frontendTag.CopyDone,
  frontendTag.CopyFail,
]);
export const serverMarks = marksOf([
  backendTag.ReadyForQuery,
  backendTag.CopyInResponse,
  backendTag.ErrorResponse,
  backendTag.ParameterStatus,
]);

function marksOf(tags: readonly number[]): Uint8Array {
  const marks = new Uint8Array(256);
  for (const tag of tags) marks[tag] = 1;
  return marks;
}

export class InFlight {
  /** ReadyForQuery still to come: at first the one that ends the startup. */
  #owed = 1;
  #status = 0;
  /** The server has let the client in: the startup is over. */
  isOpened = false;
  /** Syncs since the last Execute; a COPY FROM STDIN that it begins swallows those before CopyDone. */
  #syncs = 0;
  /** CopyDone or CopyFail came since the last Execute. */
  #isCopyEnded = false;
  #isCopying = false;
  /** More was answered than asked: the count is of no use any more. */
  #isBroken = false;

  /** A message of the client, of the tags in `clientMarks`. */
  client(tag: number): void {
    if (tag === frontendTag.Execute) {
      this.#syncs = 0;
      this.#isCopyEnded = false;
    } else if (tag === frontendTag.Sync) {
      if (this.#isCopying) return;
      this.#owed += 1;
      if (!this.#isCopyEnded) this.#syncs += 1;
    } else if (tag === frontendTag.CopyDone || tag === frontendTag.CopyFail) {
      this.#isCopyEnded = true;
      this.#isCopying = false;
    } else {
      this.#owed += 1;
      this.#syncs = 0;
      this.#isCopyEnded = true;
    }
  }

  /** A message of the server, of the tags in `serverMarks`; `status` is its body's first byte, 0 where that is not known. */
  server(tag: number, status: number): void {
    if (tag === backendTag.ReadyForQuery) {
      this.#owed -= 1;
      this.#status = status;
      this.isOpened = true;
      this.#isCopying = false;
      if (this.#owed < 0) this.#isBroken = true;
    } else if (tag === backendTag.CopyInResponse) {
      this.#owed -= this.#syncs;
      this.#syncs = 0;
      this.#isCopying = !this.#isCopyEnded;
    } else if (tag === backendTag.ErrorResponse) this.#isCopying = false;
  }

  /** @param lastTag of the client's last message; 0: it has sent none yet */
  isIdle(lastTag: number): boolean {
    return !this.#isBroken && this.#owed === 0 && this.#status === idle && settled.has(lastTag);
  }
}
