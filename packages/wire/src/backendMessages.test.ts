import fc from 'fast-check';
import { Parser } from 'pg-protocol/dist/parser';
import {
  commandRows,
  encodeSaslMechanisms,
  readAuthentication,
  readBackendKey,
  readCommandComplete,
  readCopyResponse,
  readNegotiate,
  readNotification,
  readParameterDescription,
  readParameterStatus,
  readReadyForQuery,
  readRowDescription,
  readSaslMechanisms,
} from './backendMessages.ts';
import { readError } from './errorResponse.ts';
import { bytesOf, frame, int16, int32 } from './framing.testing.ts';

type Reader = (body: Uint8Array) => unknown;

const column = (name: string, oid: number) =>
  bytesOf(`${name}\0`, int32(16_384), int16(1), int32(oid), int16(4), int32(-1), int16(0));

const messages: readonly {
  readonly name: string;
  readonly read: Reader;
  readonly body: Uint8Array;
  readonly is: unknown;
}[] = [
  { name: 'CommandComplete', read: readCommandComplete, body: bytesOf('INSERT 0 1\0'), is: 'INSERT 0 1' },
  { name: 'ReadyForQuery', read: readReadyForQuery, body: bytesOf('T'), is: 'T' },
  {
    name: 'ParameterDescription',
    read: readParameterDescription,
    body: bytesOf(int16(2), int32(23), int32(-1)),
    is: [23, 4_294_967_295],
  },
  { name: 'ParameterDescription of none', read: readParameterDescription, body: int16(0), is: [] },
  {
    name: 'ParameterStatus',
    read: readParameterStatus,
    body: bytesOf('TimeZone\0UTC\0'),
    is: { name: 'TimeZone', value: 'UTC' },
  },
  {
    name: 'RowDescription',
    read: readRowDescription,
    body: bytesOf(int16(2), column('id', 23), column('', 25)),
    is: [
      { name: 'id', oid: 23 },
      { name: '', oid: 25 },
    ],
  },
  {
    name: 'NotificationResponse',
    read: readNotification,
    body: bytesOf(int32(9), 'ch\0hi\0'),
    is: { pid: 9, channel: 'ch', payload: 'hi' },
  },
  {
    name: 'CopyOutResponse',
    read: readCopyResponse,
    body: bytesOf([1], int16(2), int16(1), int16(1)),
    is: { binary: true, formats: [1, 1] },
  },
  {
    name: 'AuthenticationSASL',
    read: readSaslMechanisms,
    body: bytesOf(int32(10), 'SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0'),
    is: ['SCRAM-SHA-256-PLUS', 'SCRAM-SHA-256'],
  },
  {
    name: 'NegotiateProtocolVersion',
    read: readNegotiate,
    body: bytesOf(int32((3 << 16) | 2), int32(2), '_pq_.a\0_pq_.b\0'),
    is: { protocol: '3.2', unrecognized: ['_pq_.a', '_pq_.b'] },
  },
  {
    name: 'ErrorResponse',
    read: readError,
    body: bytesOf('SFEHLER\0VERROR\0C42601\0Msyntax\0P8\0Fscan.l\0Zlater\0\0'),
    is: { severity: 'ERROR', sqlstate: '42601', message: 'syntax', position: '8', file: 'scan.l' },
  },
];

