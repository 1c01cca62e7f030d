//! How rows name an object: its storage in hexadecimal digits, a colon, and its name there.

use callfs_model::storage::ObjectIdentity;

pub(super) fn written(object: &ObjectIdentity) -> String {
    let ObjectIdentity { storage, object } = object;
    format!("{}:{object}", hex::encode(storage))
}

/// None if the text names no object.
pub(super) fn read(text: &str) -> Option<ObjectIdentity> {
    let (digits, object) = text.split_once(':')?;
    let mut storage = [0; 16];
    hex::decode_to_slice(digits, &mut storage).ok()?;
    let object = object.to_owned();
    Some(ObjectIdentity { storage, object })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_again_and_nothing_else() {
        for name in ["", "12:34", "ä\0"] {
            let object = ObjectIdentity {
                storage: [0xa5; 16],
                object: name.into(),
            };
            assert_eq!(read(&written(&object)), Some(object));
        }
        for wrong in ["", "12", ":12", "a5:12", &format!("{}:12", "a5".repeat(17))] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
