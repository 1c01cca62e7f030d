//! What failures of PostgreSQL mean to the rest of CallFS. Passwords are in none of them.

use callfs_model::error::{Error, ErrorKind};
use sqlx::postgres::PgConnectOptions;

/// Failures of one store.
pub(super) struct PostgresFailures {
    place: String,
}

impl PostgresFailures {
    pub(super) fn of(options: &PgConnectOptions) -> Self {
        let database = options
            .get_database()
            .unwrap_or_else(|| options.get_username());
        Self {
            place: format!("{}:{}/{database}", options.get_host(), options.get_port()),
        }
    }

    /// What the store is called.
    pub(super) fn store(&self) -> String {
        format!("the metadata store (PostgreSQL at {})", self.place)
    }

    /// Nothing can be changed.
    pub(super) fn read_only(&self) -> Error {
        let store = self.store();
        let message = format!("{store} is read-only; name the primary in the url");
        Error::new(ErrorKind::BackendUnavailable, message)
    }

    /// A statement, or a connection, that failed.
    pub(super) fn failed(&self, cause: sqlx::Error) -> Error {
        let store = self.store();
        let unavailable =
            |why: &str| Error::new(ErrorKind::BackendUnavailable, format!("{store} {why}"));
        let code = cause
            .as_database_error()
            .and_then(|cause| cause.code())
            .unwrap_or_default()
            .into_owned();
        // https://www.postgresql.org/docs/current/errcodes-appendix.html
        let error = match (&cause, code.get(..2)) {
            (sqlx::Error::PoolTimedOut, _) => {
                unavailable("cannot be reached or is overloaded; see that it runs")
            }
            (sqlx::Error::Io(cause), _) if cause.kind() == std::io::ErrorKind::TimedOut => {
                unavailable("did not answer in time; see that it runs")
            }
            (sqlx::Error::Io(_) | sqlx::Error::Protocol(_) | sqlx::Error::WorkerCrashed, _) => {
                unavailable("cannot be reached; see that it runs")
            }
            (sqlx::Error::Tls(_), _) => {
                unavailable("cannot be reached by TLS; see its certificate, and sslmode in the url")
            }
            (_, Some("08" | "57" | "58")) => unavailable("is going down or not ready yet"),
            (_, Some("28")) => {
                unavailable("does not let this user in; see the user and the password in the url")
            }
            (_, Some("3D")) => unavailable("does not exist; make the database first"),
            (_, Some("53")) if code == "53100" => Error::new(
                ErrorKind::InsufficientStorage,
                format!("the disk of {store} is full"),
            ),
            (_, Some("53")) => unavailable("has too many connections, or not enough memory"),
            (_, Some("25")) => self.read_only(),
            (_, Some("40" | "55")) => unavailable("is locked by others for too long"),
            _ => return Error::internal(cause),
        };
        error.because(cause)
    }
}
