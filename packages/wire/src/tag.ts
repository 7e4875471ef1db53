/** Owns the type bytes of protocol 3 and their names; knows nothing of what the bodies hold. */

/** Which end wrote a message: `frontend` is the client, `backend` the server. */
export type Side = 'frontend' | 'backend';

/**
 * Type bytes a client sends. Source: PostgreSQL documentation, "Message Formats";
 * `src/include/libpq/protocol.h`.
 */
export const frontendTag = {
  Query: 0x51,
  FunctionCall: 0x46,
  Parse: 0x50,
  Bind: 0x42,
  Describe: 0x44,
  Execute: 0x45,
  Close: 0x43,
  Sync: 0x53,
  Flush: 0x48,
  CopyData: 0x64,
  CopyDone: 0x63,
  CopyFail: 0x66,
  Terminate: 0x58,
  /**
   * `p`: PasswordMessage, SASLInitialResponse, SASLResponse, GSSResponse; which one only the server's request
   * tells.
   */
  Authentication: 0x70,
} as const;

/** Type bytes a server sends. Source: as above. */
export const backendTag = {
  ParseComplete: 0x31,
  BindComplete: 0x32,
  CloseComplete: 0x33,
  NotificationResponse: 0x41,
  CommandComplete: 0x43,
  DataRow: 0x44,
  ErrorResponse: 0x45,
  CopyInResponse: 0x47,
  CopyOutResponse: 0x48,
  EmptyQueryResponse: 0x49,
  BackendKeyData: 0x4b,
  NoticeResponse: 0x4e,
  Authentication: 0x52,
  ParameterStatus: 0x53,
  RowDescription: 0x54,
  FunctionCallResponse: 0x56,
  CopyBothResponse: 0x57,
  ReadyForQuery: 0x5a,
  CopyDone: 0x63,
  CopyData: 0x64,
  NoData: 0x6e,
  PortalSuspended: 0x73,
  ParameterDescription: 0x74,
  NegotiateProtocolVersion: 0x76,
} as const;

function namesOf(tags: Readonly<Record<string, number>>): readonly (string | undefined)[] {
  const names: (string | undefined)[] = new Array(256).fill(undefined);
  for (const [name, tag] of Object.entries(tags)) names[tag] = name;
  return names;
}

const frontendNames = namesOf(frontendTag);
const backendNames = namesOf(backendTag);

function unknownName(tag: number): string {
  return `unknown_0x${(tag & 0xff).toString(16).padStart(2, '0')}`;
}

/** The protocol's name of a client's type byte, `unknown_0x7a` when it has none. */
export function frontendName(tag: number): string {
  return frontendNames[tag] ?? unknownName(tag);
}

/** The protocol's name of a server's type byte, `unknown_0x7a` when it has none. */
export function backendName(tag: number): string {
  return backendNames[tag] ?? unknownName(tag);
}
