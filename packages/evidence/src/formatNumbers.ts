/** The numbers of the formats. They stand apart from the schemas: who only writes needs no schema library. */

/** Longest line, in bytes without its newline; longer text is cut and carries its length and SHA-256. */
export const LINE_BYTES_MAX = 1_048_576;
/** Version of the line format, field `v`. */
export const FORMAT_VERSION = 1;
/** Sessions that one hold can name one by one. */
export const HELD_SESSIONS_MAX = 1000;
/** Bypasses that a recorder's `GET /v1/recorder` names at most as `recent`, newest first. */
export const RECENT_BYPASSES_MAX = 32;
