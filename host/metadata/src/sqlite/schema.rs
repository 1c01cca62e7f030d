//! The schema, and how an older one is brought up to date.
//!
//! sqlx carried the steps out before. They are recorded in its table, with its digests, so an
//! earlier callfs opens the same file, or refuses it in the same words.

use std::collections::BTreeMap;
use std::path::Path;

use callfs_model::error::{Error, ErrorKind, Result};
use rusqlite::{Connection, TransactionBehavior, params};
use sqlx::migrate::{Migration, Migrator};

use super::failure::migrating;
use super::file::rows;

/// All steps, in their order, with their digests.
pub(super) static MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite");

const TABLE: &str = "CREATE TABLE IF NOT EXISTS _sqlx_migrations (version BIGINT PRIMARY KEY, \
                     description TEXT NOT NULL, installed_on TIMESTAMP NOT NULL DEFAULT \
                     CURRENT_TIMESTAMP, success BOOLEAN NOT NULL, checksum BLOB NOT NULL, \
                     execution_time BIGINT NOT NULL)";

/// Carries out the steps that are not recorded in a file. A file with a step that is not among them
/// is of a later callfs, and refused.
pub(super) fn migrate(
    connection: &mut Connection,
    migrations: &[Migration],
    file: &Path,
) -> Result<()> {
    let cannot = |cause| migrating(file, cause);
    let refused = |message: String| Err(Error::new(ErrorKind::Internal, message));
    let recorded = recorded(connection).map_err(cannot)?;
    let known = |version| migrations.iter().any(|known| known.version == version);
    if let Some(version) = recorded.keys().find(|version| !known(**version)) {
        let file = file.display();
        return refused(format!(
            "the metadata store {file} has schema {version}, which is newer than this callfs; \
             upgrade callfs"
        ));
    }
    for migration in migrations {
        match recorded.get(&migration.version) {
            None => apply(connection, migration).map_err(cannot)?,
            Some(checksum) if checksum[..] == migration.checksum[..] => {}
            Some(_) => {
                let (version, file) = (migration.version, file.display());
                return refused(format!(
                    "schema {version} of the metadata store {file} is not the one of this callfs; \
                     use the callfs that made it"
                ));
            }
        }
    }
    Ok(())
}

/// The digests of the steps that are recorded, by their versions.
fn recorded(connection: &Connection) -> rusqlite::Result<BTreeMap<i64, Vec<u8>>> {
    connection.execute(TABLE, [])?;
    let list = "SELECT version, checksum FROM _sqlx_migrations";
    let listed = rows(connection, list, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(listed.into_iter().collect())
}

fn apply(connection: &mut Connection, migration: &Migration) -> rusqlite::Result<()> {
    // The time that it took is not measured.
    let record = "INSERT INTO _sqlx_migrations (version, description, success, checksum, \
                  execution_time) VALUES (?, ?, TRUE, ?, -1)";
    let values = params![migration.version, migration.description, migration.checksum];
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute_batch(migration.sql.as_str())?;
    transaction.execute(record, values)?;
    transaction.commit()
}
