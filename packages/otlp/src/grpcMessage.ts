/**
 * Owns gRPC's length-prefixed messages and their compression, both bounded: 1 byte compressed flag, 4 bytes
 * length big endian, message. Knows no HTTP/2.
 */
import { promisify } from 'node:util';
import * as zlib from 'node:zlib';
import { GrpcError, grpcCode } from './grpcStatus.ts';

export type Encoding = 'identity' | 'gzip' | 'deflate' | 'zstd';

/**
 * What is understood of `grpc-encoding`, most wanted first, as `grpc-accept-encoding`. `deflate` is zlib's
 * format (RFC 1950).
 */
export const acceptEncoding = 'identity,zstd,gzip,deflate';
export const prefixBytes = 5;

const zstdLevel = 1;
const gzipLevel = 6;
/** 8 MiB, the largest window of zstd's levels up to 19. */
const zstdWindowLog = 23;

const compressors: Record<Exclude<Encoding, 'identity'>, (bytes: Uint8Array) => Promise<Buffer>> = {
  gzip: (bytes) => promisify(zlib.gzip)(bytes, { level: gzipLevel }),
  deflate: (bytes) => promisify(zlib.deflate)(bytes),
  zstd: (bytes) =>
    promisify(zlib.zstdCompress)(bytes, { params: { [zlib.constants.ZSTD_c_compressionLevel]: zstdLevel } }),
};

/** A frame may claim a window, memory of the decoder, beyond what may come out of it. */
function zstdLimits(maxOutputLength: number): zlib.ZstdOptions {
  const window = Math.min(27, Math.max(zstdWindowLog, Math.ceil(Math.log2(maxOutputLength + 1))));
  return { maxOutputLength, params: { [zlib.constants.ZSTD_d_windowLogMax]: window } };
}

type Decompress = (bytes: Uint8Array, maxOutputLength: number) => Promise<Buffer>;

const decompressors: Record<Exclude<Encoding, 'identity'>, Decompress> = {
  gzip: (bytes, maxOutputLength) => promisify(zlib.gunzip)(bytes, { maxOutputLength }),
  deflate: (bytes, maxOutputLength) => promisify(zlib.inflate)(bytes, { maxOutputLength }),
  zstd: (bytes, maxOutputLength) => promisify(zlib.zstdDecompress)(bytes, zstdLimits(maxOutputLength)),
};

/** The encoding a `grpc-encoding` header names, null when it is not understood. */
export function encodingOf(header: string | undefined): Encoding | null {
  if (header === undefined || header === 'identity') return 'identity';
  return header === 'gzip' || header === 'deflate' || header === 'zstd' ? header : null;
}

export async function compress(message: Uint8Array, encoding: Encoding): Promise<Uint8Array> {
  return encoding === 'identity' ? message : await compressors[encoding](message);
}

/**
 * Throws GrpcError RESOURCE_EXHAUSTED when more than `bytesMax` would come out, INTERNAL when it does not
 * decompress.
 */
export async function decompress(
  message: Uint8Array,
  encoding: Encoding,
  bytesMax: number,
): Promise<Uint8Array> {
  if (encoding === 'identity')
    throw new GrpcError(grpcCode.internal, 'compressed message without grpc-encoding');
  try {
    return await decompressors[encoding](message, bytesMax);
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ERR_BUFFER_TOO_LARGE') {
      throw new GrpcError(
        grpcCode.resourceExhausted,
        `message is larger than ${bytesMax} bytes decompressed`,
      );
    }
    throw new GrpcError(grpcCode.internal, `message does not decompress as ${encoding}`);
  }
}

export function messagePrefix(compressed: boolean, length: number): Buffer {
  const prefix = Buffer.allocUnsafe(prefixBytes);
  prefix[0] = compressed ? 1 : 0;
  prefix.writeUInt32BE(length, 1);
  return prefix;
}

/**
 * Gathers the one message of a unary call from DATA chunks cut anywhere. Memory: at most what was announced
 * and arrived.
 */
export class MessageGatherer {
  readonly #bytesMax: number;
  readonly #prefix = Buffer.alloc(prefixBytes);
  #prefixFilled = 0;
  #length = 0;
  #chunks: Uint8Array[] = [];
  #cleared = false;
  /** Bytes of the message so far. */
  received = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /**
   * Throws GrpcError: RESOURCE_EXHAUSTED when longer than allowed, INTERNAL on a bad flag, UNIMPLEMENTED on a
   * second message.
   */
  push(chunk: Uint8Array): void {
    if (this.#cleared) return;
    let pos = 0;
    while (this.#prefixFilled < prefixBytes && pos < chunk.length) {
      this.#prefix[this.#prefixFilled++] = chunk[pos++] as number;
      if (this.#prefixFilled === prefixBytes) this.#begin();
    }
    const rest = chunk.length - pos;
    if (rest === 0) return;
    if (this.received + rest > this.#length) {
      throw new GrpcError(grpcCode.unimplemented, 'more than one message in a unary call');
    }
    this.#chunks.push(pos === 0 ? chunk : chunk.subarray(pos));
    this.received += rest;
  }

  /** The message, decompressed; null when none came. Throws GrpcError INTERNAL when it is cut short. */
  async end(encoding: Encoding): Promise<Uint8Array | null> {
    if (this.#prefixFilled === 0) return null;
    if (this.#prefixFilled < prefixBytes || this.received < this.#length) {
      throw new GrpcError(grpcCode.internal, 'message is cut short');
    }
    const only = this.#chunks[0];
    const bytes = only !== undefined && this.#chunks.length === 1 ? only : Buffer.concat(this.#chunks);
    this.#chunks = [];
    return this.#prefix[0] === 0 ? bytes : await decompress(bytes, encoding, this.#bytesMax);
  }

  /** Lets go of what arrived, and takes nothing more. */
  clear(): void {
    this.#chunks = [];
    this.#cleared = true;
  }

  #begin(): void {
    if ((this.#prefix[0] as number) > 1) throw new GrpcError(grpcCode.internal, 'bad compressed flag');
    this.#length = this.#prefix.readUInt32BE(1);
    if (this.#length > this.#bytesMax) {
      throw new GrpcError(
        grpcCode.resourceExhausted,
        `message of ${this.#length} bytes is larger than ${this.#bytesMax}`,
      );
    }
  }
}
