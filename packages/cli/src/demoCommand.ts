/** `pgtape demo`: plays the story of three people through the recorder that `pgtape up` started. */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { Command } from 'commander';
import pg from 'pg';
import { type DemoStep, demoRoles, demoStory, preparation } from './demoScript.ts';
import { CommandError, exitCode } from './exitCode.ts';
import type { Io } from './io.ts';
import { type Paint, paintFor } from './paint.ts';
import { upLayout } from './upLayout.ts';

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
  const { lockFile } = upLayout(resolve(io.cwd, dir));
  try {
    return (JSON.parse(readFileSync(lockFile, 'utf8')) as { connection: string }).connection;
  } catch (cause) {
    throw new CommandError('NOT_UP', 'there is no running pgtape up in this directory', {
      exit: exitCode.environment,
      advice:
        "Start it with './pgtape up' in another terminal, or name a server: ./pgtape demo --url postgres://...",
      cause,
    });
  }
}

async function connect(
  url: string,
  change: { user?: string; password?: string; application: string },
): Promise<pg.Client> {
  const target = new URL(url);
  const client = new pg.Client({
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

async function play(client: pg.Client, step: DemoStep): Promise<string> {
  const query = {
    text: step.sql,
    ...(step.params === undefined ? {} : { values: [...step.params] }),
    ...(step.prepared === undefined ? {} : { name: step.prepared }),
  };
  try {
    const results = [await client.query(query)].flat();
    const last = results.at(-1);
    return `${last?.command ?? ''} ${last?.rowCount ?? ''}`.trim();
  } catch (error) {
    if (step.fails === undefined || (error as { code?: string }).code !== step.fails) throw error;
    return `${(error as Error).message} (${step.fails})`;
  }
}

function tell(io: Io, paint: Paint, step: DemoStep, outcome: string): void {
  if (step.says !== '') io.out.write(`\n  ${paint.dim(step.says)}\n`);
  const text = step.sql.replaceAll(/\s+/g, ' ');
  const shown = text.length > 84 ? `${text.slice(0, 81)}...` : text;
  const mark = step.fails === undefined ? paint.green('✓') : paint.red('✗');
  io.out.write(`  ${mark} ${people[step.who].role.padEnd(13)} ${shown}  ${paint.dim(outcome)}\n`);
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
  io.out.write(
    `\n  All of it is on tape:\n    ${paint.cyan('./pgtape sessions')}\n    ${paint.cyan('./pgtape play last')}\n    ${paint.cyan("./pgtape search 'shop.orders'")}\n`,
  );
}

/** Builds the command. */
export function demoCommand(io: Io): Command {
  return new Command('demo')
    .description('a scripted session of three people through the recorder of pgtape up')
    .option('--dir <directory>', 'directory of the pgtape up to use', '.pgtape')
    .option('--url <url>', "a superuser's connection through some other recorder")
    .addHelpText('after', help)
    .action(async (flags: { dir: string; url?: string }, command: Command) => {
      const paint = paintFor(io, io.out, command.optsWithGlobals().color !== false);
      await demo(io, flags.url ?? connectionOfUp(io, flags.dir), paint);
    });
}
