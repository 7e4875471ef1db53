/** Owns AdmissionReview (admission.k8s.io/v1): what a webhook is asked, and how it answers. Pure. */
import { z } from 'zod';
import type { JsonPatchOperation } from './jsonPatch.ts';

export const AdmissionRequest = z.looseObject({
  uid: z.string().min(1).max(128),
  namespace: z.string().optional(),
  operation: z.string(),
  dryRun: z.boolean().optional(),
  object: z.unknown(),
  userInfo: z.looseObject({ username: z.string().optional() }).optional(),
});
export type AdmissionRequest = z.infer<typeof AdmissionRequest>;

const Review = z.looseObject({
  apiVersion: z.literal('admission.k8s.io/v1'),
  kind: z.literal('AdmissionReview'),
  request: AdmissionRequest,
});

/** @throws z.ZodError for what is no review */
export function requestOf(review: unknown): AdmissionRequest {
  return Review.parse(review).request;
}

/** What is decided about a pod; it is always let in: refusing is the guard's part. */
export interface AdmissionAnswer {
  readonly patch: readonly JsonPatchOperation[];
  /** Shown to whoever makes the pod; at most 256 characters each, 4096 together. */
  readonly warnings: readonly string[];
  /** In the audit log, under the webhook's name. */
  readonly audit: Readonly<Record<string, string>>;
}

const warningCharsMax = 256;

export function responseOf(
  uid: string,
  { patch, warnings, audit }: AdmissionAnswer,
): Record<string, unknown> {
  return {
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    response: {
      uid,
      allowed: true,
      ...(patch.length === 0
        ? {}
        : { patchType: 'JSONPatch', patch: Buffer.from(JSON.stringify(patch)).toString('base64') }),
      ...(warnings.length === 0
        ? {}
        : { warnings: warnings.slice(0, 16).map((text) => text.slice(0, warningCharsMax)) }),
      ...(Object.keys(audit).length === 0 ? {} : { auditAnnotations: audit }),
    },
  };
}
