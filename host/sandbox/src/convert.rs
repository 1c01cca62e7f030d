//! The contract's words in the words of the gateway, and back.

use callfs_model::error::{Error, ErrorKind, Result};
use callfs_model::identity::Identity;
use callfs_model::storage::{Attributes, ByteRange, Condition, DirectoryEntry, EntryKind};

use super::bindings::callfs::plugin::types as wit;
use super::instance::InstanceState;

impl wit::Host for InstanceState {}

/// An error of a component. Its text may reach a client, so it is cut; what it names is the
/// component's business.
pub(super) fn error_in(error: wit::Error, plugin: &str) -> Error {
    let error = match error {
        wit::Error::NotFound => Error::new(ErrorKind::NotFound, "not found"),
        wit::Error::AlreadyExists => Error::new(ErrorKind::AlreadyExists, "already exists"),
        wit::Error::NotADirectory => Error::new(ErrorKind::NotADirectory, "not a directory"),
        wit::Error::IsADirectory => Error::new(ErrorKind::IsADirectory, "is a directory"),
        wit::Error::DirectoryNotEmpty => {
            Error::new(ErrorKind::DirectoryNotEmpty, "the directory is not empty")
        }
        wit::Error::PreconditionFailed => Error::new(
            ErrorKind::PreconditionFailed,
            "the precondition does not hold",
        ),
        wit::Error::InvalidRange(size) => Error::new(
            ErrorKind::RangeNotSatisfiable { size },
            format!("the range starts after the end of {size} bytes"),
        ),
        wit::Error::InsufficientStorage => {
            Error::new(ErrorKind::InsufficientStorage, "no space is left")
        }
        wit::Error::AccessDenied(why) => Error::new(ErrorKind::PermissionDenied, cut(why)),
        wit::Error::Unsupported(why) => Error::new(ErrorKind::Unsupported, cut(why)),
        wit::Error::InvalidArgument(why) => Error::new(ErrorKind::BadRequest, cut(why)),
        wit::Error::Unavailable(why) => Error::new(ErrorKind::BackendUnavailable, cut(why)),
        wit::Error::Interrupted(why) => Error::new(ErrorKind::Interrupted, cut(why)),
        wit::Error::Other(other) => {
            let kind = if other.retryable {
                ErrorKind::BackendUnavailable
            } else {
                ErrorKind::PluginFailed
            };
            Error::new(kind, cut(format!("{}: {}", other.code, other.message)))
        }
    };
    match error.kind() {
        ErrorKind::BackendUnavailable | ErrorKind::PluginFailed => error.of_plugin(plugin),
        _ => error,
    }
}

/// An error of the host, for a component: what it may know of it.
pub(super) fn error_out(error: &Error) -> wit::Error {
    let message = || error.message().to_owned();
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::Gone => wit::Error::NotFound,
        ErrorKind::AlreadyExists => wit::Error::AlreadyExists,
        ErrorKind::NotADirectory => wit::Error::NotADirectory,
        ErrorKind::IsADirectory => wit::Error::IsADirectory,
        ErrorKind::DirectoryNotEmpty => wit::Error::DirectoryNotEmpty,
        ErrorKind::PreconditionFailed => wit::Error::PreconditionFailed,
        ErrorKind::RangeNotSatisfiable { size } => wit::Error::InvalidRange(size),
        ErrorKind::InsufficientStorage => wit::Error::InsufficientStorage,
        ErrorKind::PermissionDenied | ErrorKind::Unauthenticated => {
            wit::Error::AccessDenied(message())
        }
        ErrorKind::Unsupported => wit::Error::Unsupported(message()),
        ErrorKind::BadRequest => wit::Error::InvalidArgument(message()),
        ErrorKind::Interrupted | ErrorKind::PayloadTooLarge | ErrorKind::DigestMismatch => {
            wit::Error::Interrupted(message())
        }
        ErrorKind::BackendUnavailable
        | ErrorKind::BackendTimeout
        | ErrorKind::Locked
        | ErrorKind::NotReady
        | ErrorKind::PluginFailed => wit::Error::Unavailable(message()),
        ErrorKind::Internal => wit::Error::Other(wit::OtherError {
            code: "INTERNAL_ERROR".into(),
            message: message(),
            retryable: false,
        }),
    }
}

/// The longest text of a component that is passed on, in bytes.
const MAX_TEXT: usize = 500;

/// Text of a component as it may appear in answers and logs: one line, and not a long one.
pub(super) fn cut(mut text: String) -> String {
    text.retain(|c| !c.is_control());
    text.truncate(text.floor_char_boundary(MAX_TEXT));
    text
}

/// The longest entity tag or media type of a component that counts, in bytes: each of them becomes
/// a header of an answer, and is recorded.
const MAX_FIELD: usize = 1024;

