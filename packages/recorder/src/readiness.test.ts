import { type ReadinessFacts, readiness } from './readiness.ts';

const well: ReadinessFacts = {
  isInPod: true,
  onFull: 'pass',
  full: null,
  standIns: [],
  isBacklogged: false,
  isWorkerRunning: true,
  isSpoolLost: false,
  isRefused: false,
};

describe('a vault that refuses a reel takes no primary out of its Service', () => {
  it.each<[string, Partial<ReadinessFacts>, string[]]>([
    ['nothing is wrong', {}, []],
    ['the vault refuses a reel', { isRefused: true }, ['vault_refuses']],
    ['the evidence worker is down', { isWorkerRunning: false }, ['worker_down']],
    ['the evidence worker is behind', { isBacklogged: true }, ['backlog']],
    ["the spool is another recorder's", { isSpoolLost: true }, ['spool_lost']],
    ['the spool is full and clients pass', { full: 'spool_full' }, ['spool_full']],
    ['it runs with another configuration', { standIns: ['config_absent'] }, ['config_absent']],
  ])('ready in a pod, and says so: %s', (_what, more, reasons) => {
    expect(readiness({ ...well, ...more })).toEqual({ ok: true, reasons });
  });

  it.each<[string, Partial<ReadinessFacts>, string[]]>([
    ['clients wait for room', { full: 'spool_full', onFull: 'pause' }, ['spool_full']],
    ['clients are refused', { full: 'journal_full', onFull: 'refuse' }, ['journal_full']],
  ])('not ready in a pod: %s', (_what, more, reasons) => {
    expect(readiness({ ...well, ...more })).toEqual({ ok: false, reasons });
  });

  it.each<[string, Partial<ReadinessFacts>, string[]]>([
    ['the vault refuses a reel', { isRefused: true }, ['vault_refuses']],
    ['the evidence worker is down', { isWorkerRunning: false }, ['worker_down']],
    ['the evidence worker is behind', { isBacklogged: true }, ['backlog']],
    ["the spool is another recorder's", { isSpoolLost: true }, ['spool_lost']],
  ])('not ready outside of a pod, where it stands for nobody else: %s', (_what, more, reasons) => {
    expect(readiness({ ...well, isInPod: false, ...more })).toEqual({ ok: false, reasons });
  });
});
