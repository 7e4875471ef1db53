/**
 * Owns which clients are relayed unread, by their address alone (a lane chosen by anything a client says
 * would be a way around the recording), and whether R6 may be taken to hold there. Reads no socket.
 */
import { BlockList, isIP } from 'node:net';

interface Lane {
  readonly address: string;
  readonly bits: number;
  readonly family: 'ipv4' | 'ipv6';
}

function laneOf(text: string): Lane | null {
  const [address = '', bitsText] = text.split('/');
  const version = isIP(address);
  if (version === 0 || text.split('/').length > 2) return null;
  const max = version === 4 ? 32 : 128;
  if (bitsText !== undefined && !/^\d{1,3}$/.test(bitsText)) return null;
  const bits = bitsText === undefined ? max : Number(bitsText);
  return bits > max ? null : { address, bits, family: version === 4 ? 'ipv4' : 'ipv6' };
}

/** `10.1.2.0/24`, `fd00::/8`, or one address. */
export function isLane(text: string): boolean {
  return laneOf(text) !== null;
}

/**
 * A server that is reached without leaving the machine: what pg_hba.conf says of local connections applies,
 * which in stock images is `trust`.
 */
export function isLocal(host: string): boolean {
  if (host.startsWith('/') || host === 'localhost' || host.endsWith('.localhost')) return true;
  const version = isIP(host);
  return version !== 0 && loopback.check(host, version === 4 ? 'ipv4' : 'ipv6');
}

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('0.0.0.0', 'ipv4');
loopback.addAddress('::1', 'ipv6');
loopback.addAddress('::', 'ipv6');

export class RawLanes {
  readonly #list = new BlockList();
  readonly #isEmpty: boolean;

  /** @param lanes as `isLane` takes them; others are passed over */
  constructor(lanes: readonly string[]) {
    this.#isEmpty = lanes.length === 0;
    for (const text of lanes) {
      const lane = laneOf(text);
      if (lane !== null) this.#list.addSubnet(lane.address, lane.bits, lane.family);
    }
  }

  has(address: string | undefined): boolean {
    if (this.#isEmpty || address === undefined) return false;
    const version = isIP(address);
    return version !== 0 && this.#list.check(address, version === 4 ? 'ipv4' : 'ipv6');
  }
}
