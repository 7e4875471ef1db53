/** Runs what `pgtape recorder`, `vault` and `operator` start: from its configuration until SIGTERM, or its parent's end. */
import { resolve } from 'node:path';
import type { z } from 'zod';
import { announceReady, type ReadyMessage } from './childProcess.ts';
import { type ConfigFile, firstConfigured } from './configFile.ts';
import { CommandError, exitCode } from './exitCode.ts';
import type { Io } from './io.ts';
import { type StandIn, type StandPlan, standingConfig } from './standingConfig.ts';

export interface Configured<C> {
  readonly config: C;
  /** Of the file that counted; undefined: there was none. */
  readonly text: string | undefined;
  /** What it runs with instead of what it was given; null: with that. */
  readonly standIn: StandIn | null;
}

/** Where a process's configuration came from, so that it can be read again. */
export interface ConfigSource<C> extends Omit<Configured<C>, 'config'> {
  readonly files: readonly string[];
  /** @throws CommandError when no file holds a configuration */
  read(): Promise<Configured<C>>;
  /** That file alone. @throws CommandError when it holds no configuration */
  readFile(file: string): Promise<Configured<C>>;
}

export interface ProcessPlan<S extends z.ZodType, P extends { close(): Promise<unknown> }> {
  readonly schema: S;
  /** What the reference of its configuration calls it. */
  readonly title: string;
  readonly envPrefix: string;
  /** Only print that reference. */
  readonly configReference: boolean | undefined;
  /** The first that holds a configuration counts. */
  readonly files: readonly (string | undefined)[];
  readonly flags: object;
  /** It runs whatever its files hold, and variables that it does not know are no reason not to. */
  readonly stand?: StandPlan | undefined;
  /** As what its own traces come; null: it has none. */
  readonly telemetry: string | null;
  readonly start: (config: z.infer<S>, source: ConfigSource<z.infer<S>>) => Promise<P>;
  /** Whether what kept it from starting is for who runs it. */
  readonly isTold: (error: unknown) => error is Error & { readonly code: string };
  readonly ready: (running: P) => ReadyMessage['detail'];
}

/** @throws CommandError of its configuration, and of what kept it from starting */
export async function runProcess<S extends z.ZodType, P extends { close(): Promise<unknown> }>(
  io: Io,
  plan: ProcessPlan<S, P>,
): Promise<void> {
  const { schema, envPrefix, flags } = plan;
  // Loaded only here: the other commands start without it.
  const { configReference, loadConfig, startTelemetry } = await import('./processParts.ts');
  if (plan.configReference === true) {
    io.out.write(configReference(schema, plan.title, envPrefix));
    return;
  }
  const { stand } = plan;
  const unknownEnv = stand === undefined ? 'error' : 'ignore';
  const load = (file: ConfigFile | undefined): z.infer<S> =>
    loadConfig({
      schema,
      ...(file === undefined ? {} : { file }),
      env: io.env,
      envPrefix,
      flags,
      unknownEnv,
    });
  const read = async (): Promise<Configured<z.infer<S>>> => {
    if (stand !== undefined) {
      const { value, text, standIn } = await standingConfig(io, plan.files, stand, load);
      return { config: value, text, standIn };
    }
    let text: string | undefined;
    const config = await firstConfigured(io, plan.files, (file) => {
      text = file?.text;
      return load(file);
    });
    return { config, text, standIn: null };
  };
  const readFile = async (path: string): Promise<Configured<z.infer<S>>> => {
    let text: string | undefined;
    const config = await firstConfigured(io, [path], (file) => {
      text = file?.text;
      return load(file);
    });
    return { config, text, standIn: null };
  };
  const { config, text, standIn } = await read();
  const files = plan.files.filter((file) => file !== undefined).map((file) => resolve(io.cwd, file));
  const telemetry = plan.telemetry === null ? null : await startTelemetry(plan.telemetry, io.env);
  const running = await plan
    .start(config, { text, standIn, files, read, readFile })
    .catch((cause: unknown) => {
      if (!plan.isTold(cause)) throw cause;
      throw new CommandError(cause.code, cause.message, { exit: exitCode.environment, cause });
    });
  await new Promise<void>((done) => {
    if (io.stop.aborted) done();
    io.stop.addEventListener('abort', () => done(), { once: true });
    announceReady(plan.ready(running), done);
  });
  await running.close();
  await telemetry?.shutdown();
}
