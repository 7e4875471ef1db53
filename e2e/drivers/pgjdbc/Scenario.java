import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.StringReader;
import java.nio.charset.StandardCharsets;
import java.sql.BatchUpdateException;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.postgresql.PGConnection;
import org.postgresql.largeobject.LargeObject;
import org.postgresql.largeobject.LargeObjectManager;

/** What pgjdbc sees of a server, step by step, as JSON lines. */
final class Scenario {
    private Scenario() {}

    static Connection connect() throws Exception {
        var conn = Session.connected();
        var sql = "SELECT current_user::text, current_database()::text, ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
        Session.say("connect", "rows", Session.rows(conn, sql));
        Session.say("connect", "wrong_password", Session.stateOf(() -> Session.connected("password", "not the password")));
        return conn;
    }

    /** After five executions pgjdbc names the statement on the server and asks for binary results. */
    static void prepare(Connection conn) throws Exception {
        try (var statement = conn.prepareStatement("SELECT ?::int AS id, ?::text AS name")) {
            var names = new String[] {"eins", "zwei ä 漢字 🐘", null, "", "5", "6", "7", "named"};
            for (var at = 0; at < names.length; at += 1) {
                statement.setInt(1, at);
                statement.setString(2, names[at]);
                Session.say("prepare", "rows", Session.all(statement.executeQuery()));
            }
            statement.setObject(1, "x", java.sql.Types.OTHER);
            Session.say("prepare", "bad_value", Session.stateOf(statement::executeQuery));
            statement.setInt(1, 9);
            Session.say("prepare", "again", Session.all(statement.executeQuery()));
        }
        Session.say("prepare", "bad_text", Session.stateOf(() -> Session.rows(conn, "SELEC ?", 1)));
    }

    static void batch(Connection conn) throws Exception {
        Session.execute(conn, "CREATE TABLE batched (id int PRIMARY KEY, name text)");
        for (var rewrite : List.of("false", "true")) {
            try (var own = Session.connected("reWriteBatchedInserts", rewrite)) {
                try (var statement = own.prepareStatement("INSERT INTO batched VALUES (?, ?)")) {
                    for (var row = 0; row < 20; row += 1) {
                        statement.setInt(1, row + (rewrite.equals("true") ? 100 : 0));
                        statement.setString(2, row % 3 == 0 ? null : "zeile " + row + " ß");
                        statement.addBatch();
                    }
                    Session.say("batch", "rewritten", rewrite, "counts", statement.executeBatch());
                }
            }
        }
        try (var statement = conn.prepareStatement("INSERT INTO batched VALUES (?, 'x')")) {
            for (var id : new int[] {500, 501, 1, 502}) {
                statement.setInt(1, id);
                statement.addBatch();
            }
            try {
                statement.executeBatch();
            } catch (BatchUpdateException error) {
                Session.say("batch", "fails", error.getSQLState(), "counts", error.getUpdateCounts());
            }
        }
        Session.say("batch", "rows", Session.rows(conn, "SELECT count(*), max(id) FROM batched"));
        try (var statement = conn.createStatement()) {
            var seen = new ArrayList<Object>();
            var isRows = statement.execute("SELECT 1 AS a; UPDATE batched SET name = 'y' WHERE id < 2; SELECT 3 WHERE false");
            while (isRows || statement.getUpdateCount() != -1) {
                seen.add(isRows ? Session.all(statement.getResultSet()) : statement.getUpdateCount());
                isRows = statement.getMoreResults();
            }
            Session.say("batch", "several", seen);
            Session.say("batch", "several_fail", Session.stateOf(() -> statement.execute("SELECT 1; SELECT 1/0; SELECT 2")));
            Session.say("batch", "empty", statement.execute(""));
        }
    }

    static void cursor(Connection conn) throws Exception {
        conn.setAutoCommit(false);
        for (var binary : List.of(0, 1)) {
            try (var statement = conn.prepareStatement("SELECT i FROM generate_series(1, ?) i")) {
                statement.setInt(1, 8);
                statement.setFetchSize(3);
                Session.say("cursor", "run", binary, "portal", Session.all(statement.executeQuery()));
            }
        }
        try (var statement = conn.prepareStatement("SELECT i FROM generate_series(1, 100) i")) {
            statement.setFetchSize(10);
            var result = statement.executeQuery();
            result.next();
            Session.say("cursor", "left_early", result.getInt(1));
        }
        var kind = ResultSet.TYPE_SCROLL_INSENSITIVE;
        try (var statement = conn.prepareStatement("SELECT i FROM generate_series(1, 10) i", kind, ResultSet.CONCUR_READ_ONLY)) {
            var result = statement.executeQuery();
            result.absolute(7);
            result.previous();
            Session.say("cursor", "scrolled", result.getInt(1), "last", result.last());
        }
        conn.commit();
        conn.setAutoCommit(true);
    }

