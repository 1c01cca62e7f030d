//! The rules of the `unix` authorizer, for the engine and for the reference.

use async_trait::async_trait;
use callfs_model::error::Result;
use callfs_model::identity::{AccessNode, Action, Authorizer, Decision, Identity, Question};
use callfs_model::storage::EntryKind;

pub(super) const READ: u32 = 4;
pub(super) const WRITE: u32 = 2;
pub(super) const SEARCH: u32 = 1;
pub(super) const STICKY: u32 = 0o1000;

/// Whether somebody has all of these bits, by the one class that they are in.
pub(super) fn has(who: &Identity, (owner, group): (&str, &str), mode: u32, bits: u32) -> bool {
    let class = if owner == who.subject {
        6
    } else if who.groups.iter().any(|one| one == group) {
        3
    } else {
        0
    };
    who.admin || mode >> class & bits == bits
}

/// Decides as `unix` does.
pub(super) struct Unix;

#[async_trait]
impl Authorizer for Unix {
    fn name(&self) -> &str {
        "unix"
    }

    async fn authorize(&self, who: &Identity, questions: &[Question]) -> Result<Vec<Decision>> {
        let decide = |question| {
            if who.admin || is_allowed(who, question) {
                Decision::Allow
            } else {
                Decision::Deny("no".into())
            }
        };
        Ok(questions.iter().map(decide).collect())
    }
}

fn is_allowed(who: &Identity, question: &Question) -> bool {
    let may = |node: &AccessNode, bits| has(who, (&node.owner, &node.group), node.mode, bits);
    let owns = |node: &AccessNode| node.owner == who.subject;
    let target = question.target.as_ref();
    let is_directory = target.is_some_and(|node| node.kind == EntryKind::Directory);
    let on_target = |bits| target.is_some_and(|node| may(node, bits));
    let in_parent = || (question.ancestors.last()).is_some_and(|parent| may(parent, WRITE));
    let removes = || {
        let sticky = |parent: &AccessNode| parent.mode & STICKY != 0 && !owns(parent);
        let kept = question.ancestors.last().is_some_and(sticky);
        in_parent() && (!kept || target.is_some_and(owns))
    };
    question.ancestors.iter().all(|node| may(node, SEARCH))
        && match question.action {
            Action::Read => is_directory || on_target(READ),
            Action::Write => on_target(WRITE),
            Action::Create => in_parent(),
            Action::Delete => removes(),
            Action::Move => removes() && (!is_directory || on_target(WRITE)),
            Action::List => on_target(READ | SEARCH),
            Action::Traverse => on_target(SEARCH),
            Action::Share if is_directory => on_target(READ | SEARCH),
            Action::Share => on_target(READ),
            Action::Administer => target.is_some_and(owns),
            Action::Other(_) => false,
        }
}
