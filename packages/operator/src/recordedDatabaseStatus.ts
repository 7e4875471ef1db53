/** What the operator says of a RecordedDatabase v1alpha1: its status, column by column. */
import { z } from 'zod';
import { conditions, objectName } from './apiFields.ts';
import { CaptureMode } from './recordedDatabase.ts';
import { RolloutState } from './rolloutState.ts';
import { mapList } from './structuralSchema.ts';

const PodStatus = z.strictObject({
  name: objectName.describe('Name of the pod.'),
  uid: z.string().max(64).optional().describe('Its own, which no pod after it has.'),
  injected: z.boolean().describe('Whether it has a recorder.'),
  mode: CaptureMode.optional().describe('Achieved, proven by a probe; absent: not yet.'),
  capture: z
    .enum(['whole', 'partial', 'past', 'silent', 'untold', 'unprobed'])
    .optional()
    .describe(
      'What the probe found: `partial` where PostgreSQL itself answers at the address of the pod too.',
    ),
  need: z
    .enum(['Injection', 'Configuration', 'Upgrade'])
    .optional()
    .describe('What it lacks until it is made anew.'),
  skipped: z.string().max(512).optional().describe('Why it would get no recorder even then.'),
  recorderImage: z.string().max(512).optional().describe('Image that its recorder runs.'),
  configHash: z.string().max(64).optional().describe('Of what its recorder runs with.'),
  sessionsRecorded: z.int().min(0).optional().describe('Since its recorder started.'),
  bypasses: z.int().min(0).optional().describe('Sessions that went past its recorder.'),
});

export const RecordedDatabaseStatus = z
  .strictObject({
    observedGeneration: z.int().min(0).optional().describe('Of the spec that this status is about.'),
    mode: z.string().max(64).optional().describe('Achieved in all pods, or `Mixed`.'),
    coverage: z
      .string()
      .max(16)
      .optional()
      .describe(
        'Sessions on tape per sessions the server saw, as `99.8%`; `Unknown` without credentials, `NoSessions` where there was none yet.',
      ),
    sessionsRecorded: z.int().min(0).optional().describe('Sessions on tape, of all pods.'),
    sessionsSeen: z.int().min(0).optional().describe('Sessions that the servers saw.'),
    bypasses: z.int().min(0).optional().describe('Sessions that went past the recorders.'),
    lastBypassTime: z.string().max(64).optional().describe('When a session past a recorder was last seen.'),
    lagSeconds: z
      .int()
      .min(0)
      .optional()
      .describe('Age of the oldest evidence that the vault has not acknowledged.'),
    pods: z
      .array(PodStatus)
      .max(128)
      .meta(mapList('name'))
      .optional()
      .describe('The pods that it selects, 128 at most.'),
    rollout: RolloutState.optional(),
    conditions,
  })
  .optional();
export type RecordedDatabaseStatus = z.infer<typeof RecordedDatabaseStatus>;
