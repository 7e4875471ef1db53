/** jest's global setup of the tests on a whole Kubernetes node. */
export { startSharedCluster as default } from '../e2e/dist/kubernetes/sharedCluster.js';
