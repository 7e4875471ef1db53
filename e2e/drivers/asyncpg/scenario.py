"""What asyncpg sees of a server, step by step, as JSON lines."""
import asyncio
import hashlib

import asyncpg

from session import connected, say, state_of, until_running
from typed import types


async def connect():
    conn = await connected()
    row = await conn.fetchrow(
        "SELECT current_user, current_database(), ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
    )
    say("connect", row=row)
    say("connect", wrong_password=await state_of(connected(password="not the password")))
    return conn


async def prepare(conn):
    statement = await conn.prepare("SELECT $1::int AS id, $2::text AS name")
    say("prepare", types=[one.name for one in statement.get_parameters()])
    for values in ((1, "eins"), (2, "zwei ä 漢字 🐘"), (3, None), (4, "")):
        say("prepare", row=await statement.fetchrow(*values))
    say("prepare", bad_text=await state_of(conn.prepare("SELEC $1")))
    say("prepare", bad_value=await state_of(conn.fetchval("SELECT 10 / $1::int", 0)))
    say("prepare", again=await statement.fetchrow(5, "again"))
    # The driver's own cache of statements: the same text is not parsed twice.
    say("prepare", cached=[await conn.fetchval("SELECT $1::int8 * 2", value) for value in (1, 2**40)])


async def batch(conn):
    await conn.execute("CREATE TABLE batched (id int PRIMARY KEY, name text)")
    await conn.executemany("INSERT INTO batched VALUES ($1, $2)", [(row, f"zeile {row} ß") for row in range(50)])
    twice = [(100, None), (101, ""), (1, "twice"), (102, "never")]
    say("batch", fails=await state_of(conn.executemany("INSERT INTO batched VALUES ($1, $2)", twice)))
    say("batch", rows=await conn.fetchval("SELECT count(*) FROM batched"))
    given = [(value,) for value in range(4)]
    say("batch", fetchmany=await conn.fetchmany("SELECT $1::int * 10", given))
    say("batch", script=await conn.execute("SELECT 1; SELECT 2 WHERE false; SELECT 3"))
    say("batch", script_fails=await state_of(conn.execute("SELECT 1; SELECT 1/0; SELECT 2")))
    say("batch", empty_prepared=await conn.fetch(""))


async def cursor(conn):
    async with conn.transaction():
        seen = [row[0] async for row in conn.cursor("SELECT generate_series(1, $1)", 8, prefetch=3)]
        say("cursor", portal=seen)
        walk = await conn.cursor("SELECT generate_series(1, 100) AS i")
        say("cursor", fetched=[await walk.fetch(4), await walk.forward(10), await walk.fetchrow()])
        many = [row[0] async for row in conn.cursor("SELECT generate_series(1, 500)", prefetch=60)]
        say("cursor", stream=[len(many), sum(many)])


async def copy(conn):
    await conn.execute("CREATE TABLE copied (id int PRIMARY KEY, name text)")
    records = [(row, f"zeile {row} ä 漢字 🐘") for row in range(400)]
    say("copy_in", records=await conn.copy_records_to_table("copied", records=records))

    async def source(pieces):
        for piece in pieces:
            yield piece

    text = (f"{row}\tzeile {row}\n".encode() for row in range(1000, 1200))
    say("copy_in", text=await conn.copy_to_table("copied", source=source(text)))
    say("copy_in", bad_row=await state_of(conn.copy_to_table("copied", source=source([b"2000\tfine\n", b"x\ty\n"]))))

    async def gives_up():
        yield b"3000\tgiven up\n"
        raise ValueError("given up")

    try:
        await conn.copy_to_table("copied", source=gives_up())
    except ValueError as error:
        say("copy_in", given_up=str(error))
    digest = hashlib.sha256()

    async def sink(piece):
        digest.update(piece)

    out = await conn.copy_from_query("SELECT * FROM copied ORDER BY id", output=sink)
    say("copy_out", tag=out, sha256=digest.hexdigest())
    digest = hashlib.sha256()
    out = await conn.copy_from_query("SELECT $1::int4, NULL::text", 5, output=sink, format="binary")
    say("copy_out", tag=out, sha256=digest.hexdigest())


