/** Runs what `pgtape recorder`, `vault` and `operator` start: from its configuration until SIGTERM, or its parent's end. */
import type { z } from 'zod';
import { announceReady, type ReadyMessage } from './childProcess.ts';
import { firstConfigured } from './configFile.ts';
import { CommandError, exitCode } from './exitCode.ts';
import type { Io } from './io.ts';

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
  /** As what its own traces come; null: it has none. */
  readonly telemetry: string | null;
  readonly start: (config: z.infer<S>) => Promise<P>;
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
  const { configReference, loadConfig, startTelemetry } = await import('@pgtape/process');
  if (plan.configReference === true) {
    io.out.write(configReference(schema, plan.title, envPrefix));
    return;
  }
  const config = await firstConfigured(io, plan.files, (file) =>
    loadConfig({ schema, ...(file === undefined ? {} : { file }), env: io.env, envPrefix, flags }),
  );
  const telemetry = plan.telemetry === null ? null : await startTelemetry(plan.telemetry, io.env);
  const running = await plan.start(config).catch((cause: unknown) => {
    if (!plan.isTold(cause)) throw cause;
    throw new CommandError(cause.code, cause.message, { exit: exitCode.environment, cause });
  });
  await new Promise<void>((resolve) => {
    if (io.stop.aborted) resolve();
    io.stop.addEventListener('abort', () => resolve(), { once: true });
    announceReady(plan.ready(running), resolve);
  });
  await running.close();
  await telemetry?.shutdown();
}
