const project = (displayName, testMatch, more = {}) => ({
  displayName,
  testMatch,
  // What scripts/image makes there comes and goes while tests run.
  modulePathIgnorePatterns: ['<rootDir>/dist/'],
  transform: {},
  testEnvironment: 'node',
  ...more,
});

export default {
  reporters: ['default', '<rootDir>/scripts/clusterReporter.js', '<rootDir>/scripts/plainLineReporter.js'],
  // For what never ends; a busy machine is not in a hurry. What is to be quick says so itself.
  testTimeout: 180_000,
  projects: [
    project('unit', ['<rootDir>/packages/*/dist/**/*.test.js']),
    project('e2e', ['<rootDir>/e2e/dist/*.test.js', '<rootDir>/e2e/dist/!(cluster|kubernetes)/**/*.test.js']),
    project('cluster', ['<rootDir>/e2e/dist/cluster/**/*.test.js']),
    project('kubernetes', ['<rootDir>/e2e/dist/kubernetes/**/*.test.js'], {
      globalSetup: '<rootDir>/scripts/clusterSetup.js',
      globalTeardown: '<rootDir>/scripts/clusterTeardown.js',
    }),
  ],
};
