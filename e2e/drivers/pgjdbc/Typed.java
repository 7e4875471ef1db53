import java.math.BigDecimal;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Types;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.LocalTime;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.UUID;
import org.postgresql.util.PGobject;

/** Errors in transactions, and values of many types there and back, in every query mode. */
final class Typed {
    private static final String TABLE = """
        CREATE TABLE typed (
          id int PRIMARY KEY, small int2, big int8, approx float4, double float8, exact numeric, flag bool, name text,
          fixed char(5), raw bytea, at timestamptz, local timestamp, day date, clock time, doc json, docb jsonb, uid uuid,
          ints int4[], names text[], address inet, mood mood, span interval)""";

    private Typed() {}

    static void transactionError(Connection conn) throws Exception {
        Session.execute(conn, "CREATE TABLE account (id int PRIMARY KEY, owner int REFERENCES account DEFERRABLE)");
        Session.execute(conn, "CREATE TABLE late (id int REFERENCES account DEFERRABLE INITIALLY DEFERRED)");
        conn.setAutoCommit(false);
        Session.execute(conn, "INSERT INTO account VALUES (?, NULL)", 1);
        var here = conn.setSavepoint("here");
        var seen = new ArrayList<Object>();
        seen.add(Session.stateOf(() -> Session.execute(conn, "INSERT INTO account VALUES (?, NULL)", 1)));
        seen.add(Session.stateOf(() -> Session.execute(conn, "SELECT 1")));
        conn.rollback(here);
        seen.add(Session.stateOf(() -> Session.execute(conn, "INSERT INTO account VALUES (?, ?)", 2, 1)));
        conn.commit();
        seen.add(Session.stateOf(() -> Session.rows(conn, "SELECT ?::int / 0", 1)));
        seen.add(Session.stateOf(() -> Session.rows(conn, "SELECT ?::int", 1)));
        conn.rollback();
        Session.execute(conn, "SET CONSTRAINTS ALL DEFERRED");
        Session.execute(conn, "INSERT INTO account VALUES (?, ?)", 3, 99);
        seen.add(Session.stateOf(() -> {
            conn.commit();
            return "committed";
        }));
        conn.setAutoCommit(true);
        seen.add(Session.stateOf(() -> Session.execute(conn, "INSERT INTO late VALUES (?)", 99)));
        Session.say("transaction_error", "seen", seen);
        Session.say("transaction_error", "rows", Session.rows(conn, "SELECT * FROM account ORDER BY id"));
        try (var statement = conn.createStatement()) {
            statement.execute("DO $$ BEGIN RAISE NOTICE 'sieh %', 'ünïcødé'; RAISE WARNING 'obacht'; END $$");
            var notices = new ArrayList<String>();
            for (var one = statement.getWarnings(); one != null; one = one.getNextWarning()) {
                notices.add(one.getSQLState() + " " + one.getMessage());
            }
            Session.say("transaction_error", "notices", notices);
        }
    }

    private static PGobject other(String type, String value) throws SQLException {
        var object = new PGobject();
        object.setType(type);
        object.setValue(value);
        return object;
    }

    private static List<List<Object>> given(Connection conn) throws SQLException {
        return List.of(
            Arrays.asList(
                1, (short) -32768, Long.MAX_VALUE, 1.5f, 0.1, new BigDecimal("12345678901234567890.123450"), true, "ä 漢字 🐘 '\"\\",
                "ab", new byte[] {0, -1, 10, 39, 92}, OffsetDateTime.parse("2024-02-29T23:59:59.999999+05:30"),
                LocalDateTime.parse("1999-12-31T23:59:59"), LocalDate.parse("0001-01-01"), LocalTime.parse("23:59:59.999999"),
                other("json", "{\"a\": [1, null, \"ü\"]}"), other("jsonb", "{\"b\":true}"),
                UUID.fromString("00112233-4455-6677-8899-aabbccddeeff"), conn.createArrayOf("int4", new Integer[] {1, null, -3}),
                conn.createArrayOf("text", new String[] {"", null, "NULL", "with \"quotes\", and \\"}),
                other("inet", "2001:db8::/32"), other("mood", "froh"), other("interval", "1 year 2 mons -3 days 04:05:06.5")),
            nulls(),
            Arrays.asList(
                3, (short) 0, 0L, Float.NaN, Double.NEGATIVE_INFINITY, new BigDecimal("-1E-20"), false, "", "", new byte[0],
                OffsetDateTime.MAX, LocalDateTime.MIN, LocalDate.MAX, LocalTime.MIDNIGHT, other("json", "\"\""), other("jsonb", "{}"),
                new UUID(-1, -1), conn.createArrayOf("int4", new Integer[0]), conn.createArrayOf("text", new String[0]),
                other("inet", "0.0.0.0"), other("mood", "traurig"), other("interval", "0")));
    }

    private static List<Object> nulls() {
        var row = new ArrayList<Object>(Collections.nCopies(22, null));
        row.set(0, 2);
        return row;
    }

    static void types() throws Exception {
        try (var conn = Session.connected()) {
            Session.execute(conn, "CREATE TYPE mood AS ENUM ('froh', 'traurig')");
            Session.execute(conn, TABLE);
        }
        for (var mode : List.of("extended", "extendedForPrepared", "extendedCacheEverything", "simple")) {
            // Threshold -1: statements are named at once and everything that can be is binary.
            try (var conn = Session.connected("preferQueryMode", mode, "prepareThreshold", mode.equals("extended") ? "-1" : "2")) {
                modes(conn, mode);
            }
        }
    }

    private static void modes(Connection conn, String mode) throws Exception {
        var sql = "INSERT INTO typed VALUES (" + String.join(", ", Collections.nCopies(22, "?")) + ")";
        try (var insert = conn.prepareStatement(sql)) {
            for (var row : given(conn)) {
                for (var at = 0; at < row.size(); at += 1) {
                    if (row.get(at) == null) insert.setNull(at + 1, Types.NULL);
                    else insert.setObject(at + 1, row.get(at));
                }
                Session.say("types", "mode", mode, "id", row.get(0), "inserted", Session.stateOf(insert::executeUpdate));
            }
        }
        for (var row : Session.rows(conn, "SELECT typed::text FROM typed ORDER BY id")) Session.say("types", "mode", mode, "row", row);
        try (var select = conn.prepareStatement("SELECT * FROM typed WHERE id <> ? ORDER BY id")) {
            for (var run = 1; run <= 3; run += 1) {
                select.setInt(1, 99);
                for (var row : Session.all(select.executeQuery())) Session.say("formats", "mode", mode, "run", run, "row", row);
            }
        }
        Session.execute(conn, "TRUNCATE typed");
    }
}
