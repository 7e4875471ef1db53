import { FakeIo, FakeOutput } from './fakeIo.testing.ts';
import { paintFor } from './paint.ts';
import { Progress } from './progress.ts';

function start(columns?: number): { progress: Progress; output: FakeOutput; pass(ms: number): void } {
  const output = new FakeOutput(columns);
  const io = new FakeIo({ env: { NO_COLOR: '1' } });
  let now = 0;
  return {
    output,
    progress: new Progress(output, paintFor(io, output, true), () => now),
    pass(ms) {
      now += ms;
    },
  };
}
const erase = '\r\u001b[K';

describe('progress', () => {
  it('is one line for each step where nobody looks', () => {
    const { progress, output, pass } = start();
    progress.step('first');
    progress.draw();
    pass(1234);
    progress.step('second');
    pass(50);
    progress.fail();
    progress.done();
    expect(output.text).toBe('  ✓ first 1.2 s\n  ✗ second 0.1 s\n');
  });

  it('moves on a terminal and leaves one line', () => {
    const { progress, output, pass } = start(80);
    progress.step('first');
    progress.draw();
    pass(2000);
    progress.done();
    expect(output.text).toBe(`${erase}  ⠋ first${erase}  ⠙ first${erase}  ✓ first 2.0 s\n`);
  });

  it('cuts what would wrap, for it could not be erased', () => {
    const { progress, output } = start(20);
    progress.step('x'.repeat(40));
    expect(output.text).toBe(`${erase}  ⠋ ${'x'.repeat(14)}…`);
    progress.clear();
  });

  it('shows passing work only while it lasts, and nothing where nobody looks', () => {
    const { progress, output } = start(80);
    progress.passing('segment 1');
    expect(output.text).toBe('');
    progress.draw();
    progress.passing('segment 2');
    progress.draw();
    progress.clear();
    progress.clear();
    expect(output.text).toBe(`${erase}  ⠋ segment 1${erase}  ⠙ segment 2${erase}`);
    const pipe = start();
    pipe.progress.passing('segment 1');
    pipe.progress.draw();
    pipe.progress.clear();
    expect(pipe.output.text).toBe('');
  });
});
