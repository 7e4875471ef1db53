/** After a test file that failed on the shared cluster: what the cluster's logs say, in a folder that stays. */
export default class ClusterReporter {
  async onTestResult(test, { numFailingTests, testExecError }) {
    if (process.env.PGTAPE_E2E_NODE === undefined || (numFailingTests === 0 && !testExecError)) return;
    const { keepLogs } = await import('../e2e/dist/kubernetes/clusterLogs.js');
    process.stderr.write(`the cluster's logs: ${await keepLogs(test.path)}\n`);
  }
}
