/** Which row of the table stands for the message at the queue's head. Knows kinds of messages only. */
import type { SessionState } from './sessionState.ts';
import { tokenKind } from './tokenQueue.ts';
import { type Head, headNumber } from './transitions.ts';

const headOfKind: Uint8Array = new Uint8Array(16);
const rows: Record<keyof typeof tokenKind, Head> = {
  query: 'query',
  function: 'function',
  parse: 'parse',
  bind: 'bind',
  describeStatement: 'describeStatement',
  describePortal: 'describePortal',
  execute: 'execute',
  closeStatement: 'close',
  closePortal: 'close',
  sync: 'sync',
  refused: 'flush',
  copyEnd: 'idle',
};
for (const [kind, row] of Object.entries(rows)) {
  headOfKind[tokenKind[kind as keyof typeof tokenKind]] = headNumber[row];
}

/** Sets the row anew after the head changed; a CopyDone at the head is done with. */
export function settleHead(state: SessionState): void {
  const { queue } = state;
  while (queue.size > 0 && queue.at(0).kind === tokenKind.copyEnd) queue.pop();
  if (queue.size === 0) {
    state.head = headNumber.idle;
    return;
  }
  const token = queue.at(0);
  if (token.kind === tokenKind.sync && state.slack > 0) state.head = headNumber.settling;
  else if (token.kind === tokenKind.query && token.replication) state.head = headNumber.replication;
  else state.head = headOfKind[token.kind]!;
}

/** Takes the head away and lets go of what it held. */
export function popHead(state: SessionState): void {
  const { queue } = state;
  queue.release(queue.pop());
  settleHead(state);
}
