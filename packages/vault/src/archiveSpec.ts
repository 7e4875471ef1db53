/**
 * Owns what the spec of a RecordingArchive means for the vault that serves it: the part of the configuration that it decides. Pure.
 * The schema with its rules is the operator's; here stands what is read of it, and a test holds one against the other.
 */
import { join } from 'node:path';
import { z } from 'zod';

export const ArchiveSpec = z.object({
  s3: z
    .object({
      bucket: z.string(),
      prefix: z.string().default(''),
      region: z.string().optional(),
      endpoint: z.string().optional(),
      pathStyle: z.boolean().default(false),
    })
    .optional(),
  volume: z.object({ claimName: z.string().regex(/^[a-z0-9][a-z0-9.-]*$/) }).optional(),
  lock: z.enum(['Strict', 'Bypassable', 'None']).default('Strict'),
  retention: z.object({
    days: z.int(),
    classes: z
      .array(
        z.object({
          name: z.string(),
          database: z.string().optional(),
          user: z.string().optional(),
          days: z.int(),
        }),
      )
      .default([]),
  }),
  log: z.object({ origin: z.string().optional(), checkpointSeconds: z.number().optional() }).prefault({}),
  holdsDualControl: z.boolean().default(false),
});
export type ArchiveSpec = z.infer<typeof ArchiveSpec>;

const locks = { Strict: 'strict', Bypassable: 'bypassable', None: 'none' } as const;

/**
 * Keys of the vault's configuration, to be laid over what its file says. `volumes`: directory that claims are mounted in, each
 * under its name. null: the spec names no place.
 */
export function archiveOverlay(spec: ArchiveSpec, volumes: string): Record<string, object> | null {
  const store = storeOf(spec, volumes);
  if (store === null) return null;
  const { lock, retention, log, holdsDualControl } = spec;
  const { origin, checkpointSeconds } = log;
  return {
    archive: { store, lock: locks[lock], retention },
    holds: { dualControl: holdsDualControl },
    tlog: {
      ...(origin !== undefined && { origin }),
      ...(checkpointSeconds !== undefined && { checkpointSeconds }),
    },
  };
}

function storeOf({ s3, volume }: ArchiveSpec, volumes: string): string | null {
  if (s3 === undefined) return volume === undefined ? null : join(volumes, volume.claimName);
  const { bucket, prefix, region, endpoint, pathStyle } = s3;
  const query = new URLSearchParams({
    ...(endpoint !== undefined && { endpoint }),
    ...(region !== undefined && { region }),
    ...(pathStyle && { pathStyle: '1' }),
  }).toString();
  return `s3://${bucket}${prefix === '' ? '' : `/${prefix}`}${query === '' ? '' : `?${query}`}`;
}