    static void copy(Connection conn) throws Exception {
        Session.execute(conn, "CREATE TABLE copied (id int PRIMARY KEY, name text)");
        var copies = conn.unwrap(PGConnection.class).getCopyAPI();
        var text = IntStream.range(0, 400).mapToObj(row -> row + "\tzeile " + row + " ä 漢字 🐘\n").collect(Collectors.joining());
        Session.say("copy_in", "rows", copies.copyIn("COPY copied FROM STDIN", new StringReader(text)));
        Session.say("copy_in", "bad_row", Session.stateOf(() -> copies.copyIn("COPY copied FROM STDIN", new StringReader("x\ty\n"))));
        var given = copies.copyIn("COPY copied FROM STDIN");
        var bytes = "600\tgiven up\n".getBytes(StandardCharsets.UTF_8);
        given.writeToCopy(bytes, 0, bytes.length);
        given.cancelCopy();
        Session.say("copy_in", "given_up", given.isActive());
        Session.say("copy_in", "missing", Session.stateOf(() -> copies.copyIn("COPY missing FROM STDIN")));
        for (var options : List.of("", " (FORMAT binary)")) {
            var out = new ByteArrayOutputStream();
            var rows = copies.copyOut("COPY (SELECT * FROM copied ORDER BY id) TO STDOUT" + options, out);
            Session.say("copy_out", "rows", rows, "sha256", Session.sha256(out.toByteArray()));
            if (options.isEmpty()) continue;
            Session.execute(conn, "TRUNCATE copied");
            var in = new ByteArrayInputStream(out.toByteArray());
            Session.say("copy_in", "binary", copies.copyIn("COPY copied FROM STDIN (FORMAT binary)", in, 1000));
        }
    }

    static void cancel(Connection conn) throws Exception {
        try (var observer = Session.connected(); var statement = conn.createStatement()) {
            var thread = new Thread(() -> {
                try {
                    Session.untilRunning(observer, "SELECT pg_sleep(600)");
                    statement.cancel();
                } catch (Exception error) {
                    throw new IllegalStateException(error);
                }
            });
            thread.start();
            Session.say("cancel", "running", Session.stateOf(() -> statement.executeQuery("SELECT pg_sleep(600)")));
            thread.join();
            statement.setQueryTimeout(1);
            Session.say("cancel", "timeout", Session.stateOf(() -> statement.executeQuery("SELECT pg_sleep(601)")));
        }
        Session.say("cancel", "after", Session.rows(conn, "SELECT 1"));
    }

    static void notification(Connection conn) throws Exception {
        try (var ears = Session.connected()) {
            Session.execute(ears, "LISTEN \"Kanal ä\"");
            Session.execute(conn, "NOTIFY \"Kanal ä\", 'grüße 🐘'");
            Session.rows(conn, "SELECT pg_notify(?, ?)::text", "Kanal ä", "");
            Session.execute(ears, "NOTIFY \"Kanal ä\", 'to myself'");
            var heard = new ArrayList<String>();
            while (heard.size() < 3) {
                var some = ears.unwrap(PGConnection.class).getNotifications(20_000);
                if (some == null || some.length == 0) throw new IllegalStateException("no notification");
                for (var one : some) heard.add(one.getName() + ": " + one.getParameter());
            }
            heard.sort(null);
            Session.say("notify", "heard", heard);
        }
    }

    /** By FunctionCall: pgjdbc's fastpath. */
    static void largeObject(Connection conn) throws Exception {
        var content = new byte[5000];
        for (var at = 0; at < content.length; at += 1) content[at] = (byte) (at * 7);
        conn.setAutoCommit(false);
        var objects = conn.unwrap(PGConnection.class).getLargeObjectAPI();
        var oid = objects.createLO(LargeObjectManager.READWRITE);
        try (var object = objects.open(oid, LargeObjectManager.READWRITE)) {
            object.write(content);
            object.seek(100, LargeObject.SEEK_SET);
            Session.say("large_object", "piece", object.read(8), "tell", object.tell());
            object.truncate(4000);
            object.seek(0, LargeObject.SEEK_SET);
            var all = object.getInputStream().readAllBytes();
            Session.say("large_object", "length", all.length, "sha256", Session.sha256(all));
        }
        objects.unlink(oid);
        Session.say("large_object", "gone", Session.stateOf(() -> objects.open(oid, LargeObjectManager.READ)));
        conn.rollback();
        conn.setAutoCommit(true);
    }

    public static void main(String[] args) throws Exception {
        try (var conn = connect()) {
            prepare(conn);
            batch(conn);
            cursor(conn);
            copy(conn);
            cancel(conn);
            notification(conn);
            largeObject(conn);
            Typed.transactionError(conn);
            Typed.types();
        } catch (SQLException error) {
            error.printStackTrace();
            System.exit(1);
        }
    }
}
