//! An authorizer: what is yours or your group's you may read and write; owners alone move and
//! remove.
//!
//! The top directory is everybody's, to look into and to begin something in. Replace
//! `Rules::decide` by your own rules; it has the question and nothing else to answer with.

use callfs_sdk::{
    Action, Authorizer, ConfigError, Decision, Identity, NoConfig, Node, Plugin, Question, Result,
};

struct Rules;

impl Plugin for Rules {
    const NAME: &'static str = env!("CARGO_PKG_NAME");
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const SUMMARY: &'static str = env!("CARGO_PKG_DESCRIPTION");
    type Config = NoConfig;

    fn configure(_: NoConfig) -> Result<Self, ConfigError> {
        Ok(Self)
    }
}

impl Authorizer for Rules {
    fn decide(&self, identity: &Identity, question: &Question) -> Decision {
        if identity.admin {
            return Decision::Allow;
        }
        // The same answer whether or not there is anything behind a directory that is not theirs.
        if let Some((path, _)) = question
            .way()
            .skip(1)
            .find(|(_, node)| !shares(identity, node))
        {
            return Decision::deny(format!("'{path}' belongs to others"));
        }
        let path = &question.path;
        let allowed = match (&question.action, &question.target) {
            (Action::Create, _) => true,
            (Action::List | Action::Traverse | Action::Read, _) if path == "/" => true,
            (Action::Read | Action::Write | Action::List, Some(node)) => shares(identity, node),
            (Action::Traverse | Action::Share, Some(node)) => shares(identity, node),
            (Action::Move | Action::Delete | Action::Administer, Some(node)) => {
                node.owner == identity.subject
            }
            // What is not known here, and what is not there.
            _ => false,
        };
        if allowed {
            Decision::Allow
        } else {
            Decision::deny(format!("'{path}' is not yours"))
        }
    }
}

/// Whether something is the caller's, or that of a group of the caller.
fn shares(identity: &Identity, node: &Node) -> bool {
    node.owner == identity.subject || identity.is_in(&node.group)
}

callfs_sdk::export!(Rules: Authorizer);

#[cfg(test)]
mod tests {
    use callfs_sdk::Kind;

    use super::*;

    fn person(subject: &str, group: &str) -> Identity {
        Identity {
            subject: subject.into(),
            groups: vec![group.into()],
            admin: false,
            attributes: Vec::new(),
        }
    }

    fn node(kind: Kind, owner: &str, group: &str) -> Node {
        Node {
            kind,
            owner: owner.into(),
            group: group.into(),
            mode: 0o600,
        }
    }

    /// About `/team/x`, which is alice's in a directory of the staff.
    fn allowed(who: &Identity, action: Action) -> bool {
        let question = Question {
            target: (action != Action::Create).then(|| node(Kind::File, "alice", "staff")),
            action,
            path: "/team/x".into(),
            ancestors: vec![
                node(Kind::Directory, "root", "root"),
                node(Kind::Directory, "bob", "staff"),
            ],
        };
        Rules.decide(who, &question) == Decision::Allow
    }

    #[test]
    fn who_may_do_what() {
        let alice = person("alice", "staff");
        let bob = person("bob", "staff");
        let carol = person("carol", "guests");
        // Action, its owner, another of the group, somebody else.
        let table = [
            (Action::Read, true, true, false),
            (Action::Write, true, true, false),
            (Action::Create, true, true, false),
            (Action::Share, true, true, false),
            (Action::Delete, true, false, false),
            (Action::Move, true, false, false),
            (Action::Administer, true, false, false),
            (Action::Other("lease".into()), false, false, false),
        ];
        for (action, owner, group, others) in table {
            assert_eq!(allowed(&alice, action.clone()), owner, "owner {action:?}");
            assert_eq!(allowed(&bob, action.clone()), group, "group {action:?}");
            assert_eq!(allowed(&carol, action.clone()), others, "others {action:?}");
        }
    }
}
