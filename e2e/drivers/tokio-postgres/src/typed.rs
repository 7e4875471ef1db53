//! Errors in transactions, and values of many types there and back; tokio-postgres speaks binary only.
use std::net::IpAddr;
use std::time::Duration;

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use rust_decimal::Decimal;
use serde_json::{json, Value};
use tokio_postgres::types::{Date, Timestamp, ToSql};
use tokio_postgres::{AsyncMessage, Client, Error};
use uuid::Uuid;

use crate::session::{connected, numbers, say, state_of};

type Param<'a> = &'a (dyn ToSql + Sync);

pub async fn transaction_error(client: &mut Client) -> Result<(), Error> {
    client.batch_execute("CREATE TABLE account (id int PRIMARY KEY, owner int REFERENCES account DEFERRABLE)").await?;
    client.batch_execute("CREATE TABLE late (id int REFERENCES account DEFERRABLE INITIALLY DEFERRED)").await?;
    let steps: [(&str, &[Param]); 17] = [
        ("BEGIN", &[]),
        ("INSERT INTO account VALUES ($1, NULL)", &[&1]),
        ("SAVEPOINT here", &[]),
        ("INSERT INTO account VALUES ($1, NULL)", &[&1]),
        ("SELECT 1", &[]),
        ("ROLLBACK TO here", &[]),
        ("INSERT INTO account VALUES ($1, $2)", &[&2, &1]),
        ("COMMIT", &[]),
        ("BEGIN", &[]),
        ("SELECT $1::int / 0", &[&1]),
        ("SELECT $1::int", &[&1]),
        ("COMMIT", &[]),
        ("BEGIN", &[]),
        ("SET CONSTRAINTS ALL DEFERRED", &[]),
        ("INSERT INTO account VALUES ($1, $2)", &[&3, &99]),
        ("COMMIT", &[]),
        ("INSERT INTO late VALUES ($1)", &[&99]),
    ];
    let mut seen = Vec::new();
    for (text, params) in steps {
        seen.push(state_of(client.execute(text, params).await));
    }
    say("transaction_error", json!(seen));
    let rows = client.query("SELECT id FROM account ORDER BY id", &[]).await?;
    say("transaction_error", json!({ "rows": numbers(&rows) }));
    let mut outer = client.transaction().await?;
    outer.execute("INSERT INTO account VALUES ($1, NULL)", &[&7]).await?;
    let inner = outer.savepoint("nested").await?;
    say("transaction_error", state_of(inner.execute("INSERT INTO account VALUES ($1, NULL)", &[&7]).await));
    inner.rollback().await?;
    outer.execute("INSERT INTO account VALUES ($1, NULL)", &[&8]).await?;
    outer.commit().await?;
    let dropped = client.transaction().await?;
    dropped.execute("DELETE FROM account", &[]).await.err();
    drop(dropped);
    let rows = client.query("SELECT id FROM account ORDER BY id", &[]).await?;
    say("transaction_error", json!({ "rows": numbers(&rows) }));
    let (loud, mut unasked) = connected().await?;
    loud.batch_execute("DO $$ BEGIN RAISE NOTICE 'sieh %', 'ünïcødé'; RAISE WARNING 'obacht'; END $$").await?;
    for _ in 0..2 {
        let message = tokio::time::timeout(Duration::from_secs(20), unasked.recv()).await.expect("a notice");
        if let Some(AsyncMessage::Notice(one)) = message {
            say("transaction_error", json!([one.severity(), one.code().code(), one.message()]));
        }
    }
    Ok(())
}

const TABLE: &str = "CREATE TABLE typed (
  id int PRIMARY KEY, small int2, big int8, approx float4, double float8, exact numeric, flag bool, name text,
  fixed char(5), raw bytea, at timestamptz, local timestamp, day date, clock time, doc json, docb jsonb, uid uuid,
  ints int4[], names text[], address inet, object oid, letter \"char\")";

fn moment(text: &str) -> DateTime<Utc> {
    text.parse().expect("a moment")
}

