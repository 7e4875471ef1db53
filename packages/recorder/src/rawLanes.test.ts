import { isLane, isLocal, RawLanes } from './rawLanes.ts';

describe('rawLanes', () => {
  it.each([
    { text: '10.1.2.0/24', want: true },
    { text: '10.1.2.3', want: true },
    { text: 'fd00::/8', want: true },
    { text: '0.0.0.0/0', want: true },
    { text: '10.1.2.0/33', want: false },
    { text: 'fd00::/129', want: false },
    { text: '10.1.2/24', want: false },
    { text: '10.1.2.0/', want: false },
    { text: '10.1.2.0/-1', want: false },
    { text: '10.1.2.0/8/8', want: false },
    { text: 'db.test', want: false },
    { text: '', want: false },
  ])('$text is a lane: $want', ({ text, want }) => {
    expect(isLane(text)).toBe(want);
  });

  it.each([
    { address: '10.1.2.77', want: true },
    { address: '::ffff:10.1.2.77', want: true },
    { address: '10.1.3.1', want: false },
    { address: 'fd00::1', want: true },
    { address: 'fe80::1', want: false },
    { address: undefined, want: false },
    { address: 'nonsense', want: false },
  ])('$address is in one of them: $want', ({ address, want }) => {
    expect(new RawLanes(['10.1.2.0/24', 'fd00::/8']).has(address)).toBe(want);
    expect(new RawLanes([]).has(address)).toBe(false);
  });

  it.each([
    { host: '/var/run/postgresql', want: true },
    { host: 'localhost', want: true },
    { host: 'db.localhost', want: true },
    { host: '127.0.0.2', want: true },
    { host: '::1', want: true },
    { host: '0.0.0.0', want: true },
    { host: '::ffff:127.0.0.1', want: true },
    { host: '10.0.0.1', want: false },
    { host: 'db.test', want: false },
  ])('$host is local: $want', ({ host, want }) => {
    expect(isLocal(host)).toBe(want);
  });
});
