//! A house where everyone may look and add, and each may change only what is theirs.
//!
//! These are the rules of the first CallFS. They look at the owner of the target and at nothing
//! else: modes, groups and the directories on the way decide nothing.

use callfs_sdk::{
    Action, Authorizer, ConfigError, Decision, Identity, NoConfig, Plugin, Question, Result,
};

/// Ownership.
struct Owner;

impl Plugin for Owner {
    const NAME: &'static str = "owner";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const SUMMARY: &'static str =
        "lets everyone read and create, and only owners change what they own";
    const FEATURES: &'static [&'static str] = &["pure-decisions", "path-blind"];
    type Config = NoConfig;

    fn configure(_: NoConfig) -> Result<Self, ConfigError> {
        Ok(Self)
    }
}

impl Authorizer for Owner {
    fn decide(&self, identity: &Identity, question: &Question) -> Decision {
        if identity.admin {
            return Decision::Allow;
        }
        match &question.action {
            Action::Read | Action::List | Action::Traverse | Action::Create | Action::Share => {
                Decision::Allow
            }
            Action::Write | Action::Delete | Action::Move | Action::Administer => {
                match &question.target {
                    Some(target) if target.owner == identity.subject => Decision::Allow,
                    _ => Decision::deny(format!(
                        "only the owner of '{}' may change, move or remove it",
                        question.path
                    )),
                }
            }
            Action::Other(action) => {
                Decision::deny(format!("ownership does not cover the action '{action}'"))
            }
        }
    }
}

callfs_sdk::export!(Owner: Authorizer);

#[cfg(test)]
mod tests {
    use callfs_sdk::{Kind, Node};

    use super::*;

    fn person(subject: &str, admin: bool) -> Identity {
        Identity {
            subject: subject.into(),
            groups: vec!["staff".into()],
            admin,
            attributes: vec![],
        }
    }

    fn node(kind: Kind, owner: &str, mode: u32) -> Node {
        Node {
            kind,
            owner: owner.into(),
            group: "staff".into(),
            mode,
        }
    }

    /// About `/top/x`, which belongs to alice in a directory of bob, with modes that forbid or
    /// permit everything.
    fn allowed(who: &Identity, action: &Action, kind: Kind, mode: u32) -> bool {
        let target = (*action != Action::Create).then(|| node(kind, "alice", mode));
        let ancestors = vec![
            node(Kind::Directory, "root", mode),
            node(Kind::Directory, "bob", mode),
        ];
        let question = Question {
            action: action.clone(),
            path: "/top/x".into(),
            target,
            ancestors,
        };
        Owner.decide(who, &question) == Decision::Allow
    }

    #[test]
    fn who_may_do_what() {
        // Action, the owner, others, administrators.
        let table = [
            (Action::Read, true, true, true),
            (Action::List, true, true, true),
            (Action::Traverse, true, true, true),
            (Action::Create, true, true, true),
            (Action::Share, true, true, true),
            (Action::Write, true, false, true),
            (Action::Delete, true, false, true),
            (Action::Move, true, false, true),
            (Action::Administer, true, false, true),
            (Action::Other("lease".into()), false, false, true),
        ];
        for (action, owner, others, admin) in table {
            for kind in [Kind::File, Kind::Directory, Kind::Special] {
                for mode in [0, 0o7777] {
                    let got = |who: &Identity| allowed(who, &action, kind, mode);
                    assert_eq!(got(&person("alice", false)), owner, "owner {action:?}");
                    assert_eq!(
                        got(&person("bob", false)),
                        others,
                        "owner of the directory {action:?}"
                    );
                    assert_eq!(got(&person("carol", false)), others, "others {action:?}");
                    assert_eq!(
                        got(&person("root", true)),
                        admin,
                        "administrator {action:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn what_is_not_known_belongs_to_nobody() {
        for action in [
            Action::Write,
            Action::Delete,
            Action::Move,
            Action::Administer,
        ] {
            let question = Question {
                action,
                path: "/x".into(),
                target: None,
                ancestors: vec![],
            };
            assert_ne!(
                Owner.decide(&person("alice", false), &question),
                Decision::Allow
            );
        }
    }
}
