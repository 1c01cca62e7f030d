//! What a line of a dump looks like. Bytes are hexadecimal, and what a line does not know is
//! refused rather than lost.

use std::ops::Range;

use callfs_model::metadata::{Content, Intent, Link, LinkOptions, MakerRights, Record, Use};
use callfs_model::path::FilePath;
use callfs_model::storage::ObjectIdentity;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Counts;
use crate::object;

/// The first line. Only the version is looked at before it is known.
#[derive(Serialize, Deserialize)]
pub(super) struct Header {
    pub(super) callfs_metadata: u32,
    /// In milliseconds since 1970-01-01T00:00:00Z.
    #[serde(default)]
    pub(super) exported: i64,
}

/// Every other line.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum DumpLine {
    Record(RecordLine),
    Intent(IntentLine),
    Link(LinkLine),
    End(Counts),
}

/// Bytes of one length.
pub(super) struct Hex<const N: usize>(pub(super) [u8; N]);

/// An object, as rows name it.
pub(super) struct ObjectLine(ObjectIdentity);

impl Serialize for ObjectLine {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&object::written(&self.0))
    }
}

impl<'de> Deserialize<'de> for ObjectLine {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let object = object::read(&text);
        let malformed = || D::Error::custom("an object is its storage, a colon and its name");
        object.map(Self).ok_or_else(malformed)
    }
}

/// Permission bits.
fn mode<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let mode = u32::deserialize(deserializer)?;
    if mode > 0o7777 {
        return Err(D::Error::custom("a mode has at most the bits 0o7777"));
    }
    Ok(mode)
}

/// Ranges that are not empty, in their order.
fn ascending<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Range<u64>>, D::Error> {
    let ranges = Vec::<Range<u64>>::deserialize(deserializer)?;
    let one_by_one = ranges.iter().all(|one| one.start < one.end)
        && ranges.is_sorted_by(|one, next| one.end <= next.start);
    if !one_by_one {
        return Err(D::Error::custom("ranges do not follow one another"));
    }
    Ok(ranges)
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RecordLine {
    path: FilePath,
    owner: String,
    group: String,
    #[serde(deserialize_with = "mode")]
    mode: u32,
    content: Option<ContentLine>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ContentLine {
    etag: Option<String>,
    content_type: Option<String>,
    sha256: Option<Hex<32>>,
    /// In nanoseconds since 1970-01-01T00:00:00Z.
    modified: Option<i64>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct IntentLine {
    pub(super) id: Hex<16>,
    pub(super) intent: What,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum What {
    Rename {
        from: FilePath,
        to: FilePath,
    },
    #[serde(rename = "discard")]
    Tombstone {
        path: FilePath,
        inside: bool,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        storage: Option<Hex<16>>,
    },
    Reconcile {
        path: FilePath,
    },
    Exchange {
        one: FilePath,
        other: FilePath,
        objects: [ObjectLine; 2],
    },
}

/// Times are in milliseconds since 1970-01-01T00:00:00Z.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LinkLine {
    id: Hex<16>,
    token_sha256: Hex<32>,
    path: FilePath,
    maker: String,
    #[serde(default, skip_serializing_if = "is_unknown")]
    rights: MakerRights,
    #[serde(default, skip_serializing_if = "is_plain")]
    options: LinkOptions,
    filename: Option<String>,
    created: i64,
    expires: i64,
    max_uses: u32,
    spent: u32,
    uses: Vec<UseLine>,
}

fn is_unknown(rights: &MakerRights) -> bool {
    *rights == MakerRights::default()
}

fn is_plain(options: &LinkOptions) -> bool {
    *options == LinkOptions::default()
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct UseLine {
    holder: Hex<16>,
    taken: bool,
    until: i64,
    version: String,
    #[serde(deserialize_with = "ascending")]
    handed: Vec<Range<u64>>,
}

impl<const N: usize> Serialize for Hex<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::encode(self.0))
    }
}

impl<'de, const N: usize> Deserialize<'de> for Hex<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let mut bytes = [0; N];
        let decoded = hex::decode_to_slice(&text, &mut bytes);
        decoded.map_err(|_| D::Error::custom(format!("expected {} hexadecimal digits", 2 * N)))?;
        Ok(Self(bytes))
    }
}

