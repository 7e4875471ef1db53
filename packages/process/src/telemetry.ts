/**
 * The process's own traces over the stock OpenTelemetry SDK, where the standard OTEL_* variables ask for
 * them. Never evidence; without those variables nothing of the SDK is loaded.
 */
import type { Environment } from './overlay.ts';

export interface Telemetry {
  /** Sends what is left, at most for some seconds; never rejects. */
  shutdown(): Promise<void>;
}

const SHUTDOWN_MS_MAX = 3_000;
const none: Telemetry = { shutdown: () => Promise.resolve() };

/** Whether the environment asks for traces (OpenTelemetry, "Environment Variable Specification"). */
export function wantsTelemetry(env: Environment): boolean {
  if (env.OTEL_SDK_DISABLED?.toLowerCase() === 'true') return false;
  const exporters = env.OTEL_TRACES_EXPORTER?.trim() ?? '';
  if (exporters !== '') return exporters !== 'none';
  return endpointOf(env) !== undefined;
}

/**
 * Starts the SDK: traces by the stock OTLP/gRPC exporter unless OTEL_TRACES_EXPORTER or
 * OTEL_EXPORTER_OTLP_PROTOCOL say otherwise; metrics and logs only where their own variables name an
 * exporter. Failing telemetry is told to `warn` and is nobody's downfall.
 */
export async function startTelemetry(
  serviceName: string,
  env: Environment,
  warn: (message: string) => void = () => {},
): Promise<Telemetry> {
  if (!wantsTelemetry(env)) return none;
  try {
    const { NodeSDK } = await import('@opentelemetry/sdk-node');
    const sdk = new NodeSDK({
      ...(env.OTEL_SERVICE_NAME ? {} : { serviceName }),
      ...(await exporterFor(env)),
      ...(env.OTEL_METRICS_EXPORTER ? {} : { metricReaders: [] }),
      ...(env.OTEL_LOGS_EXPORTER ? {} : { logRecordProcessors: [] }),
    });
    sdk.start();
    return { shutdown: () => bounded(sdk.shutdown(), warn) };
  } catch (error) {
    warn(`telemetry is off: ${(error as Error).message}`);
    return none;
  }
}

function endpointOf(env: Environment): string | undefined {
  return env.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT || env.OTEL_EXPORTER_OTLP_ENDPOINT || undefined;
}

async function exporterFor(env: Environment) {
  const protocol = env.OTEL_EXPORTER_OTLP_TRACES_PROTOCOL || env.OTEL_EXPORTER_OTLP_PROTOCOL || 'grpc';
  const exporters = env.OTEL_TRACES_EXPORTER?.trim() || 'otlp';
  if (protocol !== 'grpc' || exporters !== 'otlp') return {};
  const { OTLPTraceExporter } = await import('@opentelemetry/exporter-trace-otlp-grpc');
  const url = endpointOf(env);
  return { traceExporter: new OTLPTraceExporter(url === undefined ? {} : { url }) };
}

function bounded(done: Promise<void>, warn: (message: string) => void): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, SHUTDOWN_MS_MAX);
    const finish = () => {
      clearTimeout(timer);
      resolve();
    };
    done.then(finish, (error: unknown) => {
      warn(`telemetry was not sent: ${(error as Error).message}`);
      finish();
    });
  });
}
