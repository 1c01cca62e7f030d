//! The server and how long it may take: reads the URL, and brings the schema up to date.

use std::str::FromStr;
use std::time::Duration;

use callfs_model::error::{Error, ErrorKind, Result};
use sqlx::migrate::MigrateError;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions, Connection, PgPool};

use super::failure::PostgresFailures;

/// How long the server may take for anything.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// How long a change may take: that of a large tree takes its time.
pub(super) const CHANGE: Duration = Duration::from_secs(120);
/// How often the server is asked meanwhile whether it is there.
const PROBE: Duration = Duration::from_secs(2);

/// What a URL may say after its question mark; what else it says would be logged, whatever it is.
const PARAMETERS: [&str; 13] = [
    "sslmode",
    "ssl-mode",
    "sslrootcert",
    "ssl-root-cert",
    "ssl-ca",
    "sslcert",
    "ssl-cert",
    "sslkey",
    "ssl-key",
    "statement-cache-capacity",
    "host",
    "port",
    "dbname",
];

/// How to connect; a URL is never told on, because it may hold a password.
pub(super) fn options(url: &str) -> Result<PgConnectOptions> {
    let wrong = |_| {
        let message = "the metadata url is not one of PostgreSQL; give \
                       postgres://user:password@host:5432/database";
        Error::new(ErrorKind::BadRequest, message)
    };
    let query = url.split_once('?').map_or("", |(_, query)| query);
    for (name, _) in url::form_urlencoded::parse(query.as_bytes()) {
        if !PARAMETERS.contains(&&*name) {
            let message = format!(
                "the metadata url has the parameter '{}', which it may not have",
                name.escape_debug()
            );
            return Err(Error::new(ErrorKind::BadRequest, message));
        }
    }
    let options = PgConnectOptions::from_str(url).map_err(wrong)?;
    // The server gives up a little before we do, so that it is the one to say what takes so long.
    let timeout = (PATIENCE - Duration::from_millis(500))
        .as_millis()
        .to_string();
    let options = options.application_name("callfs").options([
        ("statement_timeout", timeout.as_str()),
        ("lock_timeout", timeout.as_str()),
        ("idle_in_transaction_session_timeout", "30000"),
        ("default_transaction_isolation", "read committed"),
        // Everything that is asked is a range of an index. What the planner knows of a directory
        // that it has not seen yet, or of any whose name is a parameter, would have it
        // sort a million names for a page of a thousand. Nothing that is asked is worth
        // compiling, and what the planner takes for costly because it was told to avoid it would
        // be.
        ("jit", "off"),
        ("plan_cache_mode", "force_custom_plan"),
        ("enable_seqscan", "off"),
        ("enable_bitmapscan", "off"),
        ("enable_sort", "off"),
    ]);
    Ok(options.disable_statement_logging())
}

/// The same for changes.
pub(super) fn writing(options: &PgConnectOptions) -> PgConnectOptions {
    let timeout = CHANGE.as_millis().to_string();
    options.clone().options([
        ("statement_timeout", timeout.as_str()),
        ("lock_timeout", "30000"),
    ])
}

/// A change, for as long as it takes and the server is there.
pub(super) async fn attended<T>(
    pool: &PgPool,
    change: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, sqlx::Error> {
    let attending = async {
        loop {
            tokio::time::sleep(PROBE).await;
            if within(sqlx::query("SELECT 1").execute(pool)).await.is_err() {
                return;
            }
        }
    };
    let late = || sqlx::Error::Io(std::io::ErrorKind::TimedOut.into());
    tokio::select! {
        done = tokio::time::timeout(CHANGE, change) => done.unwrap_or_else(|_| Err(late())),
        () = attending => Err(late()),
    }
}

/// Something that the server may take its time for, and no more.
pub(super) async fn within<T>(
    work: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, sqlx::Error> {
    match tokio::time::timeout(PATIENCE, work).await {
        Ok(done) => done,
        Err(_) => Err(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into())),
    }
}

/// A connection.
pub(super) async fn connect(options: &PgConnectOptions) -> Result<PgConnection, sqlx::Error> {
    within(options.connect()).await
}

/// Makes the schema, or brings it up to date.
pub(super) async fn migrate(options: &PgConnectOptions, failures: &PostgresFailures) -> Result<()> {
    // A large table may take its time.
    let options = options
        .clone()
        .options([("statement_timeout", "0"), ("lock_timeout", "0")]);
    let mut connection = connect(&options)
        .await
        .map_err(|cause| failures.failed(cause))?;
    let migrated = sqlx::migrate!("migrations/postgres")
        .run(&mut connection)
        .await;
    let _ = connection.close().await;
    migrated.map_err(|cause| migrating(cause, failures))
}

fn migrating(cause: MigrateError, failures: &PostgresFailures) -> Error {
    let store = failures.store();
    let message = match cause {
        MigrateError::Execute(cause) | MigrateError::ExecuteMigration(cause, _) => {
            return failures.failed(cause);
        }
        MigrateError::VersionMissing(version) => {
            format!("{store} has schema {version}, which is newer than this callfs; upgrade callfs")
        }
        MigrateError::VersionMismatch(version) => {
            format!(
                "schema {version} of {store} is not the one of this callfs; use the callfs that \
                 made it"
            )
        }
        ref other => format!("cannot bring the schema of {store} up to date: {other}"),
    };
    Error::new(ErrorKind::Internal, message).because(cause)
}