impl From<Record> for RecordLine {
    fn from(record: Record) -> Self {
        let Record {
            path,
            owner,
            group,
            mode,
            content,
            object: _,
            next: _,
            revision: _,
        } = record;
        let content = content.map(
            |Content {
                 etag,
                 content_type,
                 sha256,
                 modified,
                 changed: _,
             }| ContentLine {
                etag,
                content_type,
                sha256: sha256.map(Hex),
                modified,
            },
        );
        Self {
            path,
            owner,
            group,
            mode,
            content,
        }
    }
}

impl From<RecordLine> for Record {
    fn from(line: RecordLine) -> Self {
        let RecordLine {
            path,
            owner,
            group,
            mode,
            content,
        } = line;
        let content = content.map(
            |ContentLine {
                 etag,
                 content_type,
                 sha256,
                 modified,
             }| Content {
                etag,
                content_type,
                sha256: sha256.map(|hex| hex.0),
                modified,
                changed: None,
            },
        );
        Self {
            path,
            owner,
            group,
            mode,
            content,
            object: None,
            next: None,
            revision: 0,
        }
    }
}

impl What {
    /// None if it is not of a dump.
    pub(super) fn of(intent: Intent) -> Option<Self> {
        Some(match intent {
            Intent::Rename { from, to } => Self::Rename { from, to },
            Intent::Tombstone {
                path,
                inside,
                storage,
                newest: _,
            } => Self::Tombstone {
                path,
                inside,
                storage: storage.map(Hex),
            },
            Intent::Reconcile { path } => Self::Reconcile { path },
            Intent::Exchange {
                one,
                other,
                objects,
            } => Self::Exchange {
                one,
                other,
                objects: objects.map(ObjectLine),
            },
            Intent::Mounted { .. } => return None,
        })
    }
}

impl From<What> for Intent {
    fn from(what: What) -> Self {
        match what {
            What::Rename { from, to } => Self::Rename { from, to },
            What::Tombstone {
                path,
                inside,
                storage,
            } => Self::Tombstone {
                path,
                inside,
                storage: storage.map(|hex| hex.0),
                newest: None,
            },
            What::Reconcile { path } => Self::Reconcile { path },
            What::Exchange {
                one,
                other,
                objects,
            } => Self::Exchange {
                one,
                other,
                objects: objects.map(|object| object.0),
            },
        }
    }
}

impl From<Link> for LinkLine {
    fn from(link: Link) -> Self {
        let Link {
            id,
            token_sha256,
            path,
            maker,
            rights,
            options,
            filename,
            created,
            expires,
            max_uses,
            spent,
            uses,
            revision: _,
        } = link;
        let line = |Use {
                        holder,
                        taken,
                        until,
                        version,
                        handed,
                    }| {
            let holder = Hex(u128::to_be_bytes(holder));
            UseLine {
                holder,
                taken,
                until,
                version,
                handed,
            }
        };
        let id = Hex(id);
        let token_sha256 = Hex(token_sha256);
        let uses = uses.into_iter().map(line).collect();
        Self {
            id,
            token_sha256,
            path,
            maker,
            rights,
            options,
            filename,
            created,
            expires,
            max_uses,
            spent,
            uses,
        }
    }
}

impl From<LinkLine> for Link {
    fn from(line: LinkLine) -> Self {
        let LinkLine {
            id,
            token_sha256,
            path,
            maker,
            rights,
            options,
            filename,
            created,
            expires,
            max_uses,
            spent,
            uses,
        } = line;
        let one = |UseLine {
                       holder,
                       taken,
                       until,
                       version,
                       handed,
                   }| {
            let holder = u128::from_be_bytes(holder.0);
            Use {
                holder,
                taken,
                until,
                version,
                handed,
            }
        };
        let id = id.0;
        let token_sha256 = token_sha256.0;
        let uses = uses.into_iter().map(one).collect();
        Self {
            id,
            token_sha256,
            path,
            maker,
            rights,
            options,
            filename,
            created,
            expires,
            max_uses,
            spent,
            uses,
            revision: 0,
        }
    }
}
