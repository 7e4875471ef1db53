/** `pgtape demo`: plays the story of three people through the recorder that `pgtape up` started. */
import { randomBytes } from 'node:crypto';
import { resolve } from 'node:path';
import { Command } from 'commander';
import type pg from 'pg';
import { type DemoStep, demoRoles, demoStory, preparation } from './demoScript.ts';
import { CommandError, exitCode } from './exitCode.ts';
import type { Io } from './io.ts';
import type { Paint } from './paint.ts';
import { paintOf } from './readOptions.ts';
import { fit, wrapped } from './table.ts';
import { upLayout } from './upLayout.ts';
import { upHolder } from './upLock.ts';

const people = {
  dba: { role: 'ada_dba', application: 'psql (Ada)' },
  analyst: { role: 'grace_analyst', application: 'metabase (Grace)' },
  app: { role: 'shop_app', application: 'shop-backend' },
} as const;

const help = `
Examples:
  $ ./pgtape demo
  $ ./pgtape demo --url postgres://postgres:secret@127.0.0.1:5433/postgres

It makes a schema 'shop' and three roles in the database, and needs a superuser's connection to do so.
`;

function connectionOfUp(io: Io, dir: string): string {
  const holder = upHolder(upLayout(resolve(io.cwd, dir)).lockFile);
  if (holder === null) {
    throw new CommandError('NOT_UP', 'there is no running pgtape up in this directory', {
      exit: exitCode.environment,
      advice:
        "Start it with './pgtape up' in another terminal, or name a server: ./pgtape demo --url postgres://...",
    });
  }
  if (holder.connection === null) {
    throw new CommandError('NOT_UP_YET', `pgtape up (pid ${holder.pid}) is still starting`, {
      exit: exitCode.environment,
      advice: 'Try again when it has printed its connection string.',
    });
  }
  return holder.connection;
}

async function connect(
  url: string,
  change: { user?: string; password?: string; application: string },
): Promise<pg.Client> {
  const { default: driver } = await import('pg');
  const target = new URL(url);
  const client = new driver.Client({
    host: target.hostname,
    port: Number(target.port || 5432),
    database: target.pathname.slice(1) || 'postgres',
    user: change.user ?? decodeURIComponent(target.username),
    password: change.password ?? decodeURIComponent(target.password),
    application_name: change.application,
    connectionTimeoutMillis: 10_000,
  });
  client.on('error', () => {});
  try {
    await client.connect();
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new CommandError('CANNOT_CONNECT', `cannot connect to ${target.hostname}:${target.port}: ${why}`, {
      exit: exitCode.environment,
      cause,
    });
  }
  return client;
}

/** What came of a step: a tag and a count, or an SQLSTATE and its message. */
interface Outcome {
  readonly what: string;
  readonly message: string | null;
}

async function play(client: pg.Client, step: DemoStep): Promise<Outcome> {
  const query = {
    text: step.sql,
    ...(step.params === undefined ? {} : { values: [...step.params] }),
    ...(step.prepared === undefined ? {} : { name: step.prepared }),
  };
  try {
    const results = [await client.query(query)].flat();
    const last = results.at(-1);
    return { what: `${last?.command ?? ''} ${last?.rowCount ?? ''}`.trim(), message: null };
  } catch (error) {
    if (step.fails === undefined || (error as { code?: string }).code !== step.fails) throw error;
    return { what: step.fails, message: (error as Error).message };
  }
}

function tell(io: Io, paint: Paint, step: DemoStep, { what, message }: Outcome): void {
  if (step.says !== '') io.out.write(`\n  ${paint.dim(step.says)}\n`);
  const mark = message === null ? paint.green('✓') : paint.red('✗');
  const head = `${people[step.who].role.padEnd(13)}  ${what.padEnd(10)}  `;
  const sql = step.sql.replaceAll(/\s+/g, ' ');
  const shown = io.out.isTTY ? fit(sql, Math.max(20, io.out.columns - 4 - head.length)) : sql;
  io.out.write(`  ${mark} ${head}${shown}\n`);
  if (message === null) return;
  const indent = 4 + head.length;
  const text = wrapped(message, io.out.isTTY ? io.out.columns - indent : Number.POSITIVE_INFINITY, 0);
  io.out.write(text.replaceAll(/^/gm, ' '.repeat(indent)).replaceAll(/\S.*/g, (line) => paint.red(line)));
  io.out.write('\n');
}

async function demo(io: Io, url: string, paint: Paint): Promise<void> {
  const passwords = Object.fromEntries(
    demoRoles.map((role) => [role, randomBytes(9).toString('base64url')]),
  ) as Record<(typeof demoRoles)[number], string>;
  const admin = await connect(url, { application: 'pgtape demo' });
  try {
    for (const sql of preparation(passwords)) await admin.query(sql);
  } finally {
    await admin.end();
  }
  const clients = new Map<DemoStep['who'], pg.Client>();
  try {
    for (const step of demoStory) {
      const { role, application } = people[step.who];
      const client =
        clients.get(step.who) ?? (await connect(url, { user: role, password: passwords[role], application }));
      clients.set(step.who, client);
      tell(io, paint, step, await play(client, step));
    }
  } finally {
    for (const client of clients.values()) await client.end();
  }
  const next = ['./pgtape sessions', './pgtape play last', "./pgtape search 'shop.orders'"];
  io.out.write('\n  All of it is on tape, sealed within two seconds:\n');
  for (const command of next) io.out.write(`    ${paint.cyan(command)}\n`);
}

/** Builds the command. */
export function demoCommand(io: Io): Command {
  return new Command('demo')
    .description('a scripted session of three people through the recorder of pgtape up')
    .option('--dir <directory>', 'directory of the pgtape up to use', '.pgtape')
    .option('--url <url>', "a superuser's connection through some other recorder")
    .addHelpText('after', help)
    .action(async (flags: { dir: string; url?: string }, command: Command) => {
      const paint = paintOf(io, command);
      await demo(io, flags.url ?? connectionOfUp(io, flags.dir), paint);
    });
}
