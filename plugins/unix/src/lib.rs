//! Permissions as POSIX has them: bits for owner, group and others, search on the way, and sticky
//! directories.
//!
//! The rules are in `permission`; this file makes them a component. Administrators are asked
//! nothing.

mod permission;

use callfs_sdk::{Authorizer, ConfigError, Decision, Identity, NoConfig, Plugin, Question, Result};

/// POSIX permission bits.
struct Unix;

impl Plugin for Unix {
    const NAME: &'static str = "unix";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const SUMMARY: &'static str = "decides by owner, group and permission bits, as POSIX does";
    const FEATURES: &'static [&'static str] = &["pure-decisions", "path-blind"];
    type Config = NoConfig;

    fn configure(_: NoConfig) -> Result<Self, ConfigError> {
        Ok(Self)
    }
}

impl Authorizer for Unix {
    fn decide(&self, identity: &Identity, question: &Question) -> Decision {
        if identity.admin {
            return Decision::Allow;
        }
        permission::check(identity, question).map_or_else(Decision::deny, |()| Decision::Allow)
    }
}

callfs_sdk::export!(Unix: Authorizer);

#[cfg(test)]
mod tests {
    use callfs_sdk::{Action, Kind, Node};

    use super::*;

    #[test]
    fn administrators_are_asked_nothing() {
        let closed = || Node {
            kind: Kind::Directory,
            owner: "alice".into(),
            group: "staff".into(),
            mode: 0,
        };
        let about = |action| Question {
            action,
            path: "/x".into(),
            target: Some(closed()),
            ancestors: vec![closed()],
        };
        let root = |admin| Identity {
            subject: "root".into(),
            groups: vec![],
            admin,
            attributes: vec![],
        };
        for action in [
            Action::Read,
            Action::Delete,
            Action::Administer,
            Action::Other("lease".into()),
        ] {
            assert_eq!(
                Unix.decide(&root(true), &about(action.clone())),
                Decision::Allow
            );
            assert_ne!(
                Unix.decide(&root(false), &about(action)),
                Decision::Allow,
                "the name alone is no right"
            );
        }
    }
}
