/** How people write what a search looks for, the same for every search and every hold. Pure. */

/** Exactly one of both. Plain data, so that it can be handed to a worker thread. */
export interface SearchPattern {
  readonly text: string | null;
  readonly regex: { readonly source: string; readonly flags: string } | null;
}

/** `/a.*b/i` is a regular expression, everything else is text. */
export function parsePattern(pattern: string, ignoreCase: boolean): SearchPattern {
  const match = /^\/(.+)\/([ims]*)$/s.exec(pattern);
  if (match !== null) {
    const flags = new Set([...(match[2] as string), ...(ignoreCase ? 'i' : '')]);
    return { text: null, regex: { source: match[1] as string, flags: [...flags].join('') } };
  }
  if (ignoreCase)
    return { text: null, regex: { source: pattern.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&'), flags: 'i' } };
  return { text: pattern, regex: null };
}
