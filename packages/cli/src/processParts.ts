/** What a process's command loads to configure it, by name: a bundler cannot tell what is used of a package imported later. */
export { ConfigError, configReference, loadConfig, startTelemetry } from '@pgtape/process';
