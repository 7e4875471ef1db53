import { createServer, type Http2Server, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { startTelemetry, wantsTelemetry } from './telemetry.ts';

describe('wantsTelemetry', () => {
  it.each([
    { env: {}, want: false },
    { env: { OTEL_EXPORTER_OTLP_ENDPOINT: '' }, want: false },
    { env: { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://h:4317' }, want: true },
    { env: { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://h:4317' }, want: true },
    { env: { OTEL_TRACES_EXPORTER: 'otlp' }, want: true },
    { env: { OTEL_TRACES_EXPORTER: 'console' }, want: true },
    { env: { OTEL_TRACES_EXPORTER: 'none', OTEL_EXPORTER_OTLP_ENDPOINT: 'http://h:4317' }, want: false },
    { env: { OTEL_SDK_DISABLED: 'TRUE', OTEL_EXPORTER_OTLP_ENDPOINT: 'http://h:4317' }, want: false },
  ])('$env', ({ env, want }) => {
    expect(wantsTelemetry(env)).toBe(want);
  });
});

describe('startTelemetry', () => {
  it('does nothing unasked', async () => {
    const telemetry = await startTelemetry('t', {});
    await expect(telemetry.shutdown()).resolves.toBeUndefined();
  });

  it('sends spans to the endpoint it was given, and what is left when it ends', async () => {
    const received: Buffer[] = [];
    const server = await collector(received);
    const { port } = server.address() as AddressInfo;
    const telemetry = await startTelemetry('pgtape-test', {
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
    });
    globalTracer().startSpan('the span').end();
    await telemetry.shutdown();
    await new Promise<void>((resolve) => server.close(() => resolve()));
    const request = Buffer.concat(received).toString('latin1');
    expect(request).toContain('pgtape-test');
    expect(request).toContain('the span');
  });

  it('tells of a failure and goes on', async () => {
    const warnings: string[] = [];
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: 'not a url://' };
    const telemetry = await startTelemetry('pgtape-test', env, (message) => warnings.push(message));
    await expect(telemetry.shutdown()).resolves.toBeUndefined();
    expect(warnings).toEqual([expect.stringMatching(/^telemetry is off: /)]);
  });
});

/** Answers every gRPC call with an empty message and status 0. */
async function collector(received: Buffer[]): Promise<Http2Server> {
  const server = createServer();
  server.on('stream', (stream: ServerHttp2Stream) => {
    stream.on('data', (chunk: Buffer) => received.push(chunk));
    stream.on('end', () => {
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
      stream.end(Buffer.alloc(5));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

interface Tracer {
  startSpan(name: string): { end(): void };
}

/** What `@opentelemetry/api` keeps for all its copies; this package does not depend on it. */
function globalTracer(): Tracer {
  const api = (globalThis as Record<symbol, unknown>)[Symbol.for('opentelemetry.js.api.1')];
  return (api as { trace: { getTracer(name: string): Tracer } }).trace.getTracer('test');
}
