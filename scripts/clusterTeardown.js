/** jest's global teardown of the tests on a whole Kubernetes node. */
export { stopSharedCluster as default } from '../e2e/dist/kubernetes/sharedCluster.js';
