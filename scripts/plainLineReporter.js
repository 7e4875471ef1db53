/** Ends a run with the plain line `N passed, N failed`; a suite that could not even load counts as one failure. */
export default class PlainLineReporter {
  onRunComplete(_contexts, results) {
    const failed = results.numFailedTests + results.numRuntimeErrorTestSuites;
    const skipped = results.numPendingTests + results.numTodoTests;
    const line = `${results.numPassedTests} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}\n`;
    // jest's own summary comes after this call; the plain line must be the last.
    process.once('exit', () => process.stdout.write(line));
  }
}
