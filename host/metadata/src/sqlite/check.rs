//! Whether a file is sound: its pages are, and this program can read each of its rows.
//!
//! A file that is not would answer some questions, and fail or lie in others, so it is not used,
//! and the error names the file and the way out.

use std::path::Path;

use callfs_model::error::{Error, Result};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};

use super::failure::{malformed, malformed_row, opening};
use super::scan::EVERY_RECORD;
use crate::sql::{COLUMNS, IntentRow, LinkRow, SqlRow};

/// Why a row cannot be read.
type Unreadable = String;

/// Fails if the file is malformed.
pub(super) fn check(connection: &Connection, file: &Path) -> Result<()> {
    let check = "PRAGMA quick_check(1)";
    let found = connection.query_row(check, [], |row| row.get::<_, String>(0));
    match found.map_err(|cause| opening(file, cause))? {
        found if found == "ok" => {}
        found => return Err(malformed(file, &found)),
    }
    let answer = connection.query_row("SELECT last FROM revision", [], |_| Ok(()));
    answer.map_err(|cause| malformed(file, &cause.to_string()).because(cause))?;

    let rows = |table, key, list: &str, read| check_rows(connection, file, table, key, list, read);
    rows("records", "path", EVERY_RECORD, |row| {
        said(SqlRow::of(row))?.record().map(drop).map_err(reason)
    })?;
    let intents = "SELECT id, kind, source, target FROM intents";
    rows("intents", "id", intents, |row| {
        said(IntentRow::of(row))?.intent().map(drop).map_err(reason)
    })?;
    let links = format!("SELECT {COLUMNS} FROM links");
    rows("links", "id", &links, |row| {
        said(LinkRow::of(row))?.link().map(drop).map_err(reason)
    })
}

/// All rows of a table; `list` has the column `key`, which tells them apart, first.
fn check_rows(
    connection: &Connection,
    file: &Path,
    table: &str,
    key: &str,
    list: &str,
    read: fn(&Row<'_>) -> Result<(), Unreadable>,
) -> Result<()> {
    let cannot = |cause| opening(file, cause);
    let mut statement = connection.prepare(list).map_err(cannot)?;
    let mut rows = statement.query([]).map_err(cannot)?;
    while let Some(row) = rows.next().map_err(cannot)? {
        if let Err(why) = read(row) {
            let key_value = literal(row.get_ref(0).map_err(cannot)?);
            return Err(malformed_row(
                file,
                table,
                &format!("{key} = {key_value}"),
                &why,
            ));
        }
    }
    Ok(())
}

fn said<T>(row: rusqlite::Result<T>) -> Result<T, Unreadable> {
    row.map_err(|cause| cause.to_string())
}

fn reason(error: Error) -> Unreadable {
    error.causes().unwrap_or_else(|| error.message().to_owned())
}

/// A value as SQL has it, in characters that no shell takes for its own between double quotes.
fn literal(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => "NULL".into(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => number.to_string(),
        ValueRef::Text(text) => format!("CAST(x'{}' AS TEXT)", hex::encode(text)),
        ValueRef::Blob(bytes) => format!("x'{}'", hex::encode(bytes)),
    }
}
