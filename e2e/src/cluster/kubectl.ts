/** Owns running the real kubectl against a control plane. */
import { spawnSync } from 'node:child_process';
import { type ControlPlane, kubernetesBinary } from './controlPlane.ts';

export interface Ran {
  readonly status: number | null;
  readonly out: string;
  readonly err: string;
}

/** As the control plane's administrator; `input` is what `-f -` reads. */
export function kubectlAt(plane: ControlPlane, args: readonly string[], input?: string): Ran {
  const ran = spawnSync(kubernetesBinary('kubectl'), ['--kubeconfig', plane.kubeconfig, ...args], {
    encoding: 'utf8',
    ...(input === undefined ? {} : { input }),
  });
  return { status: ran.status, out: ran.stdout, err: ran.stderr };
}

/** What it says. @throws Error with its complaint where it fails */
export function kubectlDone(plane: ControlPlane, args: readonly string[], input?: string): string {
  const { status, out, err } = kubectlAt(plane, args, input);
  if (status !== 0) throw new Error(`kubectl ${args.join(' ')}: ${err}`);
  return out;
}

/** Arguments of `kubectl patch`. */
export function patch(
  kind: string,
  name: string,
  type: 'merge' | 'json',
  text: string,
  namespace?: string,
): string[] {
  const place = namespace === undefined ? [] : ['-n', namespace];
  return [...place, 'patch', kind, name, `--type=${type}`, '-p', text];
}
