export {
  type ColumnDescription,
  type CopyResponse,
  commandRows,
  encodeNegotiate,
  encodeSaslMechanisms,
  type Negotiation,
  type Notification,
  type ParameterStatus,
  readAuthentication,
  readBackendKey,
  readCommandComplete,
  readCopyResponse,
  readNegotiate,
  readNotification,
  readParameterDescription,
  readParameterStatus,
  readReadyForQuery,
  readRowDescription,
  readSaslMechanisms,
} from './backendMessages.ts';
export { Cursor } from './cursor.ts';
export { type ErrorFields, type ErrorToEncode, encodeError, readError } from './errorResponse.ts';
export { type CutSink, FrameCutter } from './frameCutter.ts';
export { FrameReader, type FrameReaderSnapshot, type OnFrame } from './frameReader.ts';
export {
  type BindMessage,
  type ExecuteMessage,
  type FunctionCallMessage,
  type ParseMessage,
  parameterFormat,
  readBind,
  readClose,
  readCopyFail,
  readDescribe,
  readExecute,
  readFunctionCall,
  readParse,
  readQuery,
  type TargetMessage,
} from './frontendMessages.ts';
export { type DecodedParameter, decodeParameter } from './parameter.ts';
export { encodeStartup, readStartup, type StartupPacket, startupPacketBytes } from './startup.ts';
export { backendName, backendTag, frontendName, frontendTag, type Side } from './tag.ts';
export { trace } from './trace.ts';
export { builtInType } from './types/catalog.ts';
export { type LearnedType, LearnedTypes } from './types/learnedTypes.ts';
export type { KnownType, TypeLookup } from './types/valueDecoder.ts';
