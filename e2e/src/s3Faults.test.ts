import { openStore, type Store } from '@pgtape/store';
import { codeOf } from '@pgtape/store/contract';
import { type HopFault, type S3Hop, startS3Hop } from './s3Hop.ts';
import { actAs, type S3Server, startS3Server } from './s3Server.ts';

let server: S3Server;
let hop: S3Hop;
beforeAll(async () => {
  server = await startS3Server();
  hop = await startS3Hop(server.port);
  actAs(server.root);
});
afterAll(async () => {
  await hop.stop();
  await server.stop();
});

const bytes = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text));
const until = (Math.ceil(Date.now() / 1000) + 3600) * 1000;

interface Operation {
  readonly name: string;
  prepare(store: Store): Promise<unknown>;
  run(store: Store, prepared: unknown): Promise<unknown>;
  /** What is there after it was done once, however often it was asked. */
  readonly outcome: object;
}

async function stateOf(store: Store): Promise<object> {
  const found: object[] = [];
  for await (const { key, version, bytes: length, kind } of store.listVersions('')) {
    const { retainUntil, hold } = await store.protectionOf(key, version);
    found.push({ key, length, kind, kept: retainUntil === until, hold });
  }
  return found;
}

const object = { key: 'reel/a', length: 8, kind: 'object', kept: true, hold: false };
const versionOf = (prepared: unknown): string => (prepared as { version: string }).version;
const put = (store: Store): Promise<unknown> => store.putOnce('reel/a', bytes('evidence'));
const checkpoint = (length: number) => ({
  key: 'log/checkpoint',
  length,
  kind: 'object',
  kept: false,
  hold: false,
});

const operations: readonly Operation[] = [
  {
    name: 'putOnce',
    prepare: async () => null,
    run: (store) => store.putOnce('reel/a', bytes('evidence'), { retainUntil: until }),
    outcome: [object],
  },
  {
    name: 'extendRetention',
    prepare: put,
    run: (store, prepared) => store.extendRetention('reel/a', versionOf(prepared), until),
    outcome: [object],
  },
  {
    name: 'setHold',
    prepare: put,
    run: (store, prepared) => store.setHold('reel/a', versionOf(prepared), true),
    outcome: [{ ...object, kept: false, hold: true }],
  },
  {
    name: 'swap of nothing',
    prepare: async () => null,
    run: (store) => store.swap('log/checkpoint', bytes('1'), null),
    outcome: [checkpoint(1)],
  },
  {
    name: 'swap of something',
    prepare: (store) => store.swap('log/checkpoint', bytes('1'), null),
    run: (store) => store.swap('log/checkpoint', bytes('22'), bytes('1')),
    outcome: [checkpoint(1), checkpoint(2)],
  },
];

const faults: readonly HopFault[] = ['cut_before', 'cut_after', 'error_before', 'error_after'];
const rows = operations.flatMap((operation) =>
  faults.map((fault) => ({ name: operation.name, fault, operation })),
);

async function opened(): Promise<Store> {
  const address = server.address(await server.bucket()).replace(`:${server.port}`, `:${hop.port}`);
  return await openStore(address);
}

/** Undisturbed. */
async function requestsOf({ prepare, run, outcome }: Operation): Promise<readonly string[]> {
  const store = await opened();
  const prepared = await prepare(store);
  hop.arm(() => 'none');
  await run(store, prepared);
  const requests = [...hop.trace];
  expect(await stateOf(store)).toEqual(outcome);
  return requests;
}

describe('the S3 store, each request failing in each way', () => {
  it.each(rows)('$name, $fault once: mended by itself, done once', async ({ fault, operation }) => {
    const requests = await requestsOf(operation);
    for (let at = 0; at < requests.length; at += 1) {
      const store = await opened();
      const prepared = await operation.prepare(store);
      hop.arm((index) => (index === at ? fault : 'none'));
      const code = await codeOf(operation.run(store, prepared));
      hop.arm(() => 'none');
      const request = requests[at];
      expect({ request, code }).toEqual({ request, code: 'resolved' });
      expect({ request, state: await stateOf(store) }).toEqual({ request, state: operation.outcome });
    }
  });

  it.each(rows.filter(({ fault }) => fault.endsWith('after')))(
    '$name, $fault until it gives up: done once when it is asked again',
    async ({ fault, operation }) => {
      const requests = await requestsOf(operation);
      for (let at = 0; at < requests.length; at += 1) {
        const store = await opened();
        const prepared = await operation.prepare(store);
        hop.arm((index) => (index >= at ? fault : 'none'));
        const code = await codeOf(operation.run(store, prepared));
        hop.arm(() => 'none');
        const request = requests[at];
        const expected = fault.startsWith('cut') ? 'STORE_UNREACHABLE' : 'STORE_UNAVAILABLE';
        expect({ request, code }).toEqual({ request, code: expected });
        await operation.run(store, prepared);
        expect({ request, state: await stateOf(store) }).toEqual({ request, state: operation.outcome });
      }
    },
  );
});
