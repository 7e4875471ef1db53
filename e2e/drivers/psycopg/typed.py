"""Values of many types there and back, as text and in binary."""
import uuid
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from ipaddress import ip_network

from psycopg.types.json import Json, Jsonb
from psycopg.types.range import Range

from session import say

TABLE = """CREATE TABLE typed (
  id int PRIMARY KEY, small int2, big int8, approx float4, "double" float8, exact numeric, flag bool, name text,
  fixed char(5), raw bytea, at timestamptz, local timestamp, day date, span interval, doc json, docb jsonb,
  uid uuid, ints int4[], names text[], address inet, mood mood, range int4range, bits varbit)"""

ROWS = (
    (
        1, -32768, 9223372036854775807, 1.5, 0.1, Decimal("12345678901234567890.123450"), True, "ä 漢字 🐘 '\"\\", "ab",
        b"\x00\xff\n'\\", datetime(2024, 2, 29, 23, 59, 59, 999999, timezone(timedelta(hours=5, minutes=30))),
        datetime(1999, 12, 31, 23, 59, 59), date(1, 1, 1), timedelta(days=-3, seconds=14706, microseconds=500000),
        Json({"a": [1, None, "ü"]}), Jsonb({"b": {"c": True}}), uuid.UUID("00112233-4455-6677-8899-aabbccddeeff"),
        [1, None, -3], ["", None, "NULL", 'with "quotes", and \\'], ip_network("2001:db8::/32"), "froh", Range(1, 10), "10110",
    ),
    (2,) + (None,) * 22,
    (
        3, 0, 0, float("nan"), float("-inf"), Decimal("NaN"), False, "", "", b"", datetime.max.replace(tzinfo=timezone.utc),
        datetime.min, date.max, timedelta(0), Json(""), Jsonb({}), uuid.UUID(int=2**128 - 1), [], [],
        ip_network("0.0.0.0/32"), "traurig", Range(empty=True), "",
    ),
    (
        4, 32767, -9223372036854775808, 3.4e38, -0.0, Decimal("-0.00000000000000000001"), None, "\n\t'$1", "     ",
        bytes(range(256)), datetime(1970, 1, 1, tzinfo=timezone.utc), datetime(2000, 1, 1), date(1999, 12, 31),
        timedelta(microseconds=-1), Json(None), Jsonb([1.5, "\\u0000 is not", {"deep": [[[]]]}]), uuid.UUID(int=0),
        [[1, 2], [3, None]], ["{}", "{a,b}", "ä"], ip_network("127.0.0.0/8"), None, Range(None, 5, "()"), "1" * 33,
    ),
)


def types(conn):
    conn.execute("CREATE TYPE mood AS ENUM ('froh', 'traurig')")
    conn.execute(TABLE)
    for form in ("%s", "%b", "%t"):
        # An enum's label and bits are text to the driver in any format.
        places = ", ".join([form] * 20 + ["%t", form, "%t"])
        for row in ROWS:
            cursor = conn.execute(f"INSERT INTO typed VALUES ({places})", row)
            say("types", form=form, id=row[0], inserted=cursor.rowcount)
        for (row,) in conn.execute("SELECT typed::text FROM typed ORDER BY id"):
            say("types", form=form, row=row)
        for binary in (False, True):
            cursor = conn.cursor(binary=binary)
            # What Python's dates cannot hold is left to the server's own text.
            cursor.execute("SELECT * FROM typed WHERE id <> 3 ORDER BY id")
            for row in cursor:
                say("formats", form=form, binary=binary, row=row)
        conn.execute("TRUNCATE typed")
