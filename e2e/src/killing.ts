/** Kills processes of a stack with kill -9, at random, and starts them again; tells how far it is. */
import { createHash, randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { tell } from './probes.ts';
import type { Stack } from './stack.ts';

export type Victim = 'recorder' | 'vault' | 'store';

/** What can be killed beside recorder and vault. */
export interface KillableStore {
  kill(): Promise<void>;
  start(): Promise<void>;
}

export interface KillPlan {
  readonly kills: number;
  readonly victims: readonly Victim[];
  readonly store?: KillableStore;
  /** Called whenever all of them run. */
  readonly onRunning?: () => Promise<void>;
  /** The same seed kills the same ones after the same pauses. */
  readonly seed?: string;
}

/** Between two lines of progress. */
const tellEvery = 25;
const startAttempts = 20;

/** @returns how often each was killed */
export async function killAtRandom(stack: Stack, plan: KillPlan): Promise<Record<Victim, number>> {
  const { kills, victims, seed = String(randomInt(2 ** 31)) } = plan;
  const counts: Record<Victim, number> = { recorder: 0, vault: 0, store: 0 };
  let draws = 0;
  const draw = (below: number): number => {
    draws += 1;
    return createHash('sha256').update(`${seed} ${draws}`).digest().readUInt32BE(0) % below;
  };
  const began = performance.now();
  tell(`seed ${seed}: ${kills} kills of ${victims.join(', ')}`);
  for (let done = 0; done < kills; ) {
    await sleep(50 + draw(900));
    const dying = victims.filter(() => draw(victims.length) === 0).slice(0, kills - done);
    if (dying.length === 0) dying.push(victims[draw(victims.length)]!);
    if (draw(2) === 0) dying.reverse();
    for (const victim of dying) {
      await kill(stack, plan, victim);
      counts[victim] += 1;
      done += 1;
      await sleep(draw(3) * 40);
    }
    await sleep(draw(400));
    // The vault does not start without its store.
    const others: readonly Victim[] = draw(2) === 0 ? ['vault', 'recorder'] : ['recorder', 'vault'];
    for (const victim of ['store' as const, ...others]) {
      if (dying.includes(victim)) await startAgain(stack, plan, victim);
    }
    await plan.onRunning?.();
    if (Math.floor(done / tellEvery) > Math.floor((done - dying.length) / tellEvery)) {
      tell(`${done} of ${kills} kills after ${Math.round((performance.now() - began) / 1000)} s`);
    }
  }
  return counts;
}

async function kill(stack: Stack, plan: KillPlan, victim: Victim): Promise<void> {
  if (victim === 'store') await plan.store?.kill();
  else await stack[victim].stop(0);
}

/** A start that comes too soon after a death is tried again, as whoever runs these processes would. */
async function startAgain(stack: Stack, plan: KillPlan, victim: Victim): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      if (victim === 'store') await plan.store?.start();
      else if (victim === 'vault') stack.vault = await stack.startVault();
      else stack.recorder = await stack.startRecorder();
      return;
    } catch (error) {
      if (attempt === startAttempts) throw error;
      await sleep(100);
    }
  }
}
