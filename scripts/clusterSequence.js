import { createRequire } from 'node:module';

const Sequencer = createRequire(import.meta.url)('@jest/test-sequencer').default;

/** The quickstart first: it installs and uninstalls what the others share. Then by name, whatever failed or took long before. */
export default class ClusterSequence extends Sequencer {
  sort(tests) {
    const rank = ({ path }) => `${path.endsWith('/walkthrough.test.js') ? 0 : 1}${path}`;
    return [...tests].sort((one, other) => (rank(one) < rank(other) ? -1 : 1));
  }
}