describe('backend messages', () => {
  it.each([[[]], [['SCRAM-SHA-256']], [['SCRAM-SHA-256-PLUS', 'SCRAM-SHA-256']]])(
    'AuthenticationSASL of %j, written and read',
    (names) => {
      const message = encodeSaslMechanisms(names);
      expect([message[0], readSaslMechanisms(message.subarray(5))]).toEqual([0x52, names]);
      expect(new DataView(message.buffer).getInt32(1)).toBe(message.length - 1);
    },
  );

  it.each(messages)('reads $name', ({ read, body, is }) => {
    expect(read(body)).toEqual(is);
  });

  it.each(messages)('refuses every beginning of $name, and bytes after it', ({ read, body }) => {
    for (let end = 0; end < body.length; end += 1)
      expect({ end, is: read(body.subarray(0, end)) }).toEqual({ end, is: null });
    expect(read(bytesOf(body, 'x'))).toBeNull();
  });

  it.each([
    { name: 'the pid of a whole key', read: readBackendKey, body: bytesOf(int32(77), int32(1)), is: 77 },
    { name: 'the pid of a key that was dropped', read: readBackendKey, body: int32(77), is: 77 },
    { name: 'no pid', read: readBackendKey, body: bytesOf('abc'), is: null },
    { name: 'AuthenticationOk', read: readAuthentication, body: int32(0), is: 0 },
    {
      name: 'a SASL request',
      read: readAuthentication,
      body: bytesOf(int32(10), 'SCRAM-SHA-256\0\0'),
      is: 10,
    },
    { name: 'no authentication code', read: readAuthentication, body: bytesOf([0, 0, 0]), is: null },
    { name: 'another authentication request', read: readSaslMechanisms, body: bytesOf(int32(3)), is: null },
    {
      name: 'a mechanism whose name is none',
      read: readSaslMechanisms,
      body: bytesOf(int32(10), 'scram sha\0\0'),
      is: null,
    },
    {
      name: 'mechanisms without an end',
      read: readSaslMechanisms,
      body: bytesOf(int32(10), 'SCRAM-SHA-256\0'),
      is: null,
    },
    { name: 'an unknown transaction status', read: readReadyForQuery, body: bytesOf('X'), is: null },
    {
      name: 'unrecognized options that are not there',
      read: readNegotiate,
      body: bytesOf(int32(3), int32(-1), 'a\0'),
      is: null,
    },
    { name: 'an error without its terminator', read: readError, body: bytesOf('C42601\0'), is: null },
    {
      name: 'an empty error',
      read: readError,
      body: bytesOf('\0'),
      is: { severity: '', sqlstate: '', message: '' },
    },
    {
      name: 'an old server’s severity',
      read: readError,
      body: bytesOf('SERROR\0\0'),
      is: { severity: 'ERROR', sqlstate: '', message: '' },
    },
    {
      name: 'the last of equal fields',
      read: readError,
      body: bytesOf('Ma\0Mb\0\0'),
      is: { severity: '', sqlstate: '', message: 'b' },
    },
  ])('tells $name', ({ read, body, is }) => {
    expect((read as Reader)(body)).toEqual(is);
  });

  it('never throws and never reads past the body (R8)', () => {
    const readers = [...messages.map(({ read }) => read), readBackendKey, readAuthentication];
    fc.assert(
      fc.property(fc.constantFrom<Reader>(...readers), fc.uint8Array({ maxLength: 40 }), (read, body) => {
        const inside = bytesOf('before', body, 'after\0after');
        expect(read(inside.subarray(6, 6 + body.length))).toEqual(read(body));
      }),
      { numRuns: 1000 },
    );
  });
});

describe('commandRows', () => {
  it.each([
    ['INSERT 0 3', 3],
    ['INSERT 16384 1', 1],
    ['UPDATE 0', 0],
    ['DELETE 12', 12],
    ['MERGE 2', 2],
    ['SELECT 100000', 100_000],
    ['FETCH 1', 1],
    ['MOVE 7', 7],
    ['COPY 283', 283],
    ['COPY', undefined],
    ['CREATE TABLE', undefined],
    ['BEGIN', undefined],
    ['SHOW', undefined],
    ['CALL', undefined],
    ['INSERT 3', undefined],
    ['SELECT 1 2', undefined],
    ['SELECT -1', undefined],
    ['START_REPLICATION 1', undefined],
  ])('%s -> %s', (tag, rows) => {
    expect(commandRows(tag)).toBe(rows);
  });
});

