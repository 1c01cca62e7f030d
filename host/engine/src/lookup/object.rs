//! Whether what is at a path is the object that its record is of.
//!
//! A record belongs to an object, not to a path: what another program put there is not what was
//! recorded. Only a storage that tells its objects apart can show that; of others, and of what was
//! recorded in another storage (a folder that was restored from a backup), nothing is known, and
//! then the path decides.

use std::sync::Arc;

use callfs_model::metadata::{NextObject, Record};
use callfs_model::path::FilePath;
use callfs_model::storage::{Attributes, ObjectIdentity, StorageIdentity};

use crate::Engine;
use crate::lookup::records::Records;

/// What an object is to a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ObjectMatch {
    /// The one that it is of.
    Itself,
    /// The one that was announced to take its place.
    Next,
    /// Another one.
    Another,
    /// The storage or the record names no object.
    Unknown,
}

impl ObjectMatch {
    /// The record is known to be of it.
    pub(crate) fn is_proof(self) -> bool {
        matches!(self, Self::Itself | Self::Next)
    }
}

/// What the object with these attributes, in this storage, is to a record.
pub(crate) fn named(
    record: &Record,
    storage: Option<StorageIdentity>,
    attributes: &Attributes,
) -> ObjectMatch {
    let (Some(storage), Some(object)) = (storage, &attributes.object) else {
        return ObjectMatch::Unknown;
    };
    let here = |identity: &&ObjectIdentity| identity.storage == storage;
    let next = record.next.as_ref().map(|next| &next.object);
    if next.filter(here).is_some_and(|next| next.object == *object) {
        return ObjectMatch::Next;
    }
    match record.object.as_ref().filter(here) {
        Some(recorded) if recorded.object == *object => ObjectMatch::Itself,
        Some(_) => ObjectMatch::Another,
        None => ObjectMatch::Unknown,
    }
}

/// The record as it is of this object; none if it is of another one.
pub(crate) fn of_object(record: Arc<Record>, named: ObjectMatch) -> Option<Arc<Record>> {
    match named {
        ObjectMatch::Itself | ObjectMatch::Unknown => Some(record),
        ObjectMatch::Another => None,
        ObjectMatch::Next => {
            let mut record = Arc::unwrap_or_clone(record);
            if let Some(next) = record.next.take() {
                let NextObject { object, content } = *next;
                record.object = Some(object);
                record.content = Some(content);
            }
            Some(record.into())
        }
    }
}

impl Engine {
    /// What an object at a path is to a record.
    pub(crate) fn named(
        &self,
        path: &FilePath,
        record: &Record,
        attributes: &Attributes,
    ) -> ObjectMatch {
        named(record, self.storage_at(path), attributes)
    }

    /// The name of an object at a path, where its storage gives it one.
    pub(crate) fn object_at(
        &self,
        path: &FilePath,
        attributes: &Attributes,
    ) -> Option<ObjectIdentity> {
        let object = attributes.object.clone()?;
        let storage = self.storage_at(path)?;
        Some(ObjectIdentity { storage, object })
    }

    /// Which storage a path is in.
    pub(crate) fn storage_at(&self, path: &FilePath) -> Option<StorageIdentity> {
        let (mount, _) = self.mounts.owner(path)?;
        mount.storage().identity()
    }

    /// Which of the records that were there before and after a look are those of what was seen;
    /// none if it may have come after the first and gone before the second.
    pub(crate) fn records_of(
        &self,
        path: &FilePath,
        attributes: &Attributes,
        before: Records,
        after: Records,
    ) -> Option<Records> {
        let named = |records: &Records| {
            let own = records.own();
            own.map_or(ObjectMatch::Unknown, |own| {
                self.named(path, own, attributes)
            })
        };
        if after.are_in_doubt() || named(&after) != ObjectMatch::Another {
            return Some(after);
        }
        if named(&before).is_proof() {
            return Some(before);
        }
        let revision = |records: &Records| records.own().map(|own| own.revision);
        (revision(&before) == revision(&after)).then_some(after)
    }
}

#[cfg(test)]
mod bits;
#[cfg(test)]
mod foreign;

#[cfg(test)]
mod tests {
    use callfs_model::storage::EntryKind;

    use super::*;

    const HERE: StorageIdentity = [1; 16];
    const ELSEWHERE: StorageIdentity = [2; 16];

    fn object(storage: StorageIdentity, object: &str) -> ObjectIdentity {
        ObjectIdentity {
            storage,
            object: object.into(),
        }
    }

    #[test]
    fn a_record_is_of_its_object_and_of_the_one_that_is_to_take_its_place() {
        let there = Attributes {
            object: Some("there".into()),
            ..crate::lookup::path::bare_directory()
        };
        let record = |own, next: Option<ObjectIdentity>| Record {
            path: FilePath::root(),
            owner: "alice".into(),
            group: "staff".into(),
            mode: 0o600,
            content: None,
            object: own,
            next: next.map(|object| {
                let content = Default::default();
                Box::new(NextObject { object, content })
            }),
            revision: 1,
        };
        let (it, other) = (object(HERE, "there"), object(HERE, "other"));
        let restored = object(ELSEWHERE, "other");
        let table = [
            (None, None, ObjectMatch::Unknown),
            (Some(it.clone()), None, ObjectMatch::Itself),
            (Some(other.clone()), None, ObjectMatch::Another),
            (Some(restored.clone()), None, ObjectMatch::Unknown),
            (Some(other.clone()), Some(it.clone()), ObjectMatch::Next),
            (Some(it.clone()), Some(other.clone()), ObjectMatch::Itself),
            (
                Some(other.clone()),
                Some(restored.clone()),
                ObjectMatch::Another,
            ),
            (Some(restored), Some(other.clone()), ObjectMatch::Unknown),
            (None, Some(it), ObjectMatch::Next),
            (None, Some(other), ObjectMatch::Unknown),
        ];
        for (own, next, expected) in table {
            let record = record(own, next);
            assert_eq!(named(&record, Some(HERE), &there), expected, "{record:?}");
            assert_eq!(named(&record, None, &there), ObjectMatch::Unknown);
            let unnamed = Attributes {
                kind: EntryKind::File,
                object: None,
                ..there.clone()
            };
            assert_eq!(named(&record, Some(HERE), &unnamed), ObjectMatch::Unknown);
        }
    }
}
