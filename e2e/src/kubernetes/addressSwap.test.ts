import { installPgtape } from './release.ts';
import { sharedCluster } from './sharedCluster.ts';
import { wholeCapture } from './wholeCapture.ts';

const cluster = sharedCluster();

beforeAll(async () => {
  await installPgtape(cluster);
}, 600_000);

describe('AddressSwap', () => wholeCapture(cluster, 'swap', 'AddressSwap'));
