/**
 * Owns whether, as seen from inside the pod, clients are led through the recorder: who else listens on PostgreSQL's port, and where. What
 * no look from inside can show (rules of a redirect, a Service's target) is for the operator, who connects from outside. Pure.
 */
import { addressText, plainAddress } from './addressText.ts';
import type { ListeningSocket } from './listeningSockets.ts';

export const captureModes = ['AddressSwap', 'Redirect', 'NamedPort', 'Service'] as const;
export type CaptureMode = (typeof captureModes)[number];

/**
 * - `achieved`: nobody can be reached past the recorder (told as null in the status);
 * - `pod_address_open`: achieved as far as the mode goes: PostgreSQL answers on the pod's own address as well;
 * - `address_in_use`: somebody has an address that the recorder should listen on;
 * - `foreign_listener`: somebody else listens on the port, where clients reach him;
 * - `not_bound`: the recorder listens nowhere;
 * - `unknown`: the kernel's list of sockets cannot be read.
 */
export type CaptureReason =
  | 'achieved'
  | 'pod_address_open'
  | 'address_in_use'
  | 'foreign_listener'
  | 'not_bound'
  | 'unknown';

export interface CaptureSight {
  readonly mode: CaptureMode;
  /** PostgreSQL's, that clients connect to. */
  readonly port: number;
  readonly listeners: readonly ListeningSocket[];
  /** Addresses that the recorder could not take because somebody has them. */
  readonly inUse: readonly string[];
  /** null: it could not be read. */
  readonly sockets: readonly ListeningSocket[] | null;
}

export interface CaptureVerdict {
  readonly achieved: boolean | null;
  readonly reason: CaptureReason;
  /** Where somebody else listens on the port and can be reached past the recorder. */
  readonly others: readonly string[];
}

/** Where PostgreSQL moves to, and no client looks for it. */
const swappedAddress = '127.0.0.2';

export function judgeCapture(sight: CaptureSight): CaptureVerdict {
  const { mode, port, listeners, inUse, sockets } = sight;
  const ours = new Set(listeners.map(({ address, port: at }) => addressText(address, at)));
  const others = (sockets ?? [])
    .filter((socket) => socket.port === port && !ours.has(addressText(socket.address, socket.port)))
    .filter(({ address }) => mode !== 'AddressSwap' || plainAddress(address) !== swappedAddress)
    .map(({ address, port: at }) => addressText(address, at));
  const not = (reason: CaptureReason): CaptureVerdict => ({ achieved: false, reason, others });
  if (inUse.length > 0) return not('address_in_use');
  if (listeners.length === 0) return not('not_bound');
  if (sockets === null) return { achieved: null, reason: 'unknown', others };
  if (mode === 'AddressSwap')
    return others.length > 0 ? not('foreign_listener') : { achieved: true, reason: 'achieved', others };
  // PostgreSQL keeps its port there: what leads clients away from it stands outside of the pod, or in rules of the kernel.
  const isOpen = mode !== 'Redirect' && others.some((text) => !isLoopback(text));
  return { achieved: true, reason: isOpen ? 'pod_address_open' : 'achieved', others };
}

function isLoopback(text: string): boolean {
  return text.startsWith('127.') || text.startsWith('[::1]:');
}
