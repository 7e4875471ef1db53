/** For tests: a recorder and a vault in this process, in front of a server, and the records they leave. */
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { decodeObject, RecordLine } from '@pgtape/evidence';
import { startVault, VaultConfig } from '@pgtape/vault';
import { RecorderConfig, type RecorderDeps, type RunningRecorder, startRecorder } from './index.ts';

export interface RecorderBeside {
  readonly recorder: RunningRecorder;
  /** Ends both in order; everything is in the archive then. */
  finish(): Promise<RecordLine[]>;
}

/** @param more further keys of the recorder's configuration */
export async function startRecorderBeside(
  dir: string,
  upstreamPort: number,
  more: Readonly<Record<string, unknown>> = {},
  deps: RecorderDeps = {},
  onConfig: (config: RecorderConfig) => void = () => {},
): Promise<RecorderBeside> {
  const vault = await startVault(
    VaultConfig.parse({
      otlp: { port: 0 },
      http: { port: 0 },
      archive: { store: join(dir, 'archive') },
      log: { level: 'silent' },
    }),
  );
  mkdirSync(join(dir, 'journal'), { recursive: true, mode: 0o700 });
  const config = RecorderConfig.parse({
    listen: { port: 0 },
    upstream: { port: upstreamPort },
    spool: { dir: join(dir, 'spool') },
    journal: { dir: join(dir, 'journal'), onDisk: true },
    segment: { maxSeconds: 0.5 },
    vault: { url: `http://127.0.0.1:${vault.otlp.port}` },
    log: { level: 'silent' },
    ...more,
  });
  onConfig(config);
  const recorder = await startRecorder(config, deps);
  return {
    recorder,
    async finish() {
      const { unsentSegments } = await recorder.close();
      await vault.close();
      if (unsentSegments > 0) throw new Error(`${unsentSegments} segments were not sent`);
      return archived(join(dir, 'archive'));
    },
  };
}

/** The recorder's records: the vault keeps a reel of its own beside them. */
function archived(root: string): RecordLine[] {
  const records = readdirSync(join(root, 'reel'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.jsonl.zst'))
    .sort()
    .flatMap((file) =>
      Buffer.from(decodeObject(readFileSync(join(root, 'reel', file))))
        .toString('utf8')
        .trimEnd()
        .split('\n')
        .slice(1, -1)
        .map((line) => RecordLine.parse(JSON.parse(line))),
    );
  const vaults = new Set(records.filter(({ kind }) => kind === 'vault_opened').map(({ reel }) => reel));
  return records.filter(({ reel }) => !vaults.has(reel));
}

/** The policy's hash in the seal of the segment that holds the first record of this kind. */
export function sealedPolicy(root: string, kind: string): string {
  const segments = readdirSync(join(root, 'reel'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.jsonl.zst'))
    .sort()
    .map((file) => Buffer.from(decodeObject(readFileSync(join(root, 'reel', file)))).toString('utf8'));
  const text = segments.find((one) => one.includes(`"kind":"${kind}"`));
  const seal = text?.trimEnd().split('\n').at(-1) ?? '{}';
  return (JSON.parse(seal) as { policy: string }).policy;
}
