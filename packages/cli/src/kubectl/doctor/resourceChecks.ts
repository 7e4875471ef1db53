/** Whether LimitRanges and ResourceQuotas of a namespace let a recorder in. Pure. */
import type { KubeObject } from '@pgtape/kube';
import { z } from 'zod';
import type { Read } from '../cluster.ts';
import { type Finding, judge } from './finding.ts';
import type { ContainerReading } from './podReading.ts';
import { quantityOf } from './quantity.ts';

const quantities = z.record(z.string(), z.union([z.string(), z.number()])).default({});

const LimitRange = z.looseObject({
  spec: z.looseObject({
    limits: z
      .array(
        z.looseObject({
          type: z.string(),
          min: quantities,
          max: quantities,
          default: quantities,
          defaultRequest: quantities,
          maxLimitRequestRatio: quantities,
        }),
      )
      .default([]),
  }),
});
type Limits = z.infer<typeof LimitRange>['spec']['limits'][number];

const ResourceQuota = z.looseObject({
  spec: z.looseObject({
    scopes: z.array(z.string()).optional(),
    scopeSelector: z.unknown().optional(),
  }),
  status: z.looseObject({ hard: quantities, used: quantities }).prefault({}),
});

type Resource = 'cpu' | 'memory';
const resources: readonly Resource[] = ['cpu', 'memory'];

/** What the container has once the defaults of LimitRanges are filled in; null: none. */
export interface Sizes {
  readonly request: number | null;
  readonly limit: number | null;
}

const value = (of: Readonly<Record<string, string | number>>, name: string): number | null =>
  of[name] === undefined ? null : quantityOf(of[name]);

function sizesOf(container: ContainerReading, resource: Resource, limits: readonly Limits[]): Sizes {
  const { requests = {}, limits: own = {} } = container.resources ?? {};
  const filled = (pick: (limit: Limits) => number | null): number | null =>
    limits.map(pick).find((found) => found !== null) ?? null;
  // A limit without request is its own request; a default is filled in only where there is nothing (LimitRanger).
  const limit =
    value(own, resource) ?? filled((one) => value(one.default, resource) ?? value(one.max, resource));
  const request =
    value(requests, resource) ??
    value(own, resource) ??
    filled((one) => value(one.defaultRequest, resource)) ??
    limit;
  return { request, limit };
}

function brokenBy(limits: Limits, resource: Resource, { request, limit }: Sizes): string[] {
  const [min, max] = [value(limits.min, resource), value(limits.max, resource)];
  const ratio = value(limits.maxLimitRequestRatio, resource);
  return [
    min !== null && request !== null && request < min ? `${resource}: request under min` : '',
    max !== null && limit !== null && limit > max ? `${resource}: limit over max` : '',
    request !== null && limit !== null && request > limit
      ? `${resource}: request over the default limit`
      : '',
    ratio !== null && request !== null && limit !== null && limit / request > ratio
      ? `${resource}: limit is over ${ratio} times the request`
      : '',
  ].filter((text) => text !== '');
}

function containerLimits(ranges: readonly KubeObject[]): { name: string; limits: Limits }[] {
  return ranges.flatMap((range) => {
    const parsed = LimitRange.safeParse(range);
    if (!parsed.success) return [];
    return parsed.data.spec.limits
      .filter(({ type }) => type === 'Container')
      .map((limits) => ({ name: range.metadata.name, limits }));
  });
}

export function limitRangeFinding(
  namespace: string,
  ranges: Read<readonly KubeObject[]>,
  recorder: ContainerReading | null,
): Finding {
  const { ok, fail, unknown } = judge('limit_range', namespace);
  if (!ranges.isRead) return unknown(ranges.why, 'cluster');
  const all = containerLimits(ranges.value);
  if (all.length === 0) return ok('no LimitRange of containers');
  if (recorder === null) return unknown('no pod gets a recorder');
  const broken = all.flatMap(({ name, limits }) =>
    resources.flatMap((resource) => {
      const sizes = sizesOf(
        recorder,
        resource,
        all.map((one) => one.limits),
      );
      return brokenBy(limits, resource, sizes).map((text) => `${name}: ${text}`);
    }),
  );
  return broken.length === 0
    ? ok(`the recorder fits ${all.map(({ name }) => name).join(', ')}`)
    : fail(
        `${broken.join('; ')}: set spec.recorder.requests and limits, or change the LimitRange`,
        'database',
      );
}

/** Keys of a quota, and what of a container counts against them. */
const counted: Readonly<Record<string, [Resource, keyof Sizes]>> = {
  cpu: ['cpu', 'request'],
  memory: ['memory', 'request'],
  'requests.cpu': ['cpu', 'request'],
  'requests.memory': ['memory', 'request'],
  'limits.cpu': ['cpu', 'limit'],
  'limits.memory': ['memory', 'limit'],
};

/** @param bare how many pods are to be made anew with a recorder that have none */
export function quotaFindings(
  namespace: string,
  quotas: Read<readonly KubeObject[]>,
  ranges: Read<readonly KubeObject[]>,
  recorder: ContainerReading | null,
  bare: number,
): Finding[] {
  const { ok, unknown } = judge('resource_quota', namespace);
  if (!quotas.isRead) return [unknown(quotas.why, 'cluster')];
  if (quotas.value.length === 0) return [ok('no ResourceQuota')];
  if (recorder === null) return [unknown('no pod gets a recorder')];
  const limits = ranges.isRead ? containerLimits(ranges.value).map((one) => one.limits) : [];
  return quotas.value.map((quota) => quotaFinding(quota, recorder, limits, bare));
}

/** Of sums of decimal fractions. */
const roundingError = 1e-9;
const shown = (amount: number): number => Number(amount.toPrecision(6));

function quotaFinding(
  quota: KubeObject,
  recorder: ContainerReading,
  limits: readonly Limits[],
  bare: number,
): Finding {
  const { ok, fail, unknown } = judge(
    'resource_quota',
    `${quota.metadata.namespace ?? ''}/${quota.metadata.name}`,
  );
  const parsed = ResourceQuota.safeParse(quota);
  if (!parsed.success) return unknown('it is not understood');
  const { spec, status } = parsed.data;
  if (spec.scopes !== undefined || spec.scopeSelector !== undefined)
    return unknown('it counts only some pods (scopes); look whether the recorder fits');
  const short = Object.entries(counted).flatMap(([key, [resource, kind]]) => {
    const hard = value(status.hard, key);
    if (hard === null) return [];
    const size = sizesOf(recorder, resource, limits)[kind];
    if (size === null)
      return [`${key}: every container must say it, and the recorder has none: set spec.recorder`];
    const left = hard - (value(status.used, key) ?? 0);
    const needed = size * bare;
    return needed > left + roundingError * hard
      ? [`${key}: ${bare} recorders need ${shown(needed)}, ${shown(left)} is left`]
      : [];
  });
  return short.length === 0 ? ok('there is room') : fail(short.join('; '), 'cluster');
}
