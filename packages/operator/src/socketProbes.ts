/**
 * Owns which containers have a probe that logs in by PostgreSQL's unix socket: each of its rounds is a session that went
 * past the recorder, and is counted as one. Pure.
 */
import type { ContainerFacts, PodFacts } from './podFacts.ts';

const client = /(^|[\s/'"])(pg_isready|psql)(?=[\s'"]|$)/;
/** `-h` and `--host` of pg_isready and psql, `-d` with a host in it, and the variable that stands for them; a path is a socket. */
const elsewhere = /(\s-h\s*|--host[=\s]\s*|\bhost=|PGHOST=|\/\/[^\s/]*@?)['"]?[^\s'"/]/;

function asksBySocket(command: readonly string[]): boolean {
  const text = command.join(' ');
  return client.test(text) && !elsewhere.test(text);
}

function commandsOf({ readinessProbe, livenessProbe, startupProbe }: ContainerFacts): string[][] {
  return [readinessProbe, livenessProbe, startupProbe].map((probe) => probe?.exec?.command ?? []);
}

/** Names of containers whose environment names no host and whose probes do not, either. */
export function socketProbes({ spec }: PodFacts): string[] {
  return spec.containers
    .filter(
      ({ env = [] }) => !env.some(({ name, value }) => name === 'PGHOST' && value?.startsWith('/') !== true),
    )
    .filter((container) => commandsOf(container).some(asksBySocket))
    .map(({ name }) => name);
}
