//! Connections as libpq's variables describe them, and the transcript's lines.
use std::env::var;
use std::time::Duration;

use futures_util::{stream, StreamExt};
use rustls::pki_types::{pem::PemObject, CertificateDer};
use serde_json::{json, Value};
use tokio::sync::mpsc::{unbounded_channel, UnboundedReceiver};
use tokio_postgres::config::{ChannelBinding, SslMode};
use tokio_postgres::{AsyncMessage, Client, Config, Error, Row};
use tokio_postgres_rustls::MakeRustlsConnect;

fn setting(name: &str) -> String {
    var(name).unwrap_or_else(|_| panic!("{name} is not set"))
}

pub fn tls() -> MakeRustlsConnect {
    let mut roots = rustls::RootCertStore::empty();
    if let Ok(file) = var("PGSSLROOTCERT") {
        for certificate in CertificateDer::pem_file_iter(file).expect("an authority") {
            roots.add(certificate.expect("a certificate")).expect("an authority");
        }
    }
    MakeRustlsConnect::new(rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth())
}

pub fn config() -> Config {
    let mut config = Config::new();
    config
        .host(setting("PGHOST"))
        .port(setting("PGPORT").parse().expect("a port"))
        .user(setting("PGUSER"))
        .password(setting("PGPASSWORD"))
        .dbname(setting("PGDATABASE"))
        .ssl_mode(if setting("PGSSLMODE") == "disable" { SslMode::Disable } else { SslMode::Require })
        .channel_binding(match setting("PGCHANNELBINDING").as_str() {
            "require" => ChannelBinding::Require,
            _ => ChannelBinding::Disable,
        });
    config
}

/// A client whose connection runs beside it, and what the server says unasked.
pub async fn connected() -> Result<(Client, UnboundedReceiver<AsyncMessage>), Error> {
    let (client, mut connection) = config().connect(tls()).await?;
    let (sender, unasked) = unbounded_channel();
    tokio::spawn(async move {
        let mut messages = stream::poll_fn(move |context| connection.poll_message(context));
        while let Some(Ok(message)) = messages.next().await {
            let _ = sender.send(message);
        }
    });
    Ok((client, unasked))
}

/// One line of the transcript: what the driver observed.
pub fn say(step: &str, seen: Value) {
    println!("{}", json!({ "step": step, "seen": seen }));
}

/// The SQLSTATE of an error; what it was without one.
pub fn state_of<T>(result: Result<T, Error>) -> Value {
    match result {
        Ok(_) => json!("ok"),
        Err(error) => match error.code() {
            Some(state) => json!(state.code()),
            None => json!(error.to_string()),
        },
    }
}

/// A column of 32-bit integers.
pub fn numbers(rows: &[Row]) -> Vec<i32> {
    rows.iter().map(|row| row.get(0)).collect()
}

pub async fn until_running(observer: &Client, text: &str) {
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'active' \
               AND starts_with(query, $1) AND pid <> pg_backend_pid()";
    loop {
        let count: i64 = observer.query_one(sql, &[&text]).await.expect("activity").get(0);
        if count > 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

pub fn sha256(bytes: &[u8]) -> String {
    use sha2::{Digest, Sha256};
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
