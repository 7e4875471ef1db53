"""Connections as libpq's variables describe them, and the transcript's lines."""
import json
import math
import sys

import asyncpg


async def connected(**more):
    return await asyncpg.connect(**more)


def shown(value):
    return value.hex() if isinstance(value, bytes) else str(value)


def plain(value):
    """A record as a list: its columns' names stand in the SQL."""
    if isinstance(value, asyncpg.Record):
        return [plain(one) for one in value.values()]
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    # JSON has no NaN.
    return value if not isinstance(value, float) or math.isfinite(value) else str(value)


def say(step, **seen):
    """One line of the transcript: what the driver observed."""
    seen = {name: plain(value) for name, value in seen.items()}
    sys.stdout.write(json.dumps({"step": step, **seen}, ensure_ascii=False, default=shown) + "\n")


async def state_of(awaitable):
    """The SQLSTATE it fails with, or what it gave."""
    try:
        return await awaitable
    except asyncpg.PostgresError as error:
        return error.sqlstate


async def until_running(observer, text):
    while not await observer.fetchval(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'active'"
        " AND starts_with(query, $1) AND pid <> pg_backend_pid()",
        text,
    ):
        pass
