/** Owns the evidence worker's thread: gives it its disk, its clocks, its network and its port to the relay. Does no work itself. */

import { dirname, join } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import { readSecretFile } from '@pgtape/process';
import type { CoverageConnection } from './coverageQuery.ts';
import { EvidenceThread } from './evidenceThread.ts';
import { compactHeap } from './idleMemory.ts';
import { LastAuthority } from './lastAuthority.ts';
import { spoolDisk } from './spoolDisk.ts';
import { VaultClient } from './vaultClient.ts';
import type { FromWorker, ToWorker, WorkerPlan } from './workerPlan.ts';

const port = parentPort;
if (port === null) throw new Error('decodeWorker.js is started by the recorder as a worker thread');
const plan = workerData as WorkerPlan;
// Beside the outbox: who reads what waits there needs it too.
const lastAuthority = new LastAuthority(join(dirname(plan.outboxDir), 'last-vault-ca.pem'));
const post = (message: FromWorker): void => port.postMessage(message);

function cpuUs(): number {
  const { user, system } = process.threadCpuUsage();
  return user + system;
}

async function main(): Promise<void> {
  const { types } = plan;
  // A client library that a recorder without the side connection never loads.
  const catalog = types === undefined ? null : await import('./typeCatalog.ts');
  const loggedIn = (database: string, pid: number): void => worker.loggedIn(database, pid);
  const worker: EvidenceThread = new EvidenceThread(plan, {
    disk: spoolDisk,
    openVault: (vault) => new VaultClient(vault, lastAuthority),
    readSecret: readSecretFile,
    wallUs: () => Date.now() * 1000,
    nowMs: () => performance.now(),
    random: Math.random,
    cpuUs,
    compact: compactHeap,
    post,
    ...(types === undefined || catalog === null
      ? {}
      : { askTypes: (database, oids, most) => catalog.askTypes(types, database, oids, most, loggedIn) }),
    coverageServer: (asked, credentials) => {
      let connection: CoverageConnection | null = null;
      return {
        async ask() {
          // Without credentials the library is not loaded.
          if (connection === null) credentials();
          const { CoverageConnection } = await import('./coverageQuery.ts');
          connection ??= new CoverageConnection(asked, credentials, loggedIn);
          return connection.ask();
        },
        close: () => connection?.close(),
      };
    },
  });
  port?.on('message', (message: ToWorker) => worker.receive(message));
  await worker.run();
  port?.close();
}

main().catch((error: NodeJS.ErrnoException) => {
  post({ kind: 'fatal', code: error.code ?? 'WORKER_FAILED', message: error.stack ?? error.message });
  // The recorder starts the worker anew, which takes up the reel where its snapshot says.
  process.exit(1);
});
