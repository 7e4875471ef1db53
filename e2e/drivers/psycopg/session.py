"""Connections as libpq's variables describe them, and the transcript's lines."""
import json
import sys

import psycopg


def connected(**more):
    return psycopg.connect("", autocommit=True, **more)


def shown(value):
    return value.hex() if isinstance(value, (bytes, memoryview)) else str(value)


def say(step, **seen):
    """One line of the transcript: what the driver observed."""
    sys.stdout.write(json.dumps({"step": step, **seen}, ensure_ascii=False, default=shown) + "\n")


def state_of(act):
    """The SQLSTATE it fails with, or what was affected."""
    try:
        result = act()
    except psycopg.Error as error:
        return error.sqlstate
    return None if result is None else result.statusmessage


def running(observer, text):
    (count,) = observer.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'active'"
        " AND starts_with(query, %s) AND pid <> pg_backend_pid()",
        (text,),
    ).fetchone()
    return count > 0
