/**
 * Owns which containers have a probe that asks PostgreSQL past the recorder: by the unix socket, or by a port that the recorder leaves to
 * it. Where PostgreSQL lets it in without a password, each of its rounds is a session, and is counted as a bypass. Pure.
 */
import type { ContainerFacts, PodFacts } from './podFacts.ts';
import { RECORDER_PORT } from './podPlaces.ts';

const client = /(^|[\s/'"])(pg_isready|psql)(?=[\s'"]|$)/;
/** `-h` and `--host` of pg_isready and psql, `-d` with a host in it, and the variable that stands for them; a path is a socket. */
const elsewhere = /(\s-h\s*|--host[=\s]\s*|\bhost=|PGHOST=|\/\/[^\s/]*@?)['"]?[^\s'"/]/;

/** `-p` and `--port`, `-d` with a port in it, and the variable that stands for them: the recorder's. */
const recorderPort = new RegExp(
  `(\\s-p\\s*|--port[=\\s]\\s*|\\bport=|PGPORT=|:)['"]?${RECORDER_PORT}(?!\\d)`,
);

type Asks = (command: readonly string[]) => boolean;

const asksBySocket: Asks = (command) => {
  const text = command.join(' ');
  return client.test(text) && !elsewhere.test(text);
};

/** By whichever address: only at its own port is the recorder asked. */
const asksPastPort: Asks = (command) => {
  const text = command.join(' ');
  return client.test(text) && !recorderPort.test(text);
};

function commandsOf({ readinessProbe, livenessProbe, startupProbe }: ContainerFacts): string[][] {
  return [readinessProbe, livenessProbe, startupProbe].map((probe) => probe?.exec?.command ?? []);
}

function probing({ spec }: PodFacts, isMeant: (env: Environment) => boolean, asks: Asks): string[] {
  return spec.containers
    .filter(({ env = [] }) => !isMeant(new Map(env.map(({ name, value }) => [name, value]))))
    .filter((container) => commandsOf(container).some(asks))
    .map(({ name }) => name);
}

type Environment = ReadonlyMap<string, string | undefined>;

/** Names of containers whose environment names no host and whose probes do not, either. */
export function socketProbes(pod: PodFacts): string[] {
  return probing(
    pod,
    (env) => env.has('PGHOST') && env.get('PGHOST')?.startsWith('/') !== true,
    asksBySocket,
  );
}

/** The same in a pod whose recorder leaves PostgreSQL's port alone: those that do not name the recorder's. */
export function portProbes(pod: PodFacts): string[] {
  const isMeant = (env: Environment): boolean => env.get('PGPORT') === String(RECORDER_PORT);
  return [...new Set([...socketProbes(pod), ...probing(pod, isMeant, asksPastPort)])];
}
