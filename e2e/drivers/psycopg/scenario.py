"""What psycopg 3 sees of a server, step by step, as JSON lines."""
import hashlib
import threading
import time

import psycopg
from psycopg import errors, sql

from session import connected, running, say, state_of
from typed import types


def connect():
    conn = connected()
    row = conn.execute(
        "SELECT current_user, current_database(), ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
    ).fetchone()
    say("connect", row=row)
    say("connect", wrong_password=refused())
    return conn


def refused():
    try:
        connected(password="not the password").close()
    except psycopg.OperationalError as error:
        return "password authentication failed" in str(error)
    return None


def prepare(conn):
    text = "SELECT %s::int AS id, %s::text AS name"
    for values in ((1, "eins"), (2, "zwei ä 漢字 🐘"), (3, None), (4, "")):
        say("prepare", row=conn.execute(text, values, prepare=True).fetchone())
    say("prepare", bad_value=state_of(lambda: conn.execute(text, ("x", "y"), prepare=True)))
    say("prepare", bad_text=state_of(lambda: conn.execute("SELEC %s", (1,), prepare=True)))
    say("prepare", row=conn.execute(text, (5, "again"), prepare=True).fetchone())
    # Server-side binding without parameters, then the simple protocol through a client-side cursor.
    say("prepare", client_side=psycopg.ClientCursor(conn).execute("SELECT %s, %s", ("it's", None)).fetchone())


def batch(conn):
    with conn.pipeline():
        cursors = [conn.execute("SELECT %s::int + 1", (value,)) for value in range(5)]
    say("batch", pipeline=[cursor.fetchone()[0] for cursor in cursors])

    def failing():
        with conn.pipeline() as pipeline:
            first = conn.execute("SELECT %s::int", (1,))
            conn.execute("SELECT 10 / %s::int", (0,))
            conn.execute("SELECT %s::int", (2,))
            pipeline.sync()
            first.fetchone()

    say("batch", pipeline_fails=state_of(failing))
    cursor = conn.cursor()
    cursor.executemany("SELECT %s::text || '!'", [("a",), ("ß",), (None,)], returning=True)
    seen = [cursor.fetchall()]
    while cursor.nextset():
        seen.append(cursor.fetchall())
    say("batch", executemany=seen)
    many = conn.execute("SELECT 1 AS a; SELECT 2 AS b WHERE false; SELECT 3 AS c")
    seen = [[many.statusmessage, many.fetchall()]]
    while many.nextset():
        seen.append([many.statusmessage, many.fetchall()])
    say("batch", query=seen)
    say("batch", fails=state_of(lambda: conn.execute("SELECT 1; SELECT 1/0; SELECT 2")))
    say("batch", empty=conn.execute("").statusmessage)


def cursor(conn):
    with conn.transaction():
        with conn.cursor(name="walk") as named:
            named.itersize = 3
            named.execute("SELECT i FROM generate_series(1, %s) i", (8,))
            say("cursor", server_side=[i for (i,) in named])
        with conn.cursor(name="back", scrollable=True, withhold=False) as named:
            named.execute("SELECT i FROM generate_series(1, 10) i")
            some = named.fetchmany(4)
            named.scroll(-2)
            say("cursor", scrolled=[some, named.fetchmany(2)])
    streamed = [i for (i,) in conn.cursor().stream("SELECT i FROM generate_series(1, %s) i", (200,), size=60)]
    say("cursor", stream=[len(streamed), sum(streamed)])


def copy(conn):
    conn.execute("CREATE TABLE copied (id int PRIMARY KEY, name text)")
    with conn.cursor() as cur:
        with cur.copy("COPY copied FROM STDIN") as into:
            for row in range(400):
                into.write_row((row, f"zeile {row} ä 漢字 🐘"))
        say("copy_in", rows=cur.rowcount)
        with cur.copy("COPY copied FROM STDIN (FORMAT binary)") as into:
            into.set_types(["int4", "text"])
            for row in range(1000, 1010):
                into.write_row((row, None))
        say("copy_in", binary_rows=cur.rowcount)

        def bad_row():
            with cur.copy("COPY copied FROM STDIN") as into:
                into.write("x\ty\n")

        say("copy_in", bad_row=state_of(bad_row))

        def given_up():
            with cur.copy("COPY copied FROM STDIN") as into:
                into.write_row((600, "given up"))
                raise ValueError("given up")

        try:
            given_up()
        except ValueError as error:
            say("copy_in", given_up=str(error))
        digest = hashlib.sha256()
        with cur.copy("COPY (SELECT * FROM copied ORDER BY id) TO STDOUT") as out:
            for piece in out:
                digest.update(piece)
        say("copy_out", rows=cur.rowcount, sha256=digest.hexdigest())
        with cur.copy("COPY (SELECT 1::int4, NULL::text) TO STDOUT (FORMAT binary)") as out:
            out.set_types(["int4", "text"])
            say("copy_out", binary=list(out.rows()))


