package main

import (
	"math"
	"net/netip"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
)

func transactionError(conn *pgx.Conn) {
	must(conn.Exec(ctx, "CREATE TABLE account (id int PRIMARY KEY, owner int REFERENCES account DEFERRABLE)"))
	must(conn.Exec(ctx, "CREATE TABLE late (id int REFERENCES account DEFERRABLE INITIALLY DEFERRED)"))
	steps := [][]any{
		{"BEGIN"}, {"INSERT INTO account VALUES ($1, NULL)", 1}, {"SAVEPOINT here"},
		{"INSERT INTO account VALUES ($1, NULL)", 1}, {"SELECT 1"}, {"ROLLBACK TO here"},
		{"INSERT INTO account VALUES ($1, $2)", 2, 1}, {"COMMIT"},
		{"BEGIN"}, {"SELECT $1::int / 0", 1}, {"SELECT $1::int", 1}, {"COMMIT"},
		{"BEGIN"}, {"SET CONSTRAINTS ALL DEFERRED"}, {"INSERT INTO account VALUES ($1, $2)", 3, 99}, {"COMMIT"},
		{"INSERT INTO late VALUES ($1)", 99}, {"INSERT INTO late VALUES (99)"},
	}
	var seen []string
	for _, step := range steps {
		tag, err := conn.Exec(ctx, step[0].(string), step[1:]...)
		if err != nil {
			seen = append(seen, stateOf(err))
		} else {
			seen = append(seen, tag.String())
		}
	}
	say("transaction_error", "seen", seen)
	say("transaction_error", "rows", must(pgx.CollectRows(must(conn.Query(ctx, "SELECT * FROM account ORDER BY id")), values)))
	err := pgx.BeginFunc(ctx, conn, func(outer pgx.Tx) error {
		must(outer.Exec(ctx, "INSERT INTO account VALUES (7, NULL)"))
		inner := pgx.BeginFunc(ctx, outer, func(tx pgx.Tx) error {
			_, err := tx.Exec(ctx, "INSERT INTO account VALUES (7, NULL)")
			return err
		})
		say("transaction_error", "nested", stateOf(inner))
		return nil
	})
	say("transaction_error", "outer", stateOf(err))
	var notices []string
	loud := connected(func(config *pgx.ConnConfig) {
		config.OnNotice = func(_ *pgconn.PgConn, notice *pgconn.Notice) {
			notices = append(notices, notice.Severity+" "+notice.Code+" "+notice.Message)
		}
	})
	must(loud.Exec(ctx, "DO $$ BEGIN RAISE NOTICE 'sieh %', 'ünïcødé'; RAISE WARNING 'obacht'; END $$"))
	say("transaction_error", "notices", notices)
	check(loud.Close(ctx))
}

const table = `CREATE TABLE typed (
  id int PRIMARY KEY, small int2, big int8, approx float4, double float8, exact numeric, flag bool, name text,
  fixed char(5), raw bytea, at timestamptz, local timestamp, day date, clock time, span interval, doc json, docb jsonb,
  uid uuid, ints int4[], names text[], address inet, mood mood, range int4range, bits varbit, place point, mac macaddr)`

func numeric(text string) pgtype.Numeric {
	var value pgtype.Numeric
	check(value.Scan(text))
	return value
}

func typedRows() [][]any {
	east := time.FixedZone("", 19800)
	word := func(text string) *string { return &text }
	number := func(value int32) *int32 { return &value }
	return [][]any{
		{
			1, -32768, int64(math.MaxInt64), 1.5, 0.1, numeric("12345678901234567890.123450"), true, `ä 漢字 🐘 '"\`, "ab",
			[]byte{0, 255, 10, 39, 92}, time.Date(2024, 2, 29, 23, 59, 59, 999999000, east),
			time.Date(1999, 12, 31, 23, 59, 59, 0, time.UTC), time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC),
			pgtype.Time{Microseconds: 86400000000, Valid: true},
			pgtype.Interval{Months: 14, Days: -3, Microseconds: 14706500000, Valid: true},
			map[string]any{"a": []any{1, nil, "ü"}}, map[string]any{"b": true}, "00112233-4455-6677-8899-aabbccddeeff",
			[]*int32{number(1), nil, number(-3)}, []*string{word(""), nil, word("NULL"), word(`with "quotes", and \`)},
			netip.MustParsePrefix("2001:db8::/32"), "froh",
			pgtype.Range[int32]{Lower: 1, Upper: 10, LowerType: pgtype.Inclusive, UpperType: pgtype.Exclusive, Valid: true},
			pgtype.Bits{Bytes: []byte{0xb0}, Len: 5, Valid: true}, pgtype.Point{P: pgtype.Vec2{X: 1.5, Y: -2}, Valid: true},
			"08:00:2b:01:02:03",
		},
		append([]any{2}, make([]any, 25)...),
		{
			3, 0, 0, math.NaN(), math.Inf(-1), pgtype.Numeric{NaN: true, Valid: true}, false, "", "", []byte{},
			pgtype.Timestamptz{InfinityModifier: pgtype.Infinity, Valid: true},
			pgtype.Timestamp{InfinityModifier: pgtype.NegativeInfinity, Valid: true},
			pgtype.Date{InfinityModifier: pgtype.Infinity, Valid: true}, pgtype.Time{Valid: true},
			pgtype.Interval{Valid: true}, `""`, map[string]any{}, "ffffffff-ffff-ffff-ffff-ffffffffffff", []int32{},
			[]string{}, netip.MustParsePrefix("0.0.0.0/32"), "traurig",
			pgtype.Range[int32]{LowerType: pgtype.Empty, UpperType: pgtype.Empty, Valid: true},
			pgtype.Bits{Valid: true}, pgtype.Point{Valid: true}, "00:00:00:00:00:00",
		},
	}
}

func types(conn *pgx.Conn) {
	must(conn.Exec(ctx, "CREATE TYPE mood AS ENUM ('froh', 'traurig')"))
	must(conn.Exec(ctx, table))
	places := "$1"
	for at := 2; at <= 26; at++ {
		places += ", $" + strconv.Itoa(at)
	}
	for _, mode := range []pgx.QueryExecMode{pgx.QueryExecModeCacheStatement, pgx.QueryExecModeCacheDescribe, pgx.QueryExecModeDescribeExec} {
		for _, row := range typedRows() {
			tag, err := conn.Exec(ctx, "INSERT INTO typed VALUES ("+places+")", append([]any{mode}, row...)...)
			say("types", "mode", mode.String(), "id", row[0], "tag", tag.String(), "state", stateOf(err))
		}
		for _, row := range must(pgx.CollectRows(must(conn.Query(ctx, "SELECT typed::text FROM typed ORDER BY id")), values)) {
			say("types", "row", row)
		}
		for _, format := range []int16{pgx.TextFormatCode, pgx.BinaryFormatCode} {
			rows := must(conn.Query(ctx, "SELECT * FROM typed ORDER BY id", mode, pgx.QueryResultFormats{format}))
			for _, row := range must(pgx.CollectRows(rows, values)) {
				say("formats", "mode", mode.String(), "format", format, "row", row)
			}
		}
		must(conn.Exec(ctx, "TRUNCATE typed"))
	}
	for _, mode := range modes {
		say("types", "mode", mode.String(), "row", row(conn, "SELECT $1::numeric, $2::timestamptz, $3::bytea, $4::text[], $5::float8", mode,
			numeric("-0.00000000000000000001"), time.Unix(0, 0).UTC(), []byte("it's \x00"), []string{"{}", "ä"}, 0.1))
	}
}