async fn inserted(client: &Client, columns: &str, params: &[Param<'_>]) -> Value {
    let places: Vec<String> = (1..=params.len()).map(|at| format!("${at}")).collect();
    let text = format!("INSERT INTO typed ({columns}) VALUES ({})", places.join(", "));
    state_of(client.execute(&text, params).await)
}

pub async fn types(client: &Client) -> Result<(), Error> {
    client.batch_execute(TABLE).await?;
    let numbers = "id, small, big, approx, double, exact, flag, object, letter, ints";
    let rest = "id, name, fixed, raw, at, local, day, clock, doc, docb, uid, names, address";
    let exact: Decimal = "12345678901234567890.123450".parse().expect("a decimal");
    let tiny: Decimal = "-0.00000000000000000001".parse().expect("a decimal");
    let ints = vec![Some(1), None, Some(-3)];
    let some: [Param; 10] = [&1, &i16::MIN, &i64::MAX, &1.5f32, &0.1f64, &exact, &true, &u32::MAX, &120i8, &ints];
    let others: [Param; 10] =
        [&2, &0i16, &i64::MIN, &f32::NAN, &f64::NEG_INFINITY, &tiny, &false, &0u32, &0i8, &Vec::<i32>::new()];
    for params in [some, others] {
        say("types", inserted(client, numbers, &params).await);
    }
    let local: NaiveDateTime = "1999-12-31T23:59:59".parse().expect("a timestamp");
    let day = NaiveDate::from_ymd_opt(1, 1, 1).expect("a day");
    let clock = NaiveTime::from_hms_micro_opt(23, 59, 59, 999_999).expect("a time");
    let names = vec![Some(""), None, Some("NULL"), Some("with \"quotes\", and \\")];
    let doc = json!({ "a": [1, null, "ü"] });
    let uid: Uuid = "00112233-4455-6677-8899-aabbccddeeff".parse().expect("a uuid");
    let address: IpAddr = "2001:db8::1".parse().expect("an address");
    let at = moment("2024-02-29T18:29:59.999999Z");
    let full: [Param; 13] = [
        &3,
        &"ä 漢字 🐘 '\"\\",
        &"ab",
        &b"\x00\xff\n'\\".as_slice(),
        &at,
        &local,
        &day,
        &clock,
        &doc,
        &doc,
        &uid,
        &names,
        &address,
    ];
    let none: [Param; 13] = [
        &4,
        &None::<&str>,
        &None::<&str>,
        &None::<&[u8]>,
        &None::<DateTime<Utc>>,
        &None::<NaiveDateTime>,
        &None::<NaiveDate>,
        &None::<NaiveTime>,
        &None::<Value>,
        &None::<Value>,
        &None::<Uuid>,
        &None::<Vec<&str>>,
        &None::<IpAddr>,
    ];
    let forever: [Param; 13] = [
        &5,
        &"",
        &"",
        &b"".as_slice(),
        &Timestamp::<DateTime<Utc>>::PosInfinity,
        &Timestamp::<NaiveDateTime>::NegInfinity,
        &Date::<NaiveDate>::PosInfinity,
        &NaiveTime::MIN,
        &json!(""),
        &json!({}),
        &Uuid::nil(),
        &Vec::<&str>::new(),
        &IpAddr::from([127, 0, 0, 1]),
    ];
    for params in [full, none, forever] {
        say("types", inserted(client, rest, &params).await);
    }
    for row in client.query("SELECT typed::text FROM typed ORDER BY id", &[]).await? {
        say("types", json!({ "row": row.get::<_, String>(0) }));
    }
    for row in client.query("SELECT id, small, big, double, exact, flag, ints FROM typed WHERE id = 1", &[]).await? {
        let exact: Decimal = row.get(4);
        let ints: Vec<Option<i32>> = row.get(6);
        say(
            "formats",
            json!([
                row.get::<_, i32>(0),
                row.get::<_, i16>(1),
                row.get::<_, i64>(2),
                row.get::<_, f64>(3),
                exact.to_string(),
                row.get::<_, bool>(5),
                ints
            ]),
        );
    }
    for row in client
        .query(
            "SELECT id, name, fixed, raw, at, docb, uid, names, address FROM typed WHERE id IN (3, 4) ORDER BY id",
            &[],
        )
        .await?
    {
        let at: Option<DateTime<Utc>> = row.get(4);
        let uid: Option<Uuid> = row.get(6);
        let address: Option<IpAddr> = row.get(8);
        say(
            "formats",
            json!([
                row.get::<_, i32>(0),
                row.get::<_, Option<String>>(1),
                row.get::<_, Option<String>>(2),
                row.get::<_, Option<Vec<u8>>>(3),
                at.map(|one| one.to_rfc3339()),
                row.get::<_, Option<Value>>(5),
                uid.map(|one| one.to_string()),
                row.get::<_, Option<Vec<Option<String>>>>(7),
                address.map(|one| one.to_string()),
            ]),
        );
    }
    // The same rows as text: only the simple protocol gives it.
    for message in client.simple_query("SELECT * FROM typed ORDER BY id").await? {
        if let tokio_postgres::SimpleQueryMessage::Row(row) = message {
            let all: Vec<Option<&str>> = (0..row.len()).map(|at| row.get(at)).collect();
            say("formats", json!(all));
        }
    }
    Ok(())
}
