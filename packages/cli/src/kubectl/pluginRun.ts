/** Runs a command line of the tree of `kubectl pgtape`, and lets go what it reached. */
import { ended, parsed } from '../commandLine.ts';
import { type Io, put } from '../io.ts';
import { buildPlugin } from './plugin.ts';
import { completionAnswer } from './pluginCompletion.ts';

/** @param name how it was called. Rejects as `parsed` does */
export async function parsedPlugin(io: Io, name: string, args: readonly string[]): Promise<void> {
  const { tree, close } = buildPlugin(io, name);
  try {
    await parsed(io, tree, args);
  } finally {
    await close();
  }
}

/** Answers kubectl's own completion. */
export async function completePlugin(words: readonly string[], io: Io): Promise<void> {
  await put(io.out, completionAnswer(buildPlugin(io, 'kubectl pgtape').tree, words));
}

/** Sets the exit code and never throws. */
export async function runPlugin(args: readonly string[], io: Io): Promise<void> {
  await ended(io, args, parsedPlugin(io, 'kubectl pgtape', args));
}
