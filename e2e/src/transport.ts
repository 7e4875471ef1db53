/** How bytes travel between a client, the recorder and the server: as they are written, or over a hop on each leg; in TLS or not. */
import { type PieceHop, startPieceHop } from './pieceHop.ts';

export interface Transport {
  readonly name: string;
  /** Most bytes of one piece, on both legs; absent: no hop. */
  readonly pieceBytes?: number;
  /** TLS on both legs, the server's certificate checked. */
  readonly tls?: true;
}

export interface Leg {
  /** Where the leg begins. */
  readonly port: number;
  stop(): Promise<void>;
}

/** One leg to a port on 127.0.0.1, over a hop where the transport asks for one. */
export async function startLeg({ pieceBytes }: Transport, port: number): Promise<Leg> {
  if (pieceBytes === undefined) return { port, stop: async () => {} };
  const hop: PieceHop = await startPieceHop(port, pieceBytes);
  return {
    port: hop.port,
    async stop() {
      await hop.stop();
    },
  };
}
