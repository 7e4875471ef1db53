/** Owns what the recorder's configuration has for pods: how clients are led to it, and what it runs with where it was given nothing. */
import { z } from 'zod';
import { captureModes } from './captureProbe.ts';

export const Capture = z.strictObject({
  mode: z.enum(captureModes).describe('How clients are led through the recorder; set by the injection.'),
  port: z
    .int()
    .min(1)
    .max(65_535)
    .default(5432)
    .describe('Port that clients connect to. Who else listens there is told in /v1/recorder.'),
});

/**
 * JSON, which is YAML: the places that the injection mounts, and defaults otherwise. With the environment that the injection sets
 * it serves and records clients; there is no vault until it is given one.
 */
export const podConfigText = JSON.stringify({
  spool: { dir: '/var/lib/pgtape/outbox' },
  journal: { dir: '/var/lib/pgtape/journal' },
  health: { host: '0.0.0.0', port: 7418 },
});
