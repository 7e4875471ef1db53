"""Values of many types there and back; asyncpg speaks binary only."""
import json
import uuid
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from ipaddress import ip_network

from asyncpg import BitString, Box, Circle, Point, Range

from session import say

TABLE = """CREATE TABLE typed (
  id int PRIMARY KEY, small int2, big int8, approx float4, "double" float8, exact numeric, flag bool, name text,
  fixed char(5), raw bytea, at timestamptz, local timestamp, day date, clock timetz, span interval, doc json, docb jsonb,
  uid uuid, ints int4[], names text[], address inet, mood mood, range int4range, many int8multirange, bits varbit,
  pair pair, place point, square box, ring circle, moods mood[], positive positive)"""

ROWS = (
    (
        1, -32768, 9223372036854775807, 1.5, 0.1, Decimal("12345678901234567890.123450"), True, "ä 漢字 🐘 '\"\\", "ab",
        b"\x00\xff\n'\\", datetime(2024, 2, 29, 23, 59, 59, 999999, timezone(timedelta(hours=5, minutes=30))),
        datetime(1999, 12, 31, 23, 59, 59), date(1, 1, 1), time(1, 2, 3, tzinfo=timezone(timedelta(hours=-3))),
        timedelta(days=-3, seconds=14706, microseconds=500000), json.dumps({"a": [1, None, "ü"]}), '{"b": {"c": true}}',
        uuid.UUID("00112233-4455-6677-8899-aabbccddeeff"), [1, None, -3], ["", None, "NULL", 'with "quotes", and \\'],
        ip_network("2001:db8::/32"), "froh", Range(1, 10), [Range(1, 2), Range(5, None)], BitString("10110"),
        (1, "eins"), Point(1.5, -2), Box(Point(1, 1), Point(0, 0)), Circle(Point(0, 0), 2.5), ["froh", None], 7,
    ),
    (2,) + (None,) * 30,
    (
        3, 0, 0, float("nan"), float("-inf"), Decimal("NaN"), False, "", "", b"", datetime.max.replace(tzinfo=timezone.utc),
        datetime.min, date.max, time(0, 0, tzinfo=timezone.utc), timedelta(0), '""', "{}", uuid.UUID(int=2**128 - 1), [], [],
        ip_network("0.0.0.0/32"), "traurig", Range(empty=True), [], BitString(""), (None, ""), Point(0, 0),
        Box(Point(0, 0), Point(0, 0)), Circle(Point(0, 0), 0), [], 1,
    ),
    (
        4, 32767, -9223372036854775808, 3.4e38, -0.0, Decimal("-0.00000000000000000001"), None, "\n\t'$1", "     ",
        bytes(range(256)), datetime(1970, 1, 1, tzinfo=timezone.utc), datetime(2000, 1, 1), date(1999, 12, 31), None,
        timedelta(microseconds=-1), "null", '[1.5, {"deep": [[[]]]}]', uuid.UUID(int=0), [[1, 2], [3, None]],
        ["{}", "{a,b}", "ä"], ip_network("127.0.0.0/8"), None, Range(None, 5, upper_inc=False), [Range(None, None)],
        BitString("1" * 33), (2147483647, 'with, "quotes" (and) \\'), None, None, None, ["traurig", "froh"], 2,
    ),
)


async def types(conn):
    await conn.execute("CREATE TYPE mood AS ENUM ('froh', 'traurig')")
    await conn.execute("CREATE TYPE pair AS (number int, word text)")
    await conn.execute("CREATE DOMAIN positive AS int CHECK (value > 0)")
    await conn.execute(TABLE)
    places = ", ".join(f"${at}" for at in range(1, 32))
    for row in ROWS:
        say("types", id=row[0], inserted=await conn.execute(f"INSERT INTO typed VALUES ({places})", *row))
    for row in await conn.fetch("SELECT typed::text FROM typed ORDER BY id"):
        say("types", row=row)
    for row in await conn.fetch("SELECT * FROM typed ORDER BY id"):
        say("formats", binary=True, row=row)
    for number in ("1e-20", "0", "-0.5", "10000", "99999999999999999999999999999999", "0.00001000", "1e131", "Infinity"):
        value = Decimal(number)
        say("types", numeric=number, text=await conn.fetchval("SELECT $1::numeric::text", value))
    say("formats", untyped=await conn.fetchrow("SELECT 1.50 AS n, '{a,NULL}'::text[] AS a, NULL AS nothing, '' AS empty"))
