//! The document of a `PATCH`: what it may say, and what it asks for.

use callfs_model::path::FilePath;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::fields::mtime;
use crate::fields::precondition::parse_etags;
use crate::problem::{Problem, Result};
use crate::state::{AttributeChange, Etags, MODE_BITS};

/// What the body may say. A field that is `null` is one that is absent; the OpenAPI document does
/// not say so, because every client had to handle it.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PatchDocument {
    /// Another name in the same directory.
    #[schema(nullable = false, pattern = r"^[^/\x00-\x1f\x7f-\x9f]+$")]
    name: Option<String>,
    /// Another path.
    #[schema(nullable = false, pattern = "^/")]
    destination: Option<String>,
    /// Whether a file or an empty directory that is there may be replaced.
    #[schema(nullable = false)]
    overwrite: Option<bool>,
    /// Whether missing directories on the way are made.
    #[schema(nullable = false)]
    create_parents: Option<bool>,
    /// Whether the entries at both paths change places in one step, each with everything below it.
    /// Both have to exist, of any type, and their storage has to be able to do it.
    #[schema(nullable = false)]
    exchange: Option<bool>,
    /// The entity tags of which the file at the other path must have one, as in `If-Match`, or `*`.
    #[schema(nullable = false, example = "\"v1\"")]
    destination_if_match: Option<String>,
    /// With `name`: the path of the mount to move to, where it keeps its place. With
    /// `destination`: the mount that has to be in.
    #[schema(nullable = false, pattern = "^/")]
    backend: Option<String>,
    /// The node to move to, by its id.
    #[schema(nullable = false)]
    instance: Option<String>,
    /// POSIX permission bits and the sticky bit, in octal: at most `1777`.
    #[schema(nullable = false, pattern = "^0?[01]?[0-7]{3}$")]
    mode: Option<String>,
    /// The user that owns it.
    #[schema(nullable = false, min_length = 1, max_length = 255)]
    owner: Option<String>,
    /// The group that owns it.
    #[schema(nullable = false, min_length = 1, max_length = 255)]
    group: Option<String>,
    /// Of a file: when it was last changed.
    #[schema(nullable = false, format = DateTime)]
    mtime: Option<String>,
}

/// What it asks for.
#[derive(Debug)]
pub(super) enum PatchKind {
    Rename {
        destination: FilePath,
        overwrite: bool,
        create_parents: bool,
    },
    Exchange {
        destination: FilePath,
        destination_if_match: Option<Etags>,
    },
    Change(AttributeChange),
}

/// What a document may name besides paths.
pub(super) struct AttributesPatch<'a> {
    /// Of this node.
    pub(super) id: &'a [u8],
    /// Where the storage of a path is mounted.
    pub(super) owner: &'a dyn Fn(&FilePath) -> Option<FilePath>,
}

