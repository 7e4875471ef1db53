/** How far the restarts and upgrades of a database's pods are: kept in its status, so that a new leader goes on. Decides nothing. */
import { z } from 'zod';
import { objectName } from './apiFields.ts';

const ActiveRollout = z.strictObject({
  pod: objectName.describe('Its name.'),
  uid: z.string().max(64).describe('Its own before that.'),
  action: z.enum(['Evict', 'Upgrade']).describe('What is done to it.'),
  since: z.string().max(64).describe('When it was last begun, RFC 3339.'),
  pods: z.int().min(0).describe('Pods there were before.'),
  container: z.string().max(256).optional().describe("The recorder's container before an upgrade."),
});
export type ActiveRollout = z.infer<typeof ActiveRollout>;

export const RolloutState = z
  .strictObject({
    target: z
      .string()
      .max(64)
      .describe('What the pods are brought to; failures of another target do not count.'),
    failures: z.int().min(0).describe('Pods that did not come back as they should; two stop it.'),
    lastFailure: z.string().max(512).optional().describe('What the last of them lacked.'),
    active: ActiveRollout.optional().describe('The one pod that is restarted or upgraded now.'),
  })
  .describe('Restarts and upgrades that were asked for.');
export type RolloutState = z.infer<typeof RolloutState>;

/** Of a status as it was written; null: none, or none that is understood. */
export function rolloutBefore(status: unknown): RolloutState | null {
  const found = z.looseObject({ rollout: RolloutState }).safeParse(status);
  return found.success ? found.data.rollout : null;
}
