/** Owns the keys of a configuration that say how a cluster's API server is reached, as kubectl has them; it refuses to read the files. */
import { z } from 'zod';

export const kubernetesKeys = {
  kubeconfig: z
    .string()
    .min(1)
    .optional()
    .describe(
      'Path of a kubeconfig. Absent: what KUBECONFIG names, `~/.kube/config`, or the service account of the pod.',
    ),
  context: z.string().min(1).optional().describe("Instead of the kubeconfig's current context."),
};
