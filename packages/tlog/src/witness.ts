/**
 * Owns asking one witness for its cosignature (C2SP tlog-witness, `add-checkpoint`). It refuses to know how
 * requests travel; the transport is passed in, with its time-outs and bounds.
 */
import { base64Text } from './base64.ts';
import { verifyCosignature } from './cosignature.ts';
import { decimal } from './decimal.ts';
import type { Cosign, UnwitnessedCheckpoint } from './logStorage.ts';
import { type NoteSignature, parseSignatureLines } from './note.ts';
import { PROOF_HASHES_MAX } from './tlogProof.ts';
import type { VerifierKey } from './vkey.ts';

/**
 * Why there is no cosignature:
 * - `unreachable`, `timeout`: no answer;
 * - `unknown_log`: 404, the witness does not know the origin; its operator must add it;
 * - `signature_refused`: 403, it has another key of this log;
 * - `bad_request`: 400;
 * - `conflict`: 409, it has cosigned a larger tree, or another one of this size: the log was rolled back or forked;
 * - `proof_refused`: 422, this tree does not extend the one it has cosigned: the log was forked;
 * - `bad_status`: another answer;
 * - `bad_answer`: 200, without a cosignature by the key it is known by;
 * - `tiles`: the log's own tiles did not give a proof.
 */
export type WitnessReason =
  | 'unreachable'
  | 'timeout'
  | 'unknown_log'
  | 'signature_refused'
  | 'bad_request'
  | 'conflict'
  | 'proof_refused'
  | 'bad_status'
  | 'bad_answer'
  | 'tiles';

export const witnessReasons: readonly WitnessReason[] = [
  'unreachable',
  'timeout',
  'unknown_log',
  'signature_refused',
  'bad_request',
  'conflict',
  'proof_refused',
  'bad_status',
  'bad_answer',
  'tiles',
];

export class WitnessError extends Error {
  override readonly name = 'WitnessError';
  readonly reason: WitnessReason;
  constructor(reason: WitnessReason, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.reason = reason;
  }
}

export interface WitnessAnswer {
  readonly status: number;
  readonly contentType: string;
  /** At most `WITNESS_ANSWER_BYTES_MAX`. */
  readonly body: Uint8Array;
}

/** One POST. Rejects with WitnessError `unreachable`, `timeout` or `bad_answer`. */
export type WitnessTransport = (url: string, body: Uint8Array) => Promise<WitnessAnswer>;

/** An answer is some signature lines, or a number. */
export const WITNESS_ANSWER_BYTES_MAX = 16 * 1024;

export interface WitnessOptions {
  /** Submission prefix. */
  readonly url: string;
  /** A cosigner's key, type 0x04. */
  readonly key: VerifierKey;
  readonly post: WitnessTransport;
}

const reasons: Readonly<Record<number, WitnessReason>> = {
  400: 'bad_request',
  403: 'signature_refused',
  404: 'unknown_log',
  409: 'conflict',
  422: 'proof_refused',
};

/** Body of `add-checkpoint`. */
export function addCheckpointBody(
  older: number,
  proof: readonly Uint8Array[],
  checkpoint: Uint8Array,
): Uint8Array {
  const lines = proof.map((hash) => `${base64Text(hash)}\n`).join('');
  return Buffer.concat([Buffer.from(`old ${older}\n${lines}\n`), checkpoint]);
}

export class Witness {
  readonly #options: WitnessOptions;
  /** Size of the tree it cosigned last, as far as is known. */
  #size = 0;

  constructor(options: WitnessOptions) {
    this.#options = options;
  }

  get name(): string {
    return this.#options.key.name;
  }

  /** Verified. Rejects with WitnessError. */
  async cosign(checkpoint: UnwitnessedCheckpoint): Promise<NoteSignature[]> {
    const answer = await this.#post(checkpoint, Math.min(this.#size, checkpoint.size));
    const known = this.#sizeIn(answer);
    // What it has cosigned was not known here: a new process, or another one asked it in between.
    if (known === null || known > checkpoint.size) return this.#accepted(checkpoint, answer);
    return this.#accepted(checkpoint, await this.#post(checkpoint, known));
  }

  async #post(checkpoint: UnwitnessedCheckpoint, older: number): Promise<WitnessAnswer> {
    const proof = await checkpoint.consistencyFrom(older).catch((error: unknown) => {
      throw new WitnessError('tiles', `no proof from ${older} leaves`, error);
    });
    if (proof.length > PROOF_HASHES_MAX) throw new WitnessError('tiles', 'a proof of too many hashes');
    const body = addCheckpointBody(older, proof, checkpoint.bytes);
    return await this.#options.post(`${this.#options.url.replace(/\/+$/, '')}/add-checkpoint`, body);
  }

  /** The size a 409 tells; null of every other answer. */
  #sizeIn({ status, contentType, body }: WitnessAnswer): number | null {
    if (status !== 409 || contentType.split(';')[0]?.trim() !== 'text/x.tlog.size') return null;
    const text = Buffer.from(body).toString('latin1');
    return text.endsWith('\n') ? decimal(text.slice(0, -1)) : null;
  }

  #accepted({ size, body }: UnwitnessedCheckpoint, answer: WitnessAnswer): NoteSignature[] {
    if (answer.status !== 200)
      throw new WitnessError(reasons[answer.status] ?? 'bad_status', `answered ${answer.status}`);
    const lines = parseSignatureLines(Buffer.from(answer.body).toString());
    if (!lines.ok) throw new WitnessError('bad_answer', lines.detail);
    const { name, id, key } = this.#options.key;
    const own = lines.value.filter((line) => line.name === name && line.id === id);
    const good = own.filter(({ signature }) => verifyCosignature(body, signature, key));
    if (good.length === 0 || good.length < own.length)
      throw new WitnessError(
        'bad_answer',
        `${own.length} cosignatures by its key, ${good.length} of them good`,
      );
    this.#size = size;
    return good.slice(0, 1);
  }
}

/** Asks all at once; who fails is told and left out. */
export function cosignedBy(
  witnesses: readonly Witness[],
  failed: (witness: Witness, error: WitnessError) => void,
): Cosign {
  return async (checkpoint) => {
    const asking = witnesses.map(async (witness) => {
      try {
        return await witness.cosign(checkpoint);
      } catch (error) {
        failed(
          witness,
          error instanceof WitnessError ? error : new WitnessError('unreachable', String(error), error),
        );
        return [];
      }
    });
    return (await Promise.all(asking)).flat();
  };
}
