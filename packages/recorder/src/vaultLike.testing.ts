/** For tests: a gRPC server that takes segments as a vault does: checked, in order, the same one twice, other bytes never. */
import { zstdDecompressSync } from 'node:zlib';
import { checkReel, checkSegment, encodeObject, type ReelVerdict, segmentKey } from '@pgtape/evidence';
import {
  encodeExportReply,
  exportTracePath,
  GrpcError,
  GrpcServer,
  grpcCode,
  readSegmentRequest,
} from '@pgtape/otlp';

/** What happens to one call: kept and acknowledged, kept and the answer lost, or not kept. */
export type VaultMood = 'ack' | 'ack_lost' | 'down';

interface Kept {
  readonly recorder: string;
  readonly digest: string;
  readonly object: Uint8Array;
}

export class VaultLike {
  /** By reel. */
  readonly kept = new Map<string, Kept[]>();
  calls = 0;
  mood: (call: number) => VaultMood = () => 'ack';
  readonly #server: GrpcServer;
  url = '';

  constructor() {
    const handlers = new Map([[exportTracePath, async (message: Uint8Array) => this.#take(message)]]);
    this.#server = new GrpcServer({ handlers, maxMessageBytes: 64 << 20 });
  }

  async listen(): Promise<void> {
    const { port } = await this.#server.listen('127.0.0.1', 0);
    this.url = `http://127.0.0.1:${port}`;
  }

  close(): Promise<void> {
    return this.#server.close();
  }

  records(reel: string): Record<string, unknown>[] {
    const lines: Record<string, unknown>[] = [];
    for (const { object } of this.kept.get(reel) ?? []) {
      const text = Buffer.from(zstdDecompressSync(object)).toString().trimEnd().split('\n');
      for (const line of text.slice(1, -1)) lines.push(JSON.parse(line) as Record<string, unknown>);
    }
    return lines;
  }

  verdict(reel: string): Promise<ReelVerdict> {
    const kept = this.kept.get(reel) ?? [];
    return checkReel(
      kept.map(({ recorder, object }, index) => ({ key: segmentKey(recorder, reel, index + 1), object })),
    );
  }

  #take(message: Uint8Array): Uint8Array {
    this.calls += 1;
    const mood = this.mood(this.calls);
    if (mood === 'down') throw new GrpcError(grpcCode.unavailable, 'down', 20);
    const reading = readSegmentRequest(message);
    if (reading.kind !== 'segment') throw new GrpcError(grpcCode.invalidArgument, reading.kind);
    const text = Buffer.concat(reading.lines.flatMap((line) => [Buffer.from(line), Buffer.from('\n')]));
    const check = checkSegment(text);
    if (!check.ok) throw new GrpcError(grpcCode.invalidArgument, `${check.reason}: ${check.detail}`);
    const { reel, segment } = check.header;
    const kept = this.kept.get(reel) ?? [];
    this.kept.set(reel, kept);
    const there = kept[segment - 1];
    if (there !== undefined && there.digest !== check.sealDigest) {
      throw new GrpcError(grpcCode.failedPrecondition, 'forged');
    }
    if (there === undefined) {
      if (segment !== kept.length + 1) throw new GrpcError(grpcCode.failedPrecondition, 'out_of_order');
      const object = encodeObject(reading.lines);
      kept.push({ recorder: check.header.recorder, digest: check.sealDigest, object });
    }
    if (mood === 'ack_lost') throw new GrpcError(grpcCode.unavailable, 'the answer was lost', 20);
    return encodeExportReply(null);
  }
}