describe('pg-protocol as oracle, on copies', () => {
  /** What pg-protocol makes of one frame. */
  function oracle(tag: string, body: Uint8Array): Record<string, unknown> {
    let message: unknown;
    new Parser().parse(Buffer.from(frame(tag, body)), (parsed) => {
      message = parsed;
    });
    return message as Record<string, unknown>;
  }
  const text = fc.string({ maxLength: 12, unit: 'grapheme' }).map((each) => each.replaceAll('\0', ''));
  const oid = fc.nat(0x7fffffff);

  it('agrees on CommandComplete, ParameterStatus, ReadyForQuery, NotificationResponse', () => {
    fc.assert(
      fc.property(text, text, fc.constantFrom('I', 'T', 'E'), oid, (a, b, status, pid) => {
        const tag = bytesOf(`${a}\0`);
        expect(readCommandComplete(tag)).toBe(oracle('C', tag).text);
        const parameter = bytesOf(`${a}\0${b}\0`);
        const { parameterName: name, parameterValue: value } = oracle('S', parameter);
        expect(readParameterStatus(parameter)).toEqual({ name, value });
        expect(readReadyForQuery(bytesOf(status))).toBe(oracle('Z', bytesOf(status)).status);
        const notification = bytesOf(int32(pid), `${a}\0${b}\0`);
        const { processId, channel, payload } = oracle('A', notification);
        expect(readNotification(notification)).toEqual({ pid: processId, channel, payload });
      }),
    );
  });

  it('agrees on RowDescription, ParameterDescription, CopyOutResponse, BackendKeyData', () => {
    const columns = fc.array(fc.tuple(text, oid), { maxLength: 5 });
    fc.assert(
      fc.property(columns, oid, (list, pid) => {
        const rows = bytesOf(int16(list.length), ...list.map(([name, type]) => column(name, type)));
        const fields = oracle('T', rows).fields as { name: string; dataTypeID: number }[];
        expect(readRowDescription(rows)).toEqual(
          fields.map((each) => ({ name: each.name, oid: each.dataTypeID })),
        );
        const types = bytesOf(int16(list.length), ...list.map(([, type]) => int32(type)));
        expect(readParameterDescription(types)).toEqual(oracle('t', types).dataTypeIDs);
        const copy = bytesOf([1], int16(list.length), ...list.map(() => int16(1)));
        const { binary, columnTypes } = oracle('H', copy);
        expect(readCopyResponse(copy)).toEqual({ binary, formats: columnTypes });
        const key = bytesOf(int32(pid), int32(1));
        expect(readBackendKey(key)).toBe(oracle('K', key).processID);
      }),
    );
  });

  it('agrees on the fields of errors and notices', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.constantFrom(...'VCMDHPpqWstcdnFLR'), { maxLength: 17 }),
        text,
        (codes, value) => {
          const body = bytesOf(`SERROR\0${codes.map((code) => `${code}${code}${value}\0`).join('')}\0`);
          for (const tag of ['E', 'N']) {
            const expected = oracle(tag, body);
            const fields = readError(body);
            expect(fields?.sqlstate).toBe(expected.code ?? '');
            expect(fields?.message).toBe(expected.message === undefined ? '' : expected.message);
            const names = [
              'detail',
              'hint',
              'position',
              'internalPosition',
              'internalQuery',
              'where',
              'schema',
              'table',
            ];
            for (const name of [...names, 'column', 'dataType', 'constraint', 'file', 'line', 'routine']) {
              expect([name, (fields as unknown as Record<string, unknown>)[name]]).toEqual([
                name,
                expected[name],
              ]);
            }
          }
        },
      ),
    );
  });

  describe('accepted differences', () => {
    it('severity is field V, which is never translated; pg-protocol gives S', () => {
      const body = bytesOf('SFEHLER\0VERROR\0C42601\0Mm\0\0');
      expect([readError(body)?.severity, oracle('E', body).severity]).toEqual(['ERROR', 'FEHLER']);
    });

    it('an error without a message is ""; pg-protocol makes a JavaScript error of it, with none', () => {
      const body = bytesOf('C42601\0\0');
      expect([readError(body)?.message, oracle('N', body).message]).toEqual(['', undefined]);
    });

    it('a string that ends beyond its message is malformed; pg-protocol reads on into the next one', () => {
      const two = bytesOf(frame('C', 'SELE'), frame('S', 'CT 1\0b\0'));
      const texts: unknown[] = [];
      new Parser().parse(Buffer.from(two), (parsed) =>
        texts.push((parsed as unknown as { text: unknown }).text),
      );
      expect([readCommandComplete(bytesOf('SELE')), (texts[0] as string).length > 4]).toEqual([null, true]);
    });

    it('bytes after a message’s last field are malformed; pg-protocol overlooks them', () => {
      const body = bytesOf('SELECT 1\0more');
      expect([readCommandComplete(body), oracle('C', body).text]).toEqual([null, 'SELECT 1']);
    });

    it('more than 32,767 types are counted; pg-protocol takes the count for negative and throws', () => {
      const body = bytesOf(int16(40_000), Buffer.alloc(4 * 40_000));
      expect(readParameterDescription(body)?.length).toBe(40_000);
      expect(() => oracle('t', body)).toThrow(RangeError);
    });

    it('a backend’s pid is unsigned; pg-protocol gives it signed', () => {
      const body = bytesOf(int32(-2), int32(0));
      expect([readBackendKey(body), oracle('K', body).processID]).toEqual([4_294_967_294, -2]);
    });

    it('NegotiateProtocolVersion is known; pg-protocol calls it an invalid response', () => {
      const body = bytesOf(int32((3 << 16) | 2), int32(0));
      expect([readNegotiate(body)?.protocol, String(oracle('v', body).message)]).toEqual([
        '3.2',
        'received invalid response: 76',
      ]);
    });
  });
});
