/** What `pgtape recorder` loads of its package, by name: a bundler cannot tell what is used of a package that is imported later. */
export {
  podConfigText,
  RECORDER_ENV_PREFIX,
  RecorderConfig,
  RecorderError,
  startRecorder,
  startRecorderInPod,
} from '@pgtape/recorder';
