/** Owns finding out that a silent connection is dead. Knows no calls. */
import type { Http2Session } from 'node:http2';

/**
 * Pings until the interval is cleared; a ping unanswered at the next one ends the connection. `answered` gets
 * the round trip of each, milliseconds.
 */
export function pingEvery(
  session: Http2Session,
  intervalMs: number,
  answered: (roundTripMs: number) => void = () => {},
): NodeJS.Timeout {
  let waiting = false;
  const timer = setInterval(() => {
    if (session.destroyed) return;
    if (waiting) {
      session.destroy(new Error('keepalive ping not answered'));
      return;
    }
    waiting = true;
    session.ping((error, roundTripMs) => {
      waiting = false;
      if (error === null) answered(roundTripMs);
    });
  }, intervalMs);
  timer.unref();
  return timer;
}
