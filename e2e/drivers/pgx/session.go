package main

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func must[T any](value T, err error) T {
	check(err)
	return value
}

// connected dials as libpq's variables say, which pgx reads itself.
func connected(change func(*pgx.ConnConfig)) *pgx.Conn {
	config := must(pgx.ParseConfig(""))
	if change != nil {
		change(config)
	}
	return must(pgx.ConnectConfig(ctx, config))
}

// say prints one line of the transcript: names and what was observed, in turn.
func say(step string, pairs ...any) {
	line := "{" + text("step") + ":" + text(step)
	for at := 0; at < len(pairs); at += 2 {
		line += "," + text(fmt.Sprint(pairs[at])) + ":" + text(shown(pairs[at+1]))
	}
	must(fmt.Fprintln(os.Stdout, line+"}"))
}

func text(value any) string {
	return string(must(json.Marshal(value)))
}

// shown makes of a value what JSON can hold.
func shown(value any) any {
	switch one := value.(type) {
	case []byte:
		return `\x` + hex.EncodeToString(one)
	case float64:
		if math.IsNaN(one) || math.IsInf(one, 0) {
			return fmt.Sprint(one)
		}
		return one
	case float32:
		return shown(float64(one))
	case time.Time:
		return one.UTC().Format(time.RFC3339Nano)
	case []any:
		all := make([]any, len(one))
		for at := range one {
			all[at] = shown(one[at])
		}
		return all
	case [][]any:
		all := make([]any, len(one))
		for at := range one {
			all[at] = shown(one[at])
		}
		return all
	case [16]byte:
		return hex.EncodeToString(one[:])
	}
	if _, err := json.Marshal(value); err != nil {
		return fmt.Sprint(value)
	}
	return value
}

func values(row pgx.CollectableRow) ([]any, error) {
	return row.Values()
}

func row(conn *pgx.Conn, sql string, args ...any) []any {
	rows, err := conn.Query(ctx, sql, args...)
	check(err)
	return must(pgx.CollectExactlyOneRow(rows, values))
}

func failure(conn *pgx.Conn, sql string, args ...any) string {
	_, err := conn.Exec(ctx, sql, args...)
	return stateOf(err)
}

// stateOf gives an error's SQLSTATE, or "ok".
func stateOf(err error) string {
	var refused *pgconn.PgError
	if errors.As(err, &refused) {
		return refused.Code
	}
	if err != nil {
		return err.Error()
	}
	return "ok"
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) {
	return 0, errors.New("given up")
}

func untilRunning(observer *pgx.Conn, sql string) {
	for {
		var count int
		check(observer.QueryRow(ctx, `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
			AND state = 'active' AND starts_with(query, $1) AND pid <> pg_backend_pid()`, sql).Scan(&count))
		if count > 0 {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
}