impl PatchDocument {
    pub(super) fn wanted(self, path: &FilePath, node: &AttributesPatch<'_>) -> Result<PatchKind> {
        let changes = [
            ("mode", self.mode.is_some()),
            ("owner", self.owner.is_some()),
            ("group", self.group.is_some()),
            ("mtime", self.mtime.is_some()),
        ];
        let details = [
            ("overwrite", self.overwrite.is_some()),
            ("create_parents", self.create_parents.is_some()),
            ("exchange", self.exchange.is_some()),
            ("destination_if_match", self.destination_if_match.is_some()),
            ("backend", self.backend.is_some()),
            ("instance", self.instance.is_some()),
        ];
        let given = |fields: &[(&'static str, bool)]| {
            fields
                .iter()
                .find(|(_, given)| *given)
                .map(|(name, _)| *name)
        };

        let backend = self.backend.map(|text| backend(&text, node)).transpose()?;
        let destination = match (self.name, self.destination) {
            (Some(_), Some(_)) => {
                return Err(Problem::bad_request(
                    "give either 'name' or 'destination', not both",
                ));
            }
            (Some(name), None) => Some(beside(&in_backend(path, backend.as_ref(), node)?, &name)?),
            (None, Some(text)) => Some(destination(&text)?),
            (None, None) => None,
        };
        if let Some(destination) = destination {
            if let Some(field) = given(&changes) {
                let message = format!(
                    "'{field}' cannot be changed together with the path; send two requests"
                );
                return Err(Problem::bad_request(message));
            }
            if path.is_root() {
                return Err(Problem::bad_request("the root directory cannot be moved"));
            }
            if let Some(backend) =
                backend.filter(|backend| (node.owner)(&destination).as_ref() != Some(backend))
            {
                let message = format!(
                    "'{destination}' is not in the backend '{backend}'; give a path that is, or \
                     leave one out"
                );
                return Err(Problem::bad_request(message));
            }
            if let Some(other) = self
                .instance
                .filter(|instance| instance.as_bytes() != node.id)
            {
                let message = format!(
                    "'instance': no other node than this one is known here, and '{other}' is not \
                     its name"
                );
                return Err(Problem::bad_request(message));
            }
            let overwrite = self.overwrite.unwrap_or(false);
            let create_parents = self.create_parents.unwrap_or(false);
            if self.exchange.unwrap_or(false) {
                if overwrite || create_parents {
                    let message = "'exchange' goes without 'overwrite' and 'create_parents': both \
                                   paths have to be there, and neither is replaced";
                    return Err(Problem::bad_request(message));
                }
                let destination_if_match = self
                    .destination_if_match
                    .map(|text| other_etags(&text))
                    .transpose()?;
                return Ok(PatchKind::Exchange {
                    destination,
                    destination_if_match,
                });
            }
            if self.destination_if_match.is_some() {
                let message = "'destination_if_match' goes with 'exchange'";
                return Err(Problem::bad_request(message));
            }
            return Ok(PatchKind::Rename {
                destination,
                overwrite,
                create_parents,
            });
        }
        if let Some(field) = given(&details) {
            return Err(Problem::bad_request(format!(
                "'{field}' goes with 'name' or 'destination'"
            )));
        }
        if given(&changes).is_none() {
            let expected = "give one of 'name' and 'destination', or any of 'mode', 'owner', \
                            'group' and 'mtime'";
            return Err(Problem::bad_request(format!(
                "the body asks for nothing; {expected}"
            )));
        }
        let mode = self.mode.map(|text| mode(&text)).transpose()?;
        let owner = self
            .owner
            .map(|name| principal("owner", name))
            .transpose()?;
        let group = self
            .group
            .map(|name| principal("group", name))
            .transpose()?;
        let modified = self.mtime.map(|text| modified(&text)).transpose()?;
        Ok(PatchKind::Change(AttributeChange {
            mode,
            owner,
            group,
            modified,
        }))
    }
}

/// Reads a document.
pub(super) fn parse(bytes: &[u8]) -> Result<PatchDocument> {
    // Fields could be given by their order alone, as an array, and nobody could read what was
    // meant.
    if !bytes.trim_ascii_start().starts_with(b"{") {
        return Err(Problem::bad_request(
            "the body is not what PATCH takes: give a JSON object",
        ));
    }
    serde_json::from_slice(bytes)
        .map_err(|error| Problem::bad_request(format!("the body is not what PATCH takes: {error}")))
}

/// Another name in the same directory.
fn beside(path: &FilePath, name: &str) -> Result<FilePath> {
    if name.is_empty() || name.contains('/') {
        let message = format!(
            "'{name}' is not a single name; to move to another directory, give 'destination'"
        );
        return Err(Problem::bad_request(message));
    }
    Ok(path.parent().unwrap_or_else(FilePath::root).join(name)?)
}

/// JSON carries any text, so nothing is percent-decoded here; it is as canonical as a path in a
/// URL, or refused.
fn destination(text: &str) -> Result<FilePath> {
    FilePath::parse(text).map_err(|error| Problem::bad_request(format!("'destination': {error}")))
}

fn other_etags(text: &str) -> Result<Etags> {
    parse_etags(text).ok_or_else(|| {
        let example = "entity tags are quoted, such as \"abc\", separated by commas, or a single *";
        Problem::bad_request(format!("'destination_if_match' is malformed: {example}"))
    })
}

/// Octal digits: a number in JSON would be read as decimal by one and as octal by another. The bits
/// that run a file as its owner or group never reach a storage, so they are no mode here either.
fn mode(text: &str) -> Result<u32> {
    let is_octal =
        (3..=5).contains(&text.len()) && text.bytes().all(|b| (b'0'..=b'7').contains(&b));
    let mode = u32::from_str_radix(text, 8).ok().filter(|_| is_octal);
    let what = match mode {
        Some(mode) if mode <= MODE_BITS => return Ok(mode),
        Some(_) => {
            "the bits that can be set are the permission bits and the sticky bit, at most \"1777\""
        }
        None => "give octal digits such as \"0644\"",
    };
    Err(Problem::bad_request(format!("'mode' is '{text}'; {what}")))
}

fn principal(field: &str, name: String) -> Result<String> {
    let bad = name.is_empty() || name.len() > 255 || name.chars().any(char::is_control);
    let message =
        || format!("'{field}' is not a name: it is empty, too long or has control characters");
    if bad {
        Err(Problem::bad_request(message()))
    } else {
        Ok(name)
    }
}

/// The mount that a document names by its path.
fn backend(text: &str, node: &AttributesPatch<'_>) -> Result<FilePath> {
    let path = FilePath::parse(text)
        .map_err(|error| Problem::bad_request(format!("'backend': {error}")))?;
    if (node.owner)(&path).is_some_and(|mount| mount == path) {
        Ok(path)
    } else {
        Err(Problem::bad_request(format!(
            "'backend': nothing is mounted at '{path}'; give the path of a mount"
        )))
    }
}

/// The same place below another mount.
fn in_backend(
    path: &FilePath,
    backend: Option<&FilePath>,
    node: &AttributesPatch<'_>,
) -> Result<FilePath> {
    match (backend, (node.owner)(path)) {
        (Some(backend), Some(mount)) => Ok(path
            .moved(&mount, backend)
            .transpose()?
            .unwrap_or_else(|| path.clone())),
        _ => Ok(path.clone()),
    }
}

/// RFC 3339, as it is told in entries and headers.
fn modified(text: &str) -> Result<i64> {
    let refused = || {
        let example = "give a time of RFC 3339 such as \"2024-05-01T12:30:00Z\", from 1678 to 2261";
        Problem::bad_request(format!("'mtime' is '{text}'; {example}"))
    };
    mtime::rfc3339(text).ok_or_else(refused)
}

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::EntityTag;