def cancel(conn):
    with connected() as observer:
        def canceller():
            while not running(observer, "SELECT pg_sleep(600)"):
                time.sleep(0.02)
            conn.cancel_safe()

        thread = threading.Thread(target=canceller)
        thread.start()
        say("cancel", running=state_of(lambda: conn.execute("SELECT pg_sleep(600)")))
        thread.join()
    say("cancel", after=conn.execute("SELECT 1").fetchone())


def notify(conn):
    with connected() as ears:
        ears.execute(sql.SQL("LISTEN {}").format(sql.Identifier("Kanal ä")))
        conn.execute("NOTIFY \"Kanal ä\", 'grüße 🐘'")
        conn.execute("SELECT pg_notify(%s, %s)", ("Kanal ä", ""))
        heard = [[one.channel, one.payload] for one in ears.notifies(stop_after=2, timeout=20)]
        ears.execute("NOTIFY \"Kanal ä\", 'to myself'")
        heard += [[one.channel, one.payload] for one in ears.notifies(stop_after=1, timeout=20)]
        say("notify", heard=sorted(heard))


def large_object(conn):
    content = bytes((at * 7) % 256 for at in range(5000))
    (oid,) = conn.execute("SELECT lo_from_bytea(0, %s)", (content,)).fetchone()
    conn.execute("SELECT lo_put(%s, 4990, %b)", (oid, b"the end of it"))
    (read,) = conn.execute("SELECT lo_get(%s)", (oid,), binary=True).fetchone()
    say("large_object", length=len(read), sha256=hashlib.sha256(read).hexdigest())
    with conn.transaction():
        conn.execute("SELECT lo_open(%s, 262144)", (oid,))
        conn.execute("SELECT lo_lseek(0, 100, 0)")
        say("large_object", piece=conn.execute("SELECT loread(0, %b)", (8,), binary=True).fetchone()[0].hex())
    conn.execute("SELECT lo_unlink(%s)", (oid,))
    say("large_object", gone=state_of(lambda: conn.execute("SELECT lo_get(%s)", (oid,))))


def transaction_error(conn):
    conn.execute("CREATE TABLE account (id int PRIMARY KEY, owner int REFERENCES account DEFERRABLE)")
    conn.execute("CREATE TABLE late (id int REFERENCES account DEFERRABLE INITIALLY DEFERRED)")
    steps = (
        ("BEGIN", None),
        ("INSERT INTO account VALUES (%s, NULL)", (1,)),
        ("SAVEPOINT here", None),
        ("INSERT INTO account VALUES (%s, NULL)", (1,)),
        ("SELECT 1", None),
        ("ROLLBACK TO here", None),
        ("INSERT INTO account VALUES (%s, %s)", (2, 1)),
        ("COMMIT", None),
        ("BEGIN", None),
        ("SELECT %s::int / 0", (1,)),
        ("SELECT %s::int", (1,)),
        ("COMMIT", None),
        ("BEGIN", None),
        ("SET CONSTRAINTS ALL DEFERRED", None),
        ("INSERT INTO account VALUES (%s, %s)", (3, 99)),
        ("COMMIT", None),
        ("INSERT INTO late VALUES (%s)", (99,)),
    )
    say("transaction_error", seen=[state_of(lambda: conn.execute(*step)) for step in steps])
    say("transaction_error", rows=conn.execute("SELECT * FROM account ORDER BY id").fetchall())

    def nested():
        with conn.transaction():
            conn.execute("INSERT INTO account VALUES (7, NULL)")
            try:
                with conn.transaction():
                    conn.execute("INSERT INTO account VALUES (7, NULL)")
            except errors.UniqueViolation:
                conn.execute("INSERT INTO account VALUES (8, NULL)")

    nested()
    say("transaction_error", nested=conn.execute("SELECT id FROM account ORDER BY id").fetchall())
    notices = []
    conn.add_notice_handler(lambda notice: notices.append([notice.severity, notice.sqlstate, notice.message_primary]))
    conn.execute("DO $$ BEGIN RAISE NOTICE 'sieh %', 'ünïcødé'; RAISE WARNING 'obacht'; END $$")
    say("transaction_error", notices=notices)


connection = connect()
for step in (prepare, batch, cursor, copy, cancel, notify, large_object, transaction_error, types):
    step(connection)
connection.close()
