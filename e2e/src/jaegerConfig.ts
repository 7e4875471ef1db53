/** Jaeger that keeps traces in memory, on the given ports of one host. */
export interface JaegerPorts {
  readonly otlp: number;
  readonly otlpHttp: number;
  readonly query: number;
  readonly queryGrpc: number;
  readonly health: number;
}

export function jaegerConfig(
  host: string,
  { otlp, otlpHttp, query, queryGrpc, health }: JaegerPorts,
): object {
  return {
    service: {
      extensions: ['jaeger_storage', 'jaeger_query', 'healthcheckv2'],
      pipelines: {
        traces: { receivers: ['otlp'], processors: ['batch'], exporters: ['jaeger_storage_exporter'] },
      },
      telemetry: { metrics: { level: 'none' } },
    },
    extensions: {
      healthcheckv2: { use_v2: true, http: { endpoint: `${host}:${health}` } },
      jaeger_query: {
        storage: { traces: 'memory' },
        http: { endpoint: `${host}:${query}` },
        grpc: { endpoint: `${host}:${queryGrpc}` },
      },
      jaeger_storage: { backends: { memory: { memory: { max_traces: 10_000 } } } },
    },
    receivers: {
      otlp: {
        protocols: { grpc: { endpoint: `${host}:${otlp}` }, http: { endpoint: `${host}:${otlpHttp}` } },
      },
    },
    processors: { batch: { timeout: '100ms' } },
    exporters: { jaeger_storage_exporter: { trace_storage: 'memory' } },
  };
}
