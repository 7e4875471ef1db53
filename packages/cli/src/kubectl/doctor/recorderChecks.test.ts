import { recorderStatus, said } from '../recorder.testing.ts';
import type { RecorderWord } from '../recorderReading.ts';
import { podObject, specFor } from './pods.testing.ts';
import { recorderFindings } from './recorderChecks.ts';

const pod = podObject('plain');
const { capture, coverage, vault } = recorderStatus();

function found(word: RecorderWord, more: object = {}): string[] {
  return recorderFindings('shop/orders-0', word, specFor(pod, more))
    .filter(({ state, check }) => state !== 'ok' && !(check === 'authentication' && state === 'unknown'))
    .map(({ check, state, act, message }) => `${check} ${state} ${act}: ${message}`);
}

describe('recorderFindings', () => {
  it('of a healthy recorder are ok, but for what only PostgreSQL knows', () => {
    expect(
      recorderFindings('shop/orders-0', said(), specFor(pod)).map(({ check, state }) => `${check} ${state}`),
    ).toEqual([
      'recorder_status ok',
      'recorder_starts ok',
      'capture_achieved ok',
      'tls_matched ok',
      'authentication unknown',
      'coverage ok',
      'vault_reachable ok',
      'spool ok',
    ]);
  });

  it.each<[string, RecorderWord, object, RegExp]>([
    [
      'not allowed',
      { kind: 'silent', why: 'not_allowed', detail: '' },
      {},
      /^recorder_status unknown cluster/,
    ],
    ['no answer', { kind: 'silent', why: 'no_answer', detail: '' }, {}, /^recorder_status fail database/],
    ['started again', said({ recorderStarts: 4 }), {}, /^recorder_starts warn pgtape: 4 /],
    ['not looked', said({ capture: { ...capture, achieved: null } }), {}, /^capture_achieved unknown/],
    [
      'past the recorder',
      said({ capture: { ...capture, achieved: false, reason: 'foreign_listener', others: ['[::]:5432'] } }),
      {},
      /^capture_achieved fail database: AddressSwap is not achieved \(foreign_listener\): \[::\]:5432/,
    ],
    [
      'open beside the mode',
      said({ capture: { ...capture, mode: 'Service', reason: 'pod_address_open', others: [] } }),
      {},
      /^capture_achieved warn database/,
    ],
    [
      'no certificate',
      said({ tls: { matched: false, reason: 'tls_no_certificate' } }),
      {},
      /^tls_matched fail database: .*spec.tlsSecretName/,
    ],
    [
      'another certificate',
      said({ tls: { matched: false, reason: 'certificate_differs' } }),
      { tlsSecretName: 'orders-tls' },
      /^tls_matched fail database: certificate_differs: the Secret 'orders-tls'/,
    ],
    ['TLS not asked', said({ tls: { matched: null, reason: null } }), {}, /^tls_matched unknown/],
    ['trust', said(), { upstream: { trust: true } }, /^authentication warn database/],
    [
      'no credentials',
      said({ coverage: { ...coverage, state: 'no_credentials' } }),
      {},
      /^coverage warn database/,
    ],
    [
      'failed',
      said({ coverage: { ...coverage, state: 'failed', reason: 'refused' } }),
      {},
      /^coverage fail database: .*refused/,
    ],
    ['starting', said({ coverage: { ...coverage, state: 'starting' } }), {}, /^coverage unknown/],
    ['bypasses', said({ coverage: { ...coverage, bypasses: 3 } }), {}, /^coverage fail database: 3 /],
    [
      'vault gone',
      said({ vault: { ...vault, reason: 'unreachable', pendingSegments: 7 } }),
      {},
      /^vault_reachable fail pgtape: unreachable: 7 segments/,
    ],
    ['vault slow', said({ vault: { ...vault, lagSeconds: 61 } }), {}, /^vault_reachable warn pgtape/],
    ['full', said({ spool: { full: 'spool_full' } }), {}, /^spool fail pgtape: spool_full/],
  ])('%s', (_, word, more, wanted) => {
    expect(found(word, more)).toEqual([expect.stringMatching(wanted)]);
  });
});
