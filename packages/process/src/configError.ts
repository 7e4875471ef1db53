/** What is wrong with a configuration, for the person who wrote it. */

export interface ConfigProblem {
  /**
   * `recorder.yaml:3:9`, `environment PGTAPE_RECORDER_UPSTREAM_PORT`, `flag upstream.port`, or
   * `configuration`.
   */
  readonly where: string;
  /** Key path, `upstream.port`; '' for the whole. */
  readonly key: string;
  /** What was expected and what was given. Values of keys that name secrets are not shown. */
  readonly problem: string;
}

/**
 * The configuration cannot be used; whoever wrote it must act. All problems at once, one per line of
 * `message`.
 */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly code = 'CONFIG_INVALID';
  readonly problems: readonly ConfigProblem[];

  constructor(problems: readonly ConfigProblem[]) {
    const lines = problems.map(
      ({ where, key, problem }) => `  ${where}  ${key === '' ? '' : `${key}: `}${problem}`,
    );
    const count = problems.length === 1 ? '1 problem' : `${problems.length} problems`;
    super(`the configuration has ${count}\n${lines.join('\n')}`);
    this.problems = problems;
  }
}
