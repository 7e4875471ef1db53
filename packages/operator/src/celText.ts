/** Owns literals of CEL (cel-spec, "String and Bytes Values"). Pure. */

/** A string literal, whatever is in it. */
export function celString(text: string): string {
  const escaped = [...text].map((char) => {
    if (char === '\\' || char === "'") return `\\${char}`;
    const code = char.codePointAt(0) as number;
    if (code < 0x20 || (code >= 0x7f && code < 0xa0)) return `\\u${code.toString(16).padStart(4, '0')}`;
    return char;
  });
  return `'${escaped.join('')}'`;
}

export function celList(texts: readonly string[]): string {
  return `[${texts.map(celString).join(', ')}]`;
}
