import { VaultTarget, type VaultWay } from './vaultTarget.ts';

describe('VaultTarget', () => {
  it('sends to the vault of the newest configuration, and leaves the one before', async () => {
    const closed: string[] = [];
    const asked: string[] = [];
    const open = ({ url }: { readonly url: string }): VaultWay => ({
      unary: () => {
        asked.push(url);
        return Promise.resolve({ code: 0, message: '', reply: new Uint8Array(0) });
      },
      close: () => {
        closed.push(url);
        return Promise.resolve();
      },
    });
    const target = new VaultTarget({ url: 'http://one', timeoutMs: 1 }, open, () => '');
    const send = () => target.unary('', new Uint8Array(0), { encoding: 'identity', timeoutMs: 1 });
    await send();
    target.configure({ url: 'http://two', timeoutMs: 2 });
    await send();
    expect({ asked, closed, timeoutMs: target.timeoutMs }).toEqual({
      asked: ['http://one', 'http://two'],
      closed: ['http://one'],
      timeoutMs: 2,
    });
  });
});
