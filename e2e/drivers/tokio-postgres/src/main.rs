//! What tokio-postgres sees of a server, step by step, as JSON lines.
mod session;
mod typed;

use std::pin::pin;

use bytes::Bytes;
use futures_util::{future::join_all, SinkExt, StreamExt, TryStreamExt};
use serde_json::json;
use session::{config, connected, numbers, say, sha256, state_of, tls, until_running};
use tokio::time::{timeout, Duration};
use tokio_postgres::binary_copy::{BinaryCopyInWriter, BinaryCopyOutStream};
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{AsyncMessage, Client, Error, SimpleQueryMessage};

async fn connect() -> Result<Client, Error> {
    let (client, _) = connected().await?;
    let row = client
        .query_one(
            "SELECT current_user::text, current_database()::text, ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()",
            &[],
        )
        .await?;
    say("connect", json!([row.get::<_, String>(0), row.get::<_, String>(1), row.get::<_, bool>(2)]));
    let refused = config().password("not the password").connect(tls()).await;
    say("connect", json!({ "wrong_password": state_of(refused) }));
    Ok(client)
}

async fn prepare(client: &Client) -> Result<(), Error> {
    let statement = client.prepare("SELECT $1::int AS id, $2::text AS name").await?;
    let types: Vec<&str> = statement.params().iter().map(Type::name).collect();
    say("prepare", json!({ "types": types }));
    for (id, name) in [(1, Some("eins")), (2, Some("zwei ä 漢字 🐘")), (3, None), (4, Some(""))] {
        let row = client.query_one(&statement, &[&id, &name]).await?;
        say("prepare", json!([row.get::<_, i32>(0), row.get::<_, Option<String>>(1)]));
    }
    say("prepare", json!({ "bad_text": state_of(client.prepare("SELEC $1").await) }));
    say("prepare", json!({ "bad_value": state_of(client.query("SELECT 10 / $1::int", &[&0]).await) }));
    let typed = client.query_typed("SELECT $1 || '!', $2 * 2", &[(&"ä", Type::TEXT), (&21i64, Type::INT8)]).await?;
    say("prepare", json!([typed[0].get::<_, String>(0), typed[0].get::<_, i64>(1)]));
    let again = client.query_one(&statement, &[&5, &"again"]).await?;
    say("prepare", json!([again.get::<_, i32>(0), again.get::<_, String>(1)]));
    // Dropping it closes it on the server, with the next message.
    drop(statement);
    client.query("SELECT 1", &[]).await?;
    Ok(())
}

async fn batch(client: &Client) -> Result<(), Error> {
    let statement = client.prepare("SELECT 100 / $1::int").await?;
    let divisors = [5, 0, 4, 0, 2];
    let params: Vec<[&(dyn ToSql + Sync); 1]> = divisors.iter().map(|one| [one as &(dyn ToSql + Sync)]).collect();
    // All are sent before the first is answered.
    let results = join_all(params.iter().map(|one| client.query(&statement, one))).await;
    for result in results {
        let read = result.as_ref().map(|rows| numbers(rows)).unwrap_or_default();
        say("batch", json!({ "pipeline": read, "state": state_of(result) }));
    }
    for message in client.simple_query("SELECT 1 AS a; SELECT 2 AS b WHERE false; SELECT NULL AS c").await? {
        match message {
            SimpleQueryMessage::Row(row) => say("batch", json!({ "row": row.get(0) })),
            SimpleQueryMessage::CommandComplete(count) => say("batch", json!({ "count": count })),
            _ => say("batch", json!("description")),
        }
    }
    say("batch", json!({ "fails": state_of(client.batch_execute("SELECT 1; SELECT 1/0; SELECT 2").await) }));
    say("batch", json!({ "empty": state_of(client.batch_execute("").await) }));
    say("batch", json!({ "empty_extended": client.execute("", &[]).await? }));
    Ok(())
}

async fn cursor(client: &mut Client) -> Result<(), Error> {
    let transaction = client.transaction().await?;
    let portal = transaction.bind("SELECT i FROM generate_series(1, $1) i", &[&8]).await?;
    for _ in 0..4 {
        say("cursor", json!({ "portal": numbers(&transaction.query_portal(&portal, 3).await?) }));
    }
    let other = transaction.bind("SELECT i FROM generate_series(1, 100) i", &[]).await?;
    say("cursor", json!({ "left_early": numbers(&transaction.query_portal(&other, 2).await?) }));
    transaction.batch_execute("DECLARE walk SCROLL CURSOR FOR SELECT i FROM generate_series(1, 10) i").await?;
    for fetch in ["FETCH 4 FROM walk", "FETCH BACKWARD 2 FROM walk"] {
        say("cursor", json!({ fetch: numbers(&transaction.query(fetch, &[]).await?) }));
    }
    transaction.commit().await?;
    let stream = client.query_raw("SELECT i FROM generate_series(1, $1::int) i", [500]).await?;
    let rows: Vec<_> = stream.try_collect().await?;
    say("cursor", json!({ "stream": [rows.len() as i32, numbers(&rows).iter().sum::<i32>()] }));
    Ok(())
}

