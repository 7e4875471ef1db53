/** For tests: a recorder in a process of its own, so that it can be killed. Its configuration is the first argument; it prints its port. */
import { RecorderConfig } from './config.ts';
import { startRecorder } from './startRecorder.ts';

const log = {
  info: () => {},
  warn: (fields: object, message: string) => process.stderr.write(`${JSON.stringify(fields)} ${message}\n`),
};
const config = RecorderConfig.parse(JSON.parse(process.argv[2] ?? '{}'));
try {
  const recorder = await startRecorder(config, { log });
  process.stdout.write(`${recorder.listen.port}\n`);
} catch (error) {
  process.stderr.write(`${String(error)}\n`);
  process.exit(1);
}
