/**
 * What tests measure bytes against: OTLP's trace messages decoded by protobufjs, the decoder grpc-js ships.
 * The schema is checked itself, against the stock exporter's bytes. Not part of the package.
 */
import { createRequire } from 'node:module';

const schema = `
syntax = "proto3";
message ExportTraceServiceRequest { repeated ResourceSpans resource_spans = 1; }
message ExportTraceServiceResponse { ExportTracePartialSuccess partial_success = 1; }
message ExportTracePartialSuccess { int64 rejected_spans = 1; string error_message = 2; }
message ResourceSpans { Resource resource = 1; repeated ScopeSpans scope_spans = 2; string schema_url = 3; }
message Resource { repeated KeyValue attributes = 1; uint32 dropped_attributes_count = 2; }
message ScopeSpans { InstrumentationScope scope = 1; repeated Span spans = 2; string schema_url = 3; }
message InstrumentationScope {
  string name = 1; string version = 2; repeated KeyValue attributes = 3; uint32 dropped_attributes_count = 4;
}
message Span {
  bytes trace_id = 1; bytes span_id = 2; string trace_state = 3; bytes parent_span_id = 4; fixed32 flags = 16;
  string name = 5; int32 kind = 6; fixed64 start_time_unix_nano = 7; fixed64 end_time_unix_nano = 8;
  repeated KeyValue attributes = 9; uint32 dropped_attributes_count = 10; repeated Event events = 11;
  uint32 dropped_events_count = 12; repeated Link links = 13; uint32 dropped_links_count = 14;
  Status status = 15;
}
message Event { fixed64 time_unix_nano = 1; string name = 2; repeated KeyValue attributes = 3; }
message Link {
  bytes trace_id = 1; bytes span_id = 2; string trace_state = 3; repeated KeyValue attributes = 4;
  fixed32 flags = 6;
}
message Status { string message = 2; int32 code = 3; }
message KeyValue { string key = 1; AnyValue value = 2; }
message AnyValue {
  oneof value {
    string string_value = 1; bool bool_value = 2; int64 int_value = 3; double double_value = 4;
    ArrayValue array_value = 5; KeyValueList kvlist_value = 6; bytes bytes_value = 7;
  }
}
message ArrayValue { repeated AnyValue values = 1; }
message KeyValueList { repeated KeyValue values = 1; }
`;

interface MessageType {
  decode(bytes: Uint8Array): object;
  toObject(message: object, options: object): object;
  fromObject(object: object): object;
  encode(message: object): { finish(): Uint8Array };
}

interface Protobuf {
  parse(text: string, options: object): { root: { lookupType(name: string): MessageType } };
}

const own = createRequire(import.meta.url);
const ofGrpc = createRequire(own.resolve('@grpc/grpc-js'));
const ofLoader = createRequire(ofGrpc.resolve('@grpc/proto-loader'));
const protobuf = ofLoader('protobufjs') as Protobuf;
const { root } = protobuf.parse(schema, { keepCase: true });

/** A message as plain object: 64-bit integers as strings, bytes as base64, absent fields absent. */
export function decodeMessage(type: string, bytes: Uint8Array): object {
  const message = root.lookupType(type);
  return message.toObject(message.decode(bytes), { longs: String, bytes: String });
}

export function encodeMessage(type: string, object: object): Uint8Array {
  const message = root.lookupType(type);
  return message.encode(message.fromObject(object)).finish();
}

interface Value {
  string_value?: string;
  int_value?: string;
  bool_value?: boolean;
  array_value?: { values: Value[] };
}

interface RawSpan {
  trace_id: string;
  span_id: string;
  parent_span_id?: string;
  name: string;
  kind: number;
  start_time_unix_nano: string;
  end_time_unix_nano: string;
  attributes: { key: string; value: Value }[];
  links?: { trace_id: string; span_id: string; flags: number }[];
  status?: object;
}

export interface ReadSpan {
  trace: string;
  span: string;
  parent?: string;
  name: string;
  kind: number;
  start: string;
  end: string;
  attributes: Record<string, unknown>;
  links?: { trace: string; span: string; flags: number }[];
  status?: object;
}

export interface ReadRequest {
  resource: Record<string, unknown>;
  scope: object;
  schemaUrl: string;
  spans: ReadSpan[];
}

const hex = (base64: string): string => Buffer.from(base64, 'base64').toString('hex');

function plain(value: Value): unknown {
  if (value.int_value !== undefined) return Number(value.int_value);
  return value.string_value ?? value.bool_value ?? value.array_value?.values.map(plain);
}

function pairs(attributes: { key: string; value: Value }[]): Record<string, unknown> {
  const all = attributes.map(({ key, value }) => [key, plain(value)] as const);
  if (new Set(all.map(([key]) => key)).size !== all.length) throw new Error('an attribute stands twice');
  return Object.fromEntries(all);
}

function readSpan(raw: RawSpan): ReadSpan {
  return {
    trace: hex(raw.trace_id),
    span: hex(raw.span_id),
    ...(raw.parent_span_id === undefined ? {} : { parent: hex(raw.parent_span_id) }),
    name: raw.name,
    kind: raw.kind,
    start: raw.start_time_unix_nano,
    end: raw.end_time_unix_nano,
    attributes: pairs(raw.attributes),
    ...(raw.links === undefined
      ? {}
      : { links: raw.links.map((l) => ({ trace: hex(l.trace_id), span: hex(l.span_id), flags: l.flags })) }),
    ...(raw.status === undefined ? {} : { status: raw.status }),
  };
}

/** A request with one resource and one scope, easy to compare. */
export function readRequest(bytes: Uint8Array): ReadRequest {
  const { resource_spans } = decodeMessage('ExportTraceServiceRequest', bytes) as {
    resource_spans: {
      resource: { attributes?: { key: string; value: Value }[] };
      scope_spans: { scope: object; schema_url: string; spans: RawSpan[] }[];
    }[];
  };
  const [resource] = resource_spans;
  const [scope] = resource?.scope_spans ?? [];
  if (resource === undefined || scope === undefined || resource_spans.length !== 1)
    throw new Error('not one scope');
  return {
    resource: pairs(resource.resource.attributes ?? []),
    scope: scope.scope,
    schemaUrl: scope.schema_url,
    spans: scope.spans.map(readSpan),
  };
}