/// The names of the extra attributes.
const CONTENT_ENCODING: &str = "content-encoding";
const OBJECT: &str = "object";
const CHANGED: &str = "changed";
/// The longest name of an object that counts, in bytes: it is recorded.
const MAX_OBJECT: usize = 64;

/// A longer one counts as none.
fn bounded(field: Option<String>) -> Option<String> {
    field.filter(|text| text.len() <= MAX_FIELD)
}

pub(super) fn attributes_in(attributes: wit::Attributes) -> Attributes {
    let wit::Attributes {
        kind,
        size,
        etag,
        modified,
        mode,
        content_type,
        extra,
    } = attributes;
    let (mut content_encoding, mut object, mut changed) = (None, None, None);
    for (name, value) in extra {
        match name.as_str() {
            CONTENT_ENCODING => content_encoding = content_encoding.or(Some(value)),
            OBJECT => object = object.or(Some(value)),
            CHANGED => changed = changed.or(value.parse().ok()),
            _ => {}
        }
    }
    let is_name = |name: &String| {
        (1..=MAX_OBJECT).contains(&name.len()) && !name.chars().any(char::is_control)
    };
    Attributes {
        kind: kind_in(kind),
        size,
        etag: bounded(etag),
        modified,
        mode: mode.map(|mode| mode & 0o7777),
        // Whether bits are kept is not in the contract.
        keeps_mode: false,
        content_type: bounded(content_type),
        content_encoding: bounded(content_encoding),
        object: object.filter(is_name),
        changed,
    }
}

pub(super) fn attributes_out(attributes: Attributes) -> wit::Attributes {
    let Attributes {
        kind,
        size,
        etag,
        modified,
        mode,
        keeps_mode: _,
        content_type,
        content_encoding,
        object,
        changed,
    } = attributes;
    let extra = [
        (CONTENT_ENCODING, content_encoding),
        (OBJECT, object),
        (CHANGED, changed.map(|time| time.to_string())),
    ];
    let extra = extra
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)));
    wit::Attributes {
        kind: kind_out(kind),
        size,
        etag,
        modified,
        mode,
        content_type,
        extra: extra.collect(),
    }
}

pub(super) fn entry_in(entry: wit::Entry) -> DirectoryEntry {
    DirectoryEntry {
        name: entry.name,
        attributes: attributes_in(entry.attributes),
        link: entry.link,
    }
}

pub(super) fn entry_out(entry: DirectoryEntry) -> wit::Entry {
    wit::Entry {
        name: entry.name,
        attributes: attributes_out(entry.attributes),
        link: entry.link,
    }
}

fn kind_in(kind: wit::Kind) -> EntryKind {
    match kind {
        wit::Kind::File => EntryKind::File,
        wit::Kind::Directory => EntryKind::Directory,
        wit::Kind::Special => EntryKind::Special,
    }
}

pub(super) fn kind_out(kind: EntryKind) -> wit::Kind {
    match kind {
        EntryKind::File => wit::Kind::File,
        EntryKind::Directory => wit::Kind::Directory,
        EntryKind::Special => wit::Kind::Special,
    }
}

pub(super) fn condition_in(condition: wit::Condition) -> Condition {
    match condition {
        wit::Condition::Always => Condition::Always,
        wit::Condition::Absent => Condition::Absent,
        wit::Condition::EtagIn(etags) => Condition::EtagIn(etags),
    }
}

pub(super) fn condition_out(condition: Condition) -> wit::Condition {
    match condition {
        Condition::Always => wit::Condition::Always,
        Condition::Absent => wit::Condition::Absent,
        Condition::EtagIn(etags) => wit::Condition::EtagIn(etags),
    }
}

pub(super) fn range_in(range: wit::ByteRange) -> ByteRange {
    ByteRange {
        start: range.start,
        end: range.end,
    }
}

pub(super) fn range_out(range: ByteRange) -> wit::ByteRange {
    wit::ByteRange {
        start: range.start,
        end: range.end,
    }
}

/// An identity, unless one of its names could not be the owner of a file.
pub(super) fn identity_in(identity: wit::Identity, plugin: &str) -> Result<Identity> {
    let wit::Identity {
        subject,
        groups,
        admin,
        attributes,
    } = identity;
    let is_name =
        |name: &String| (1..=255).contains(&name.len()) && !name.chars().any(char::is_control);
    if std::iter::once(&subject).chain(&groups).all(is_name) {
        return Ok(Identity {
            subject,
            groups,
            admin,
            attributes,
        });
    }
    let message = format!(
        "the plugin '{plugin}' recognised a user or group whose name is empty, too long or not \
         printable"
    );
    Err(Error::new(ErrorKind::PluginFailed, message).of_plugin(plugin))
}

pub(super) fn identity_out(identity: &Identity) -> wit::Identity {
    let Identity {
        subject,
        groups,
        admin,
        attributes,
    } = identity.clone();
    wit::Identity {
        subject,
        groups,
        admin,
        attributes,
    }
}
