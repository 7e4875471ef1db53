/** Reads the lines of sessions out of the text of a segment, by bytes. Pure; checks nothing. */
const newline = 0x0a;
const quote = 0x22;
const kindMark = Buffer.from(',"kind":"');
const sessionMark = Buffer.from(',"session":"');

/** Calls `visit` with each record line of a session and the session's id. */
function eachSessionLine(
  text: Buffer,
  visit: (session: string, kind: string, start: number, end: number) => void,
): void {
  for (let start = 0; start < text.length; ) {
    const found = text.indexOf(newline, start);
    const end = found === -1 ? text.length : found;
    const kindAt = text.indexOf(kindMark, start) + kindMark.length;
    const kindEnd = text.indexOf(quote, kindAt);
    const idAt = kindEnd + 1 + sessionMark.length;
    // The schema puts `session` directly behind `kind`; a line without it is of the reel.
    if (kindAt < end && idAt < end && text.compare(sessionMark, 0, undefined, kindEnd + 1, idAt) === 0) {
      const id = text.toString('latin1', idAt, text.indexOf(quote, idAt));
      visit(id, text.toString('latin1', kindAt, kindEnd), start, end);
    }
    start = end + 1;
  }
}

/** Adds the sessions of a segment to `starts`, with the wall nanoseconds each began at. */
export function sessionsIn(text: Buffer, starts: Map<string, string>): void {
  eachSessionLine(text, (session, kind, start, end) => {
    if (starts.has(session) && kind !== 'opened') return;
    const line = text.toString('utf8', start, end);
    const field = kind === 'opened' ? /"start":"(\d+)"/ : /"at":"(\d+)"/;
    starts.set(session, field.exec(line)?.[1] ?? '');
  });
}

/** The lines of one session in a segment, in their order, without newlines. */
export function linesOf(text: Buffer, session: string): string[] {
  const lines: string[] = [];
  eachSessionLine(text, (id, _kind, start, end) => {
    if (id === session) lines.push(text.toString('utf8', start, end));
  });
  return lines;
}
