/**
 * A hop of its own process that passes bytes on in pieces, the next one when the reader has taken the one before (`e2e/pieceHop`):
 * the recorder and both ends read pieces of that size, and nothing of theirs waits for the hop's event loop.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { builtTool } from './builtTool.ts';

export interface PieceHop {
  /** On 127.0.0.1. */
  readonly port: number;
  /** Ends it and cuts what is still connected. */
  stop(): Promise<PieceCounts>;
}

export interface PieceCounts {
  readonly pieces: number;
  /** Written without knowing whether the one before was taken: the reader's socket was closed already. */
  readonly unpaced: number;
}

const source = {
  name: 'pieceHop',
  build: ['go', 'build', '-trimpath', '-o', '{target}', '.'],
  from: 'Go 1.25 or newer',
} as const;

/** Starts one before a port on 127.0.0.1; the caller stops it. It ends with its parent. */
export async function startPieceHop(targetPort: number, pieceBytes: number): Promise<PieceHop> {
  const child = spawn(builtTool(source), ['-target', `127.0.0.1:${targetPort}`, '-piece', `${pieceBytes}`], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const port = Number((await lines.next()).value);
  if (!Number.isInteger(port) || port === 0) throw new Error('the hop did not say where it listens');
  return {
    port,
    async stop() {
      const gone = once(child, 'exit');
      child.stdin.end();
      const counts = JSON.parse(String((await lines.next()).value)) as PieceCounts;
      await gone;
      return counts;
    },
  };
}
