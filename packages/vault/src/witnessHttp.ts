/** Owns one POST to a witness over HTTP: its time-out and how much of an answer is read. It tries nothing again. */
import { WITNESS_ANSWER_BYTES_MAX, WitnessError, type WitnessTransport } from '@pgtape/tlog';

/** `timeoutMs` bounds the whole exchange. Redirects are refused: a witness is who it is configured to be. */
export function witnessHttp(timeoutMs: number): WitnessTransport {
  return async (url, body) => {
    const signal = AbortSignal.timeout(timeoutMs);
    try {
      const headers = { 'content-type': 'text/plain; charset=utf-8' };
      const response = await fetch(url, { method: 'POST', body, headers, signal, redirect: 'error' });
      const contentType = response.headers.get('content-type') ?? '';
      return { status: response.status, contentType, body: await bounded(response) };
    } catch (error) {
      if (error instanceof WitnessError) throw error;
      if (signal.aborted) throw new WitnessError('timeout', `no answer within ${timeoutMs} ms`, error);
      throw new WitnessError('unreachable', causeOf(error), error);
    }
  };
}

async function bounded(response: Response): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of response.body ?? []) {
    bytes += part.length;
    // Leaving the loop ends the connection.
    if (bytes > WITNESS_ANSWER_BYTES_MAX)
      throw new WitnessError('bad_answer', `more than ${WITNESS_ANSWER_BYTES_MAX} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts);
}

/** fetch says `fetch failed` and keeps why in the cause. */
function causeOf(error: unknown): string {
  const { cause } = error as { readonly cause?: unknown };
  const deeper = cause instanceof Error ? cause : error;
  return deeper instanceof Error ? deeper.message : String(deeper);
}
