import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.sql.Array;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Properties;

/** Connections as libpq's variables describe them, and the transcript's lines. */
final class Session {
    private static final PrintStream OUT = new PrintStream(System.out, true, StandardCharsets.UTF_8);

    private Session() {}

    interface Act {
        Object run() throws Exception;
    }

    /** A connection with pairs of further driver properties. */
    static Connection connected(String... more) throws SQLException {
        var properties = new Properties();
        properties.setProperty("user", System.getenv("PGUSER"));
        properties.setProperty("password", System.getenv("PGPASSWORD"));
        properties.setProperty("sslmode", System.getenv("PGSSLMODE"));
        if (System.getenv("PGSSLROOTCERT") != null) properties.setProperty("sslrootcert", System.getenv("PGSSLROOTCERT"));
        properties.setProperty("channelBinding", System.getenv("PGCHANNELBINDING"));
        for (var at = 0; at < more.length; at += 2) properties.setProperty(more[at], more[at + 1]);
        var url = "jdbc:postgresql://" + System.getenv("PGHOST") + ":" + System.getenv("PGPORT") + "/" + System.getenv("PGDATABASE");
        return DriverManager.getConnection(url, properties);
    }

    /** One line of the transcript: names and what was observed, in turn. */
    static void say(String step, Object... pairs) throws SQLException {
        var line = new StringBuilder("{\"step\":" + json(step));
        for (var at = 0; at < pairs.length; at += 2) line.append(',').append(json(pairs[at])).append(':').append(json(pairs[at + 1]));
        OUT.println(line.append('}'));
    }

    static String json(Object value) throws SQLException {
        if (value == null || value instanceof Boolean || value instanceof Integer || value instanceof Long) return String.valueOf(value);
        if (value instanceof byte[] bytes) return json("\\x" + HexFormat.of().formatHex(bytes));
        if (value instanceof Array array) return json(array.getArray());
        if (value instanceof Object[] all) return json(Arrays.asList(all));
        if (value instanceof int[] all) return json(Arrays.stream(all).boxed().toList());
        if (value instanceof List<?> all) {
            var parts = new ArrayList<String>();
            for (var one : all) parts.add(json(one));
            return "[" + String.join(",", parts) + "]";
        }
        var text = new StringBuilder("\"");
        for (var character : value.toString().toCharArray()) {
            if (character == '"' || character == '\\') text.append('\\').append(character);
            else if (character < ' ') text.append(String.format("\\u%04x", (int) character));
            else text.append(character);
        }
        return text.append('"').toString();
    }

    /** The SQLSTATE it fails with, or what it gave. */
    static Object stateOf(Act act) throws Exception {
        try {
            return act.run();
        } catch (SQLException error) {
            return error.getSQLState();
        }
    }

    static int execute(Connection conn, String sql, Object... values) throws SQLException {
        try (var statement = prepared(conn, sql, values)) {
            return statement.execute() ? -1 : statement.getUpdateCount();
        }
    }

    static List<List<Object>> rows(Connection conn, String sql, Object... values) throws SQLException {
        try (var statement = prepared(conn, sql, values)) {
            return all(statement.executeQuery());
        }
    }

    static List<List<Object>> all(ResultSet result) throws SQLException {
        var rows = new ArrayList<List<Object>>();
        while (result.next()) {
            var row = new ArrayList<Object>();
            for (var at = 1; at <= result.getMetaData().getColumnCount(); at += 1) row.add(result.getObject(at));
            rows.add(row);
        }
        return rows;
    }

    private static PreparedStatement prepared(Connection conn, String sql, Object... values) throws SQLException {
        var statement = conn.prepareStatement(sql);
        for (var at = 0; at < values.length; at += 1) statement.setObject(at + 1, values[at]);
        return statement;
    }

    static void untilRunning(Connection observer, String text) throws Exception {
        var sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'active'"
            + " AND starts_with(query, ?) AND pid <> pg_backend_pid()";
        while (rows(observer, sql, text).get(0).get(0).equals(0L)) Thread.sleep(20);
    }

    static String sha256(byte[] bytes) throws Exception {
        return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
    }
}