    fn wanted(json: &str) -> Result<PatchKind> {
        let path = |text: &str| FilePath::parse(text).expect("a good path");
        let mounts = [path("/archive/deep"), path("/archive"), path("/")];
        let owner = |path: &FilePath| mounts.iter().find(|mount| path.is_within(mount)).cloned();
        parse(json.as_bytes())?.wanted(
            &path("/d/a"),
            &AttributesPatch {
                id: b"node-1",
                owner: &owner,
            },
        )
    }

    fn moved(json: &str) -> (String, bool, bool) {
        match wanted(json).unwrap_or_else(|problem| panic!("{json}: {}", problem.error())) {
            PatchKind::Rename {
                destination,
                overwrite,
                create_parents,
            } => (destination.to_string(), overwrite, create_parents),
            PatchKind::Exchange { .. } | PatchKind::Change(_) => panic!("{json} is no rename"),
        }
    }

    #[test]
    fn reads_a_rename_and_a_move() {
        assert_eq!(moved(r#"{"name": "b"}"#), ("/d/b".into(), false, false));
        assert_eq!(
            moved(r#"{"destination": "/e/%20/b/", "overwrite": true}"#),
            ("/e/%20/b".into(), true, false)
        );
        assert_eq!(
            moved(r#"{"destination": "/ä", "create_parents": true}"#),
            ("/ä".into(), false, true)
        );
    }

    #[test]
    fn reads_an_exchange() {
        for (json, at, tags) in [
            (r#"{"name": "b", "exchange": true}"#, "/d/b", None),
            (
                r#"{"destination": "/e", "exchange": true, "overwrite": false}"#,
                "/e",
                None,
            ),
            (
                r#"{"destination": "/e", "exchange": true, "destination_if_match": "\"v1\""}"#,
                "/e",
                Some("v1"),
            ),
        ] {
            let Ok(PatchKind::Exchange {
                destination,
                destination_if_match,
            }) = wanted(json)
            else {
                panic!("{json} is no exchange")
            };
            assert_eq!(destination.as_str(), at, "{json}");
            let expected = tags.map(|tag: &str| {
                Etags::List(vec![EntityTag {
                    weak: false,
                    tag: tag.into(),
                }])
            });
            assert_eq!(destination_if_match, expected, "{json}");
        }
        let off = r#"{"name": "b", "exchange": false, "overwrite": true}"#;
        assert_eq!(moved(off), ("/d/b".into(), true, false));
    }

    #[test]
    fn reads_attributes() {
        let PatchKind::Change(change) =
            wanted(r#"{"mode": "0640", "group": "staff"}"#).expect("a change")
        else {
            panic!("no rename")
        };
        assert_eq!(
            (change.mode, change.owner, change.group.as_deref()),
            (Some(0o640), None, Some("staff"))
        );
    }

    #[test]
    fn a_backend_is_the_path_of_a_mount() {
        let to = |json: &str| moved(json).0;
        assert_eq!(
            to(r#"{"name": "b", "backend": "/archive"}"#),
            "/archive/d/b"
        );
        assert_eq!(
            to(r#"{"name": "b", "backend": "/archive/deep/"}"#),
            "/archive/deep/d/b"
        );
        assert_eq!(
            to(r#"{"name": "b", "backend": "/", "instance": "node-1"}"#),
            "/d/b"
        );
        assert_eq!(
            to(r#"{"destination": "/archive/x", "backend": "/archive"}"#),
            "/archive/x"
        );
        for elsewhere in ["/x", "/archive/deep/x", "/archived"] {
            let json = format!(r#"{{"destination": "{elsewhere}", "backend": "/archive"}}"#);
            let refused = wanted(&json)
                .expect_err("elsewhere")
                .error()
                .message()
                .to_owned();
            assert!(
                refused.contains("is not in the backend '/archive'"),
                "{refused}"
            );
        }
    }

    #[test]
    fn reads_times() {
        let time = |text: &str| match wanted(&format!(r#"{{"mtime": "{text}"}}"#)) {
            Ok(PatchKind::Change(change)) => change.modified,
            _ => None,
        };
        assert_eq!(
            time("1994-11-06T08:49:37.5Z"),
            Some(784_111_777_500_000_000)
        );
        assert_eq!(
            time("1994-11-06T09:49:37+01:00"),
            Some(784_111_777_000_000_000)
        );
        for bad in [
            "",
            "now",
            "1994-11-06",
            "1994-11-06T08:49:37",
            "784111777",
            "3000-01-01T00:00:00Z",
        ] {
            assert_eq!(time(bad), None, "{bad}");
        }
    }

    #[test]
    fn refuses_what_it_does_not_understand() {
        let refused = |json: &str| {
            wanted(json)
                .map(|_| ())
                .expect_err(json)
                .error()
                .message()
                .to_owned()
        };
        let table = [
            ("{}", "the body asks for nothing"),
            (r#"["b", null, null]"#, "give a JSON object"),
            (r#"{"name": "b", "destination": "/c"}"#, "not both"),
            (r#"{"name": "b", "mode": "0644"}"#, "send two requests"),
            (r#"{"mode": "0644", "overwrite": true}"#, "goes with"),
            (r#"{"name": "b", "nmae": "c"}"#, "unknown field `nmae`"),
            (r#"{"name": "../b"}"#, "not a single name"),
            (r#"{"name": ".."}"#, "'..' segment"),
            (
                r#"{"destination": "/x/../y"}"#,
                "'destination': the path has a '..' segment",
            ),
            (r#"{"destination": "y"}"#, "must start with '/'"),
            (r#"{"mode": "0999"}"#, "octal digits"),
            (r#"{"mode": "rwxr-xr-x"}"#, "octal digits"),
            (r#"{"mode": "4755"}"#, "at most \"1777\""),
            (r#"{"mode": "2755"}"#, "at most \"1777\""),
            (r#"{"mode": "02000"}"#, "at most \"1777\""),
            (r#"{"mode": "7777"}"#, "at most \"1777\""),
            (r#"{"mode": "17777"}"#, "at most \"1777\""),
            (r#"{"mode": 420}"#, "expected a string"),
            (r#"{"owner": ""}"#, "not a name"),
            (
                r#"{"name": "b", "backend": "/nothing"}"#,
                "nothing is mounted at '/nothing'",
            ),
            (
                r#"{"name": "b", "backend": "x"}"#,
                "'backend': a path must start",
            ),
            (r#"{"backend": "/archive"}"#, "'backend' goes with"),
            (r#"{"exchange": true}"#, "'exchange' goes with"),
            (r#"{"name": "b", "exchange": "yes"}"#, "expected a boolean"),
            (
                r#"{"name": "b", "exchange": true, "overwrite": true}"#,
                "goes without",
            ),
            (
                r#"{"name": "b", "exchange": true, "create_parents": true}"#,
                "goes without",
            ),
            (
                r#"{"name": "b", "destination_if_match": "*"}"#,
                "goes with 'exchange'",
            ),
            (
                r#"{"name": "b", "exchange": true, "destination_if_match": "v1"}"#,
                "'destination_if_match' is malformed",
            ),
            (r#"{"name": "b", "instance": "node-2"}"#, "no other node"),
            (r#"{"instance": "node-1"}"#, "'instance' goes with"),
            (r#"{"mtime": "yesterday"}"#, "RFC 3339"),
            (
                r#"{"name": "b", "mtime": "1994-11-06T08:49:37Z"}"#,
                "send two requests",
            ),
            ("[]", "the body is not what PATCH takes"),
            ("", "the body is not what PATCH takes"),
        ];
        for (json, message) in table {
            assert!(refused(json).contains(message), "{json}: {}", refused(json));
        }
    }
}
