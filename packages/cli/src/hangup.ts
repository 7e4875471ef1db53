/** Owns whether a hangup is meant for this process (proc(5)); elsewhere than on Linux nobody says. */
import { readFileSync } from 'node:fs';

const hangup = 1n;

/** True when the process was started with SIGHUP ignored, as by nohup. */
export function hangupIgnored(status: string = statusText()): boolean {
  const mask = /^SigIgn:\s*([0-9a-f]+)$/m.exec(status)?.[1];
  return mask !== undefined && (BigInt(`0x${mask}`) & hangup) !== 0n;
}

function statusText(): string {
  try {
    return readFileSync('/proc/self/status', 'utf8');
  } catch {
    return '';
  }
}
