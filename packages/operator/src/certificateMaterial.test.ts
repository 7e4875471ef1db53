import { X509Certificate } from 'node:crypto';
import { createServer, request } from 'node:https';
import type { AddressInfo } from 'node:net';
import { bundleOf, type CertificateMaterial, renewed, secondsLeft } from './certificateMaterial.ts';

const names = ['pgtape-webhook.pgtape.svc', 'pgtape-webhook.pgtape.svc.cluster.local', '127.0.0.1'];
const day = 24 * 3600 * 1000;
const start = Date.UTC(2026, 10, 27);
const plan = (nowMs: number, isBundlePublished = true) => ({
  authority: 'pgtape webhook authority',
  names,
  nowMs,
  isBundlePublished,
});

/** Whether a caller who knows `ca` alone takes what is served. */
async function isTaken(served: CertificateMaterial, ca: string): Promise<boolean> {
  const server = createServer({ cert: served.cert, key: served.key }, (_, response) => response.end('{}'));
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const { port } = server.address() as AddressInfo;
  const isFine = await new Promise<boolean>((resolve) => {
    const sent = request({ host: '127.0.0.1', port, ca, servername: names[0] }, (answer) => {
      answer.resume();
      resolve(true);
    });
    sent.once('error', () => resolve(false));
    sent.end();
  });
  server.closeAllConnections();
  await new Promise((closed) => server.close(closed));
  return isFine;
}

describe('renewed', () => {
  it('makes an authority and a certificate that a TLS client takes for every name', async () => {
    const now = Date.now();
    const material = await renewed(null, plan(now));
    const certificate = new X509Certificate(material.cert);
    expect(names.map((name) => certificate.checkHost(name) ?? certificate.checkIP(name))).toEqual(names);
    expect(await isTaken(material, bundleOf(material))).toBe(true);
    expect(await isTaken(material, bundleOf(await renewed(null, plan(now))))).toBe(false);
    expect(Math.ceil(secondsLeft(material, now) / 3600)).toBe(30 * 24);
    const [authority] = material.authorities.map((pem) => new X509Certificate(pem));
    expect({ ca: authority?.ca, serving: certificate.ca }).toEqual({ ca: true, serving: false });
  });

  it('leaves alone what is not due', async () => {
    const material = await renewed(null, plan(start));
    expect(await renewed(material, plan(start + 19 * day))).toBe(material);
  });

  it('replaces the serving certificate after two thirds of its time, by the same authority', async () => {
    const material = await renewed(null, plan(start));
    const later = await renewed(material, plan(start + 21 * day));
    expect({ ...later, cert: '', key: '' }).toEqual({ ...material, cert: '', key: '' });
    expect(later.cert).not.toBe(material.cert);
    expect(secondsLeft(later, start + 21 * day)).toBe(30 * 24 * 3600);
  });

  it('replaces the authority in three steps, and nobody who knows a published bundle is ever refused', async () => {
    let material = await renewed(null, plan(start));
    let published = bundleOf(material);
    const steps: string[] = [];
    for (let at = 0; at <= 800; at += 5) {
      const now = start + at * day;
      // The operator publishes what it wrote before; twice as slowly as it writes.
      if (at % 10 === 0) published = bundleOf(material);
      const next = await renewed(material, {
        ...plan(now),
        isBundlePublished: published === bundleOf(material),
      });
      if (next.authorities.length !== material.authorities.length)
        steps.push(`day ${at}: ${next.authorities.length} authorities`);
      material = next;
      const served = new X509Certificate(material.cert);
      const known = published.match(/-----BEGIN[^-]+-----[^-]+-----END[^-]+-----/g) ?? [];
      expect(known.some((pem) => served.verify(new X509Certificate(pem).publicKey))).toBe(true);
      expect(served.validToDate.getTime()).toBeGreaterThan(now);
    }
    expect(steps).toEqual([
      'day 245: 2 authorities',
      'day 365: 1 authorities',
      'day 490: 2 authorities',
      'day 610: 1 authorities',
      'day 735: 2 authorities',
    ]);
  });

  it.each<[string, (material: CertificateMaterial) => CertificateMaterial]>([
    ['a serving key of something else', (material) => ({ ...material, key: material.authorityKey })],
    ['no certificate', (material) => ({ ...material, cert: 'gone' })],
    ['an authority’s key of something else', (material) => ({ ...material, authorityKey: material.key })],
    ['no authority', (material) => ({ ...material, authorities: [] })],
  ])('mends a Secret with %s', async (_, broken) => {
    const now = Date.now();
    const mended = await renewed(broken(await renewed(null, plan(now))), plan(now));
    expect(await isTaken(mended, bundleOf(mended))).toBe(true);
    expect(await renewed(mended, plan(now))).toBe(mended);
  });

  it('never lets what is served end, whoever has not heard of the new authority', async () => {
    let material = await renewed(null, plan(start));
    const step = (now: number): number => (secondsLeft(material, now) > 2 * 86_400 ? day : day / 288);
    for (let now = start; now < start + 300 * day; now += step(now)) {
      material = await renewed(material, plan(now, false));
      expect(secondsLeft(material, now)).toBeGreaterThan(60);
    }
    expect(material.authorities).toHaveLength(2);
  });

  it('makes a new certificate for new names', async () => {
    const now = Date.now();
    const material = await renewed(null, { ...plan(now), names: ['old.svc'] });
    const mended = await renewed(material, plan(now));
    expect(mended.authorities).toEqual(material.authorities);
    expect(new X509Certificate(mended.cert).checkHost(names[0] as string)).toBe(names[0]);
  });
});
