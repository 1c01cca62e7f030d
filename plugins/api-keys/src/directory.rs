//! Users by the digests of their keys.
//!
//! It promises that a wrong key takes as long as a right one, whichever it is, and that no key can
//! be read from it.

use callfs_sdk::{ConfigError, Identity};
use subtle::ConditionallySelectable;

use crate::Key;
use crate::digest::Digest;

/// Nobody's index.
const NOBODY: u32 = u32::MAX;

/// Every digest, and whose it is.
pub(crate) struct Directory(Vec<(Digest, Identity)>);

impl Directory {
    /// Checks the keys; what was plain text is dropped.
    pub(crate) fn new(keys: Vec<Key>) -> Result<Self, ConfigError> {
        let mut users: Vec<(Digest, Identity)> = Vec::with_capacity(keys.len());
        for (index, key) in keys.into_iter().enumerate() {
            let at = |field: &str, message: String| {
                ConfigError::at(format!("keys[{index}].{field}"), message)
            };
            let digest = Digest::configured(&key.key).map_err(|message| at("key", message))?;
            if let Some(same) = users
                .iter()
                .position(|(other, _)| other.same(&digest).into())
            {
                return Err(at(
                    "key",
                    format!("the same key as keys[{same}].key: give every entry one of its own"),
                ));
            }
            let user = identity(key).map_err(|(field, message)| at(&field, message))?;
            let earlier = users
                .iter()
                .position(|(_, other)| other.subject == user.subject);
            if let Some((first, other)) = earlier.map(|first| (first, &users[first].1)) {
                // Otherwise what a user may do would depend on the key at hand, and a typing error
                // could go unseen.
                let differs = [
                    ("groups", user.groups != other.groups),
                    ("admin", user.admin != other.admin),
                ];
                if let Some((field, _)) = differs.iter().find(|(_, differs)| *differs) {
                    let message = format!(
                        "differs from keys[{first}].{field}: all keys of a user must agree in it"
                    );
                    return Err(at(field, message));
                }
            }
            users.push((digest, user));
        }
        Ok(Self(users))
    }

    /// Whose key this is. Every digest is compared, also after one has matched.
    pub(crate) fn find(&self, key: &str) -> Option<&Identity> {
        if key.is_empty() {
            return None;
        }
        let presented = Digest::of(key);
        let mut found = NOBODY;
        for (index, (digest, _)) in (0..NOBODY).zip(&self.0) {
            found.conditional_assign(&index, digest.same(&presented));
        }
        self.0.get(found as usize).map(|(_, user)| user)
    }
}

/// The user behind a key, or which field is wrong and why.
fn identity(key: Key) -> Result<Identity, (String, String)> {
    check_name(&key.user).map_err(|message| ("user".into(), message))?;
    for (index, group) in key.groups.iter().enumerate() {
        check_name(group).map_err(|message| (format!("groups[{index}]"), message))?;
    }
    let groups = if key.groups.is_empty() {
        vec![key.user.clone()]
    } else {
        key.groups
    };
    Ok(Identity {
        subject: key.user,
        groups,
        admin: key.admin,
        attributes: Vec::new(),
    })
}

/// Names of users and groups travel in headers and logs.
fn check_name(name: &str) -> Result<(), String> {
    if name.is_empty() {
        return Err("a name must not be empty".into());
    }
    match name.chars().find(|c| c.is_control()) {
        Some(c) => Err(format!(
            "a name must not have control characters; this one has U+{:04X}",
            u32::from(c)
        )),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
