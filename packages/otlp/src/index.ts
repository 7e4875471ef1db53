export { type ExportReply, encodeExportReply, readExportReply } from './exportReply.ts';
export { GrpcClient, type GrpcClientOptions, type UnaryOptions, type UnaryReply } from './grpcClient.ts';
export { type GrpcCall, type GrpcHandler, GrpcServer, type GrpcServerOptions } from './grpcServer.ts';
export { exportTracePath, GrpcError, grpcCode, retryableCodes, sentAtMetadata } from './grpcStatus.ts';
export { readSegmentRequest, type SegmentReading } from './requestReader.ts';
export { viewOf } from './requestView.ts';
export { SegmentRequest } from './segmentRequest.ts';
export { rootSpanIdOf, spanIdOf, traceIdOf } from './spanIds.ts';
export { type SpanPeer, type SpanSession, spanSessionsMax } from './spanSessions.ts';
