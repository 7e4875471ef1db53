// Command scenario prints what pgx sees of a server, step by step, as JSON lines.
package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"sort"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

var ctx = context.Background()

func connect() *pgx.Conn {
	conn := connected(nil)
	say("connect", "row", row(conn, "SELECT current_user::text, current_database()::text, ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"))
	config := must(pgx.ParseConfig(""))
	config.Password = "not the password"
	_, err := pgx.ConnectConfig(ctx, config)
	say("connect", "wrong_password", stateOf(err))
	return conn
}

// Every mode pgx can execute in: prepared and cached, described first, typed by Go's types, and simple.
var modes = []pgx.QueryExecMode{
	pgx.QueryExecModeCacheStatement, pgx.QueryExecModeCacheDescribe, pgx.QueryExecModeDescribeExec,
	pgx.QueryExecModeExec, pgx.QueryExecModeSimpleProtocol,
}

func prepare(conn *pgx.Conn) {
	statement := must(conn.Prepare(ctx, "by id", "SELECT $1::int AS id, $2::text AS name"))
	say("prepare", "types", statement.ParamOIDs, "columns", len(statement.Fields))
	for _, values := range [][]any{{1, "eins"}, {2, "zwei ä 漢字 🐘"}, {3, nil}, {4, ""}} {
		say("prepare", "row", row(conn, "by id", values...))
	}
	_, err := conn.Prepare(ctx, "bad", "SELEC $1")
	say("prepare", "bad_text", stateOf(err))
	for _, mode := range modes {
		say("prepare", "mode", mode.String(), "row", row(conn, "SELECT $1::int8 * 2, $2::text, $3::bool", mode, int64(1)<<40, "it's \\ ä", true))
		say("prepare", "mode", mode.String(), "fails", failure(conn, "SELECT 10 / $1::int", mode, 0))
	}
	check(conn.Deallocate(ctx, "by id"))
	say("prepare", "gone", failure(conn, "by id", 1, "x"))
}

func batch(conn *pgx.Conn) {
	queued := &pgx.Batch{}
	for value := range 4 {
		queued.Queue("SELECT $1::int + 1", value)
	}
	queued.Queue("SELECT 'no parameters'")
	results := conn.SendBatch(ctx, queued)
	for range queued.Len() {
		rows := must(results.Query())
		say("batch", "rows", must(pgx.CollectRows(rows, values)))
	}
	check(results.Close())

	failing := &pgx.Batch{}
	for _, divisor := range []int{1, 0, 2} {
		failing.Queue("SELECT 10 / $1::int", divisor)
	}
	results = conn.SendBatch(ctx, failing)
	for range failing.Len() {
		_, err := results.Exec()
		say("batch", "state", stateOf(err))
	}
	say("batch", "closed", stateOf(results.Close()))
	pipeline(conn.PgConn())
	script := must(conn.PgConn().Exec(ctx, "SELECT 1 AS a; SELECT 2 AS b WHERE false; SELECT 3 AS c").ReadAll())
	for _, result := range script {
		say("batch", "script", result.CommandTag.String(), "rows", len(result.Rows))
	}
	_, err := conn.PgConn().Exec(ctx, "SELECT 1; SELECT 1/0; SELECT 2").ReadAll()
	say("batch", "script_fails", stateOf(err))
	say("batch", "empty", must(conn.Exec(ctx, "")).String(), "empty_extended", must(conn.Exec(ctx, "", pgx.QueryExecModeExec)).String())
}

// Pipeline mode by hand: a Flush instead of a Sync, an error, and what it skips.
func pipeline(conn *pgconn.PgConn) {
	pipe := conn.StartPipeline(ctx)
	pipe.SendPrepare("piped", "SELECT 100 / $1::int", nil)
	pipe.SendFlushRequest()
	check(pipe.Flush())
	for _, divisor := range []string{"5", "0", "4"} {
		pipe.SendQueryPrepared("piped", [][]byte{[]byte(divisor)}, nil, nil)
	}
	check(pipe.Sync())
	pipe.SendQueryParams("SELECT $1::text", [][]byte{[]byte("after it")}, nil, nil, nil)
	pipe.SendDeallocate("piped")
	check(pipe.Sync())
	for {
		result, err := pipe.GetResults()
		if err == nil && result == nil {
			break
		}
		read := ""
		if reader, is := result.(*pgconn.ResultReader); is {
			all := reader.Read()
			err = all.Err
			for _, one := range all.Rows {
				read += string(one[0])
			}
		}
		say("batch", "pipeline", fmt.Sprintf("%T", result), "read", read, "state", stateOf(err))
	}
	check(pipe.Close())
}

func cursor(conn *pgx.Conn) {
	tx := must(conn.Begin(ctx))
	must(tx.Exec(ctx, "DECLARE walk SCROLL CURSOR FOR SELECT i FROM generate_series(1, 8) i"))
	for _, fetch := range []string{"FETCH 3 FROM walk", "FETCH 3 FROM walk", "FETCH BACKWARD 2 FROM walk", "MOVE LAST IN walk", "FETCH 1 FROM walk"} {
		say("cursor", fetch, must(pgx.CollectRows(must(tx.Query(ctx, fetch)), values)))
	}
	rows := must(tx.Query(ctx, "SELECT i FROM generate_series(1, $1::int) i", 10000))
	rows.Next()
	rows.Close()
	say("cursor", "left_early", rows.CommandTag().String())
	check(tx.Commit(ctx))
}

