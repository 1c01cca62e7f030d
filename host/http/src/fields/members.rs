//! Which members the entries of a listing have beside those that each has: the query parameter
//! `fields`.
//!
//! It adds members and takes none away, so that an entry always has what clients and their types
//! rely on. Naming one that is always there is no mistake.

use crate::fields::query::Query;
use crate::problem::{Problem, Result};

const ALWAYS: [&str; 9] = [
    "name", "path", "type", "size", "mode", "owner", "group", "mtime", "etag",
];
const SHA256: &str = "sha256";
const CONTENT_TYPE: &str = "content_type";
/// Those that have to be named.
pub(crate) const OPTIONAL: [&str; 2] = [SHA256, CONTENT_TYPE];

/// What else is wanted of each entry.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct EntryMembers {
    pub(crate) sha256: bool,
    pub(crate) content_type: bool,
}

impl EntryMembers {
    /// The query parameter that names them.
    pub(crate) const PARAMETER: &str = "fields";

    /// Those that a query names, in one parameter or several, separated by commas.
    pub(crate) fn of(query: &Query) -> Result<Self> {
        let mut members = Self::default();
        let named = query.list(Self::PARAMETER).flat_map(|text| text.split(','));
        for name in named.map(str::trim).filter(|name| !name.is_empty()) {
            match name {
                SHA256 => members.sha256 = true,
                CONTENT_TYPE => members.content_type = true,
                name if ALWAYS.contains(&name) => {}
                unknown => return Err(refused(unknown)),
            }
        }
        Ok(members)
    }
}

fn refused(name: &str) -> Problem {
    Problem::bad_request(format!(
        "the query parameter 'fields' names '{name}', which no entry has; it adds {SHA256} and \
         {CONTENT_TYPE} to what each entry has: {}",
        ALWAYS.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use http::Uri;

    use super::*;

    fn members(query: &str) -> Result<EntryMembers> {
        let uri: Uri = format!("/?{query}").parse().expect("a uri");
        EntryMembers::of(&Query::of(&uri, &["fields"])?)
    }

    #[test]
    fn adds_what_is_named() {
        for (query, sha256, content_type) in [
            ("", false, false),
            ("fields=", false, false),
            ("fields=name,size", false, false),
            ("fields=sha256", true, false),
            ("fields=content_type%2C%20sha256,", true, true),
            ("fields=name,path,type,sha256,sha256", true, false),
            // As clients write a list that were generated from the OpenAPI document.
            ("fields=sha256&fields=content_type", true, true),
            ("fields=size&fields=sha256,name", true, false),
        ] {
            let expected = EntryMembers {
                sha256,
                content_type,
            };
            assert_eq!(members(query).expect(query), expected, "{query}");
        }
    }

    #[test]
    fn what_no_entry_has_is_refused_with_what_they_have() {
        for query in [
            "fields=sha-256",
            "fields=name,SHA256",
            "fields=md5",
            "fields=sha256&fields=md5",
        ] {
            let problem = members(query).expect_err(query);
            let message = problem.error().message().to_owned();
            assert!(
                message.contains("adds sha256 and content_type"),
                "{message}"
            );
            assert!(message.ends_with("mtime, etag"), "{message}");
        }
    }
}
