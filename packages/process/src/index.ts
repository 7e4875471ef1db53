export { type ClockSources, type SystemClock, systemClock } from './clock.ts';
export { type ConfigSources, loadConfig } from './config.ts';
export { ConfigError, type ConfigProblem } from './configError.ts';
export { configReference } from './configReference.ts';
export { fileMark } from './fileMark.ts';
export {
  type HealthOptions,
  type HealthServer,
  type HealthVerdict,
  healthServer,
} from './health.ts';
export { kubernetesKeys } from './kubernetesKeys.ts';
export { type LogSink, logger } from './log.ts';
export { Metrics } from './metrics.ts';
export type { Environment } from './overlay.ts';
export {
  bootId,
  isRunning,
  isSameProcess,
  lifeOf,
  ourIdentity,
  ProcessIdentity,
  startOf,
} from './processIdentity.ts';
export { readSecretFile } from './secretFile.ts';
export { startTelemetry, type Telemetry } from './telemetry.ts';