func copying(conn *pgx.Conn) {
	must(conn.Exec(ctx, "CREATE TABLE copied (id int PRIMARY KEY, name text)"))
	source := pgx.CopyFromSlice(400, func(at int) ([]any, error) {
		return []any{at, fmt.Sprintf("zeile %d ä 漢字 🐘", at)}, nil
	})
	columns := []string{"id", "name"}
	say("copy_in", "rows", must(conn.CopyFrom(ctx, pgx.Identifier{"copied"}, columns, source)))
	twice := pgx.CopyFromRows([][]any{{500, nil}, {1, "twice"}})
	_, err := conn.CopyFrom(ctx, pgx.Identifier{"copied"}, columns, twice)
	say("copy_in", "twice", stateOf(err))
	text := "600\tsechs\\thundert\n601\t\\N\n"
	say("copy_in", "text", must(conn.PgConn().CopyFrom(ctx, bytes.NewBufferString(text), "COPY copied FROM STDIN")).String())
	_, err = conn.PgConn().CopyFrom(ctx, bytes.NewBufferString("x\ty\n"), "COPY copied FROM STDIN")
	say("copy_in", "bad_row", stateOf(err))
	_, err = conn.PgConn().CopyFrom(ctx, io.MultiReader(bytes.NewBufferString("700\tgiven up\n"), brokenReader{}), "COPY copied FROM STDIN")
	say("copy_in", "given_up", stateOf(err))
	_, err = conn.CopyFrom(ctx, pgx.Identifier{"missing"}, columns, pgx.CopyFromRows(nil))
	say("copy_in", "missing", stateOf(err))
	for _, options := range []string{"", " (FORMAT binary)"} {
		digest := sha256.New()
		tag := must(conn.PgConn().CopyTo(ctx, digest, "COPY (SELECT * FROM copied ORDER BY id) TO STDOUT"+options))
		say("copy_out", "tag", tag.String(), "sha256", fmt.Sprintf("%x", digest.Sum(nil)))
	}
}

func cancel(conn *pgx.Conn) {
	observer := connected(nil)
	go func() {
		untilRunning(observer, "SELECT pg_sleep(600)")
		check(conn.PgConn().CancelRequest(ctx))
	}()
	say("cancel", "running", failure(conn, "SELECT pg_sleep(600)"))
	say("cancel", "after", row(conn, "SELECT 1"))
	check(observer.Close(ctx))
}

func notify(conn *pgx.Conn) {
	ears := connected(nil)
	must(ears.Exec(ctx, `LISTEN "Kanal ä"`))
	must(conn.Exec(ctx, `NOTIFY "Kanal ä", 'grüße 🐘'`))
	must(conn.Exec(ctx, "SELECT pg_notify($1, $2)", "Kanal ä", ""))
	must(ears.Exec(ctx, `NOTIFY "Kanal ä", 'to myself'`))
	limited, done := context.WithTimeout(ctx, 20*time.Second)
	defer done()
	var heard []string
	for range 3 {
		one := must(ears.WaitForNotification(limited))
		heard = append(heard, one.Channel+": "+one.Payload)
	}
	sort.Strings(heard)
	say("notify", "heard", heard)
	check(ears.Close(ctx))
}

func largeObject(conn *pgx.Conn) {
	content := make([]byte, 5000)
	for at := range content {
		content[at] = byte(at * 7)
	}
	tx := must(conn.Begin(ctx))
	objects := tx.LargeObjects()
	oid := must(objects.Create(ctx, 0))
	object := must(objects.Open(ctx, oid, pgx.LargeObjectModeRead|pgx.LargeObjectModeWrite))
	say("large_object", "written", must(object.Write(content)))
	say("large_object", "seek", must(object.Seek(100, io.SeekStart)))
	piece := make([]byte, 8)
	say("large_object", "read", must(object.Read(piece)), "piece", fmt.Sprintf("%x", piece), "tell", must(object.Tell()))
	check(object.Truncate(4000))
	must(object.Seek(0, io.SeekStart))
	all := must(io.ReadAll(object))
	say("large_object", "length", len(all), "sha256", fmt.Sprintf("%x", sha256.Sum256(all)))
	check(object.Close())
	check(objects.Unlink(ctx, oid))
	_, err := objects.Open(ctx, oid, pgx.LargeObjectModeRead)
	say("large_object", "gone", stateOf(err))
	say("large_object", "commit", stateOf(tx.Commit(ctx)))
}

func main() {
	conn := connect()
	prepare(conn)
	batch(conn)
	cursor(conn)
	copying(conn)
	cancel(conn)
	notify(conn)
	largeObject(conn)
	transactionError(conn)
	types(conn)
	check(conn.Close(ctx))
}
