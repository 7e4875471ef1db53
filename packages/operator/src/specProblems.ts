/**
 * Owns what a RecordedDatabase may not say although its schema lets it: whatever would make the API server refuse an
 * object of ours, and with it those of everybody else, or a pod that we changed. Pure.
 */
import { isIP } from 'node:net';
import { bytesOf } from './apiFields.ts';
import type { RecordedDatabaseSpec } from './recordedDatabase.ts';

const labelName = /^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?\/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;
const labelValue = /^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$/;
const dnsLabel = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;
const cpuQuantity = /^([0-9]+m|[0-9]+(\.[0-9]{1,3})?)$/;

function isNetwork(text: string): boolean {
  const [address = '', prefix, ...more] = text.split('/');
  const family = isIP(address);
  if (family === 0 || more.length > 0) return false;
  if (prefix === undefined) return true;
  return /^\d{1,3}$/.test(prefix) && Number(prefix) <= (family === 4 ? 32 : 128);
}

const milliCpu = (text: string): number =>
  text.endsWith('m') ? Number(text.slice(0, -1)) : Number(text) * 1000;

function ofResources({ requests = {}, limits = {} }: RecordedDatabaseSpec['recorder']): string[] {
  const problems: string[] = [];
  for (const [side, { cpu }] of Object.entries({ requests, limits }))
    if (cpu !== undefined && !cpuQuantity.test(cpu))
      problems.push(`recorder.${side}.cpu: '${cpu}' is no quantity`);
  const isWritten = problems.length === 0 && requests.cpu !== undefined && limits.cpu !== undefined;
  if (isWritten && milliCpu(requests.cpu as string) > milliCpu(limits.cpu as string))
    problems.push('recorder.requests.cpu is over recorder.limits.cpu');
  if (
    requests.memory !== undefined &&
    limits.memory !== undefined &&
    bytesOf(requests.memory) > bytesOf(limits.memory)
  )
    problems.push('recorder.requests.memory is over recorder.limits.memory');
  return problems;
}

/** One sentence each; none: the database can be recorded as it says. */
export function specProblems(name: string, spec: RecordedDatabaseSpec): string[] {
  const problems: string[] = [];
  if (!dnsLabel.test(name))
    problems.push(`metadata.name: '${name}' is no DNS label of at most 63 characters`);
  for (const [label, value] of Object.entries(spec.selector.matchLabels)) {
    if (!labelName.test(label)) problems.push(`selector.matchLabels: '${label}' is no name of a label`);
    if (!labelValue.test(value)) problems.push(`selector.matchLabels: '${value}' is no value of a label`);
  }
  for (const peer of spec.capture.rawPeers ?? [])
    if (!isNetwork(peer)) problems.push(`capture.rawPeers: '${peer}' is no network`);
  const { image } = spec.recorder;
  if (image !== undefined && /\s/.test(image)) problems.push('recorder.image has a space in it');
  return [...problems, ...ofResources(spec.recorder)];
}
