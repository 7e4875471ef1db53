/** Owns whether labels fit a selector of equalities (metav1.LabelSelector's matchLabels). Pure. */

export type Labels = Readonly<Record<string, string>>;

/** Whether every label of `wanted` is among them. */
export function hasLabels(labels: Labels, wanted: Labels): boolean {
  return Object.entries(wanted).every(([name, value]) => labels[name] === value);
}
