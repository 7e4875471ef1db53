/**
 * Owns reading which TCP sockets of this network namespace listen, from the text of /proc/net/tcp and /proc/net/tcp6 (proc(5)). Both list
 * the listening ones first, so that a file of thousands of connections is not read to its end.
 */
import { open } from 'node:fs/promises';

export interface ListeningSocket {
  /** As `net.isIP` knows it; `0.0.0.0` and `::` are every address. */
  readonly address: string;
  readonly port: number;
}

/** TCP_LISTEN of the kernel's tcp_states.h. */
const listenState = '0A';
const chunkBytes = 16 * 1024;
/** Far above what listens in any pod. */
const textBytesMax = 1024 * 1024;

/** The kernel prints each 32-bit word in the machine's order: little-endian on every machine Node runs PostgreSQL's neighbours on. */
function addressOf(hex: string): string {
  const bytes = Buffer.from(hex, 'hex');
  bytes.swap32();
  if (bytes.length === 4) return bytes.join('.');
  const groups = Array.from({ length: 8 }, (_, at) => bytes.readUInt16BE(at * 2).toString(16));
  // The one text that a socket of Node shows for the same address.
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1);
}

const lineShape = /^\s*\d+: ([0-9A-F]{8}|[0-9A-F]{32}):([0-9A-F]{4}) \S+ ([0-9A-F]{2}) /;

/** Of lines that are not understood nothing is said. */
export function listeningSockets(text: string): ListeningSocket[] {
  const found: ListeningSocket[] = [];
  for (const line of text.split('\n')) {
    const [, address = '', port = '', state] = lineShape.exec(line) ?? [];
    if (state !== listenState) continue;
    found.push({ address: addressOf(address), port: Number.parseInt(port, 16) });
  }
  return found;
}

/** The file as far as sockets listen in it. @throws ErrnoException */
export async function readListening(path: string): Promise<string> {
  const file = await open(path, 'r');
  let text = '';
  try {
    const chunk = Buffer.alloc(chunkBytes);
    while (text.length < textBytesMax) {
      const { bytesRead } = await file.read(chunk, 0, chunkBytes, null);
      if (bytesRead === 0) return text;
      text += chunk.toString('latin1', 0, bytesRead);
      const last = text.lastIndexOf('\n', text.length - 2);
      const [, , , state] = lineShape.exec(text.slice(last + 1)) ?? [];
      if (state !== undefined && state !== listenState) return text;
    }
    return text;
  } finally {
    await file.close();
  }
}
