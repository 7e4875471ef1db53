export { type ChunkedHop, type ChunkedHopOptions, startChunkedHop } from './chunkedHop.ts';
export {
  type EmbeddedPostgres,
  type EmbeddedPostgresOptions,
  startEmbeddedPostgres,
} from './embeddedPostgres.ts';
export { EmbeddedPostgresError } from './embeddedPostgresError.ts';
export { freePort } from './freePort.ts';
export {
  hydrateLinks,
  isReachableByAll,
  nobodyOf,
  type PostgresHome,
  type PostgresRuntime,
  preparePostgresHome,
} from './postgresHome.ts';
export { message, RawClient, type RawConnection, type RawFrame } from './rawClient.ts';
export {
  type CertificateRequest,
  makeCertificate,
  makeRevocationList,
  type TestCertificate,
} from './testCertificate.ts';
export { startTestPostgres, testPostgresMajor, untilActive } from './testPostgres.ts';
export { testSeed } from './testSeed.ts';
export { startWitness, type TestWitness, type WitnessOptions } from './witness.ts';
