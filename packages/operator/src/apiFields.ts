/** Fields that both kinds use. */
import { z } from 'zod';
import { mapList } from './structuralSchema.ts';

/** RFC 1123 label. */
export const objectName = z
  .string()
  .min(1)
  .max(253)
  .regex(/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/);

/** Quantity of bytes, as Kubernetes writes it: `64Mi`, `1Gi`. */
export const bytesQuantity = z
  .string()
  .max(20)
  .regex(/^[1-9][0-9]*(Ki|Mi|Gi|Ti|k|M|G|T)?$/);

const conditionStatus = z.enum(['True', 'False', 'Unknown']);

/** metav1.Condition. */
export const Condition = z.strictObject({
  type: z.string().max(316).describe('Which condition.'),
  status: conditionStatus.describe('`True` is well.'),
  observedGeneration: z.int().min(0).optional().describe('Of the spec that it is about.'),
  lastTransitionTime: z.string().max(64).describe('When its status changed.'),
  reason: z
    .string()
    .max(1024)
    .regex(/^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$/)
    .describe('A stable word: scripts wait for it.'),
  message: z.string().max(32_768).describe('For people.'),
});
export type Condition = z.infer<typeof Condition>;

export const conditions = z
  .array(Condition)
  .max(32)
  .meta(mapList('type'))
  .optional()
  .describe('What is well and what is not, by type.');

const multiples: Readonly<Record<string, number>> = {
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
};

/** @throws RangeError for what `bytesQuantity` does not take */
export function bytesOf(quantity: string): number {
  const match = /^([1-9][0-9]*)([A-Za-z]*)$/.exec(quantity);
  const multiple = multiples[match?.[2] ?? '?'];
  if (match === null || multiple === undefined) throw new RangeError(`'${quantity}' is no quantity of bytes`);
  return Number(match[1]) * multiple;
}
