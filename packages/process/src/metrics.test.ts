import { Metrics } from './metrics.ts';

describe('Metrics', () => {
  it('writes what it was told, prefixed once', async () => {
    const metrics = new Metrics();
    const bytes = metrics.counter('bytes_total', 'Bytes.', ['side']);
    bytes.inc({ side: 'client' }, 3);
    bytes.inc({ side: 'client' });
    let open = 1;
    metrics.gauge('pgtape_open', 'Open.', [], () => open);
    metrics.gauge('set', 'Set.', ['a']).set({ a: 'b' }, 7);
    metrics.histogram('put_seconds', 'Put.', [0.1, 1]).observe(0.5);
    open = 2;
    expect((await metrics.text()).split('\n').filter((line) => line !== '' && !line.startsWith('#'))).toEqual(
      [
        'pgtape_bytes_total{side="client"} 4',
        'pgtape_open 2',
        'pgtape_set{a="b"} 7',
        'pgtape_put_seconds_bucket{le="0.1"} 0',
        'pgtape_put_seconds_bucket{le="1"} 1',
        'pgtape_put_seconds_bucket{le="+Inf"} 1',
        'pgtape_put_seconds_sum 0.5',
        'pgtape_put_seconds_count 1',
      ],
    );
    expect(metrics.contentType).toContain('text/plain');
  });

  it('counts from 0 on by what is known, and keeps what is known no more', async () => {
    const metrics = new Metrics();
    let known = ['a', 'b'];
    const passed = metrics.counterBy('passed_total', 'Passed.', 'by', () => known);
    const lines = async () => (await metrics.text()).split('\n').filter((line) => /^pgtape/.test(line));
    expect(await lines()).toEqual(['pgtape_passed_total{by="a"} 0', 'pgtape_passed_total{by="b"} 0']);
    passed.inc({ by: 'b' }, 2);
    known = ['a'];
    expect(await lines()).toEqual(['pgtape_passed_total{by="a"} 0', 'pgtape_passed_total{by="b"} 2']);
  });

  it('shares nothing with another', async () => {
    new Metrics().counter('a_total', 'A.');
    const other = new Metrics();
    other.counter('a_total', 'A.');
    expect(await other.text()).toContain('pgtape_a_total 0');
  });
});