async fn copy(client: &Client) -> Result<(), Error> {
    client.batch_execute("CREATE TABLE copied (id int PRIMARY KEY, name text)").await?;
    let mut sink = pin!(client.copy_in::<_, Bytes>("COPY copied FROM STDIN").await?);
    for row in 0..400 {
        sink.send(Bytes::from(format!("{row}\tzeile {row} ä 漢字 🐘\n"))).await?;
    }
    say("copy_in", json!({ "rows": sink.finish().await? }));
    let sink = client.copy_in("COPY copied FROM STDIN (FORMAT binary)").await?;
    let mut writer = pin!(BinaryCopyInWriter::new(sink, &[Type::INT4, Type::TEXT]));
    for row in 1000..1010i32 {
        writer.as_mut().write(&[&row, &None::<&str>]).await?;
    }
    say("copy_in", json!({ "binary_rows": writer.finish().await? }));
    let mut sink = pin!(client.copy_in::<_, Bytes>("COPY copied FROM STDIN").await?);
    sink.send(Bytes::from_static(b"2000\tfine\nx\ty\n")).await?;
    say("copy_in", json!({ "bad_row": state_of(sink.finish().await) }));
    {
        // Dropped before it is finished: the driver sends CopyFail.
        let mut sink = pin!(client.copy_in::<_, Bytes>("COPY copied FROM STDIN").await?);
        sink.send(Bytes::from_static(b"3000\tgiven up\n")).await?;
    }
    // rust-postgres#1337: after such a failure the driver takes the second ReadyForQuery for another reply.
    let (broken, _) = connected().await?;
    let missing = broken.copy_in::<_, Bytes>("COPY missing FROM STDIN").await;
    say("copy_in", json!({ "missing": state_of(missing) }));
    say("copy_in", json!({ "after": state_of(broken.query("SELECT 1", &[]).await) }));
    let out = client.copy_out("COPY (SELECT * FROM copied ORDER BY id) TO STDOUT").await?;
    let pieces: Vec<Bytes> = out.try_collect().await?;
    say("copy_out", json!({ "messages": pieces.len(), "sha256": sha256(&pieces.concat()) }));
    let out =
        client.copy_out("COPY (SELECT * FROM copied WHERE id >= 399 ORDER BY id) TO STDOUT (FORMAT binary)").await?;
    let mut rows = pin!(BinaryCopyOutStream::new(out, &[Type::INT4, Type::TEXT]));
    while let Some(row) = rows.next().await {
        let row = row?;
        say("copy_out", json!([row.get::<i32>(0), row.get::<Option<&str>>(1)]));
    }
    Ok(())
}

async fn cancel(client: &Client) -> Result<(), Error> {
    let (observer, _) = connected().await?;
    let token = client.cancel_token();
    let canceller = async {
        until_running(&observer, "SELECT pg_sleep(600)").await;
        token.cancel_query(tls()).await
    };
    let (running, asked) = tokio::join!(client.batch_execute("SELECT pg_sleep(600)"), canceller);
    say("cancel", json!({ "running": state_of(running), "asked": state_of(asked) }));
    say("cancel", json!({ "after": numbers(&client.query("SELECT 1", &[]).await?) }));
    Ok(())
}

async fn notify(client: &Client) -> Result<(), Error> {
    let (ears, mut unasked) = connected().await?;
    ears.batch_execute("LISTEN \"Kanal ä\"").await?;
    client.batch_execute("NOTIFY \"Kanal ä\", 'grüße 🐘'").await?;
    client.execute("SELECT pg_notify($1, $2)", &[&"Kanal ä", &""]).await?;
    ears.batch_execute("NOTIFY \"Kanal ä\", 'to myself'").await?;
    let mut heard = Vec::new();
    while heard.len() < 3 {
        let message = timeout(Duration::from_secs(20), unasked.recv()).await.expect("a notification");
        if let Some(AsyncMessage::Notification(one)) = message {
            heard.push(format!("{}: {}", one.channel(), one.payload()));
        }
    }
    heard.sort();
    say("notify", json!(heard));
    Ok(())
}

async fn large_object(client: &mut Client) -> Result<(), Error> {
    let content: Vec<u8> = (0..5000u32).map(|at| (at * 7) as u8).collect();
    let oid: u32 = client.query_one("SELECT lo_from_bytea(0, $1)", &[&content]).await?.get(0);
    client.execute("SELECT lo_put($1, 4990, $2)", &[&oid, &b"the end of it".as_slice()]).await?;
    let read: Vec<u8> = client.query_one("SELECT lo_get($1)", &[&oid]).await?.get(0);
    say("large_object", json!({ "length": read.len(), "sha256": sha256(&read) }));
    let transaction = client.transaction().await?;
    transaction.execute("SELECT lo_open($1, 262144)", &[&oid]).await?;
    transaction.execute("SELECT lo_lseek(0, 100, 0)", &[]).await?;
    let piece: Vec<u8> = transaction.query_one("SELECT loread(0, $1)", &[&8]).await?.get(0);
    say("large_object", json!({ "piece": piece }));
    transaction.commit().await?;
    client.execute("SELECT lo_unlink($1)", &[&oid]).await?;
    say("large_object", json!({ "gone": state_of(client.query("SELECT lo_get($1)", &[&oid]).await) }));
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let mut client = connect().await?;
    prepare(&client).await?;
    batch(&client).await?;
    cursor(&mut client).await?;
    copy(&client).await?;
    cancel(&client).await?;
    notify(&client).await?;
    large_object(&mut client).await?;
    typed::transaction_error(&mut client).await?;
    typed::types(&client).await?;
    // The connection says Terminate when its client has gone.
    drop(client);
    tokio::time::sleep(Duration::from_millis(100)).await;
    Ok(())
}