async def cancel(conn):
    observer = await connected()
    sleeping = asyncio.ensure_future(conn.execute("SELECT pg_sleep(600)"))
    await until_running(observer, "SELECT pg_sleep(600)")
    sleeping.cancel()
    try:
        await sleeping
    except asyncio.CancelledError:
        say("cancel", running="cancelled")
    say("cancel", after=await conn.fetchval("SELECT 1"))
    try:
        await conn.fetchval("SELECT pg_sleep($1)", 600, timeout=0.3)
    except asyncio.TimeoutError:
        say("cancel", timeout=True)
    say("cancel", after=await conn.fetchval("SELECT $1::text", "still here"))
    await observer.close()


async def notify(conn):
    ears = await connected()
    heard = asyncio.Queue()
    await ears.add_listener("Kanal ä", lambda _, __, channel, payload: heard.put_nowait([channel, payload]))
    await conn.execute("NOTIFY \"Kanal ä\", 'grüße 🐘'")
    await conn.execute("SELECT pg_notify($1, $2)", "Kanal ä", "")
    await ears.execute("NOTIFY \"Kanal ä\", 'to myself'")
    say("notify", heard=sorted([await asyncio.wait_for(heard.get(), 20) for _ in range(3)]))
    await ears.close()


async def large_object(conn):
    content = bytes((at * 7) % 256 for at in range(5000))
    oid = await conn.fetchval("SELECT lo_from_bytea(0, $1)", content)
    await conn.execute("SELECT lo_put($1, 4990, $2)", oid, b"the end of it")
    read = await conn.fetchval("SELECT lo_get($1)", oid)
    say("large_object", length=len(read), sha256=hashlib.sha256(read).hexdigest())
    async with conn.transaction():
        await conn.execute("SELECT lo_open($1, 262144)", oid)
        await conn.execute("SELECT lo_lseek(0, 100, 0)")
        say("large_object", piece=await conn.fetchval("SELECT loread(0, $1)", 8))
    await conn.execute("SELECT lo_unlink($1)", oid)
    say("large_object", gone=await state_of(conn.fetchval("SELECT lo_get($1)", oid)))


async def transaction_error(conn):
    await conn.execute("CREATE TABLE account (id int PRIMARY KEY, owner int REFERENCES account DEFERRABLE)")
    await conn.execute("CREATE TABLE late (id int REFERENCES account DEFERRABLE INITIALLY DEFERRED)")
    steps = (
        ("BEGIN",),
        ("INSERT INTO account VALUES ($1, NULL)", 1),
        ("SAVEPOINT here",),
        ("INSERT INTO account VALUES ($1, NULL)", 1),
        ("SELECT 1",),
        ("ROLLBACK TO here",),
        ("INSERT INTO account VALUES ($1, $2)", 2, 1),
        ("COMMIT",),
        ("BEGIN",),
        ("SELECT $1::int / 0", 1),
        ("SELECT $1::int", 1),
        ("COMMIT",),
        ("BEGIN",),
        ("SET CONSTRAINTS ALL DEFERRED",),
        ("INSERT INTO account VALUES ($1, $2)", 3, 99),
        ("COMMIT",),
        ("INSERT INTO late VALUES ($1)", 99),
    )
    say("transaction_error", seen=[await state_of(conn.execute(*step)) for step in steps])
    say("transaction_error", rows=await conn.fetch("SELECT * FROM account ORDER BY id"))
    async with conn.transaction():
        await conn.execute("INSERT INTO account VALUES (7, NULL)")
        try:
            async with conn.transaction():
                await conn.execute("INSERT INTO account VALUES (7, NULL)")
        except asyncpg.UniqueViolationError as error:
            await conn.execute("INSERT INTO account VALUES (8, NULL)")
            say("transaction_error", nested=error.constraint_name)
    notices = []
    conn.add_log_listener(lambda _, notice: notices.append([notice.severity, notice.sqlstate, notice.message]))
    await conn.execute("DO $$ BEGIN RAISE NOTICE 'sieh %', 'ünïcødé'; RAISE WARNING 'obacht'; END $$")
    await asyncio.sleep(0)
    say("transaction_error", notices=notices)


async def main():
    conn = await connect()
    for step in (prepare, batch, cursor, copy, cancel, notify, large_object, transaction_error, types):
        await step(conn)
    await conn.close()


asyncio.run(main())
