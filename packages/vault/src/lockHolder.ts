/** Owns who holds an archive's lock, as written in the lock file. */
import { ourIdentity, ProcessIdentity } from '@pgtape/process';
import { z } from 'zod';

const Holder = ProcessIdentity.extend({
  /** Random, so that no two lock files are alike. */
  token: z.string(),
});
export type Holder = z.infer<typeof Holder>;

/** This process. */
export function ourselves(token: string): Holder {
  return { ...ourIdentity(), token };
}

/** A lock file's content; null when it is not one. */
export function readHolder(text: string): Holder | null {
  try {
    return Holder.parse(JSON.parse(text));
  } catch {
    return null;
  }
}
