/** Owns the keys of the recorder's configuration that only matter where clients are led to it: in a pod. */
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
