//! The rules: which bits an action needs, and whether the caller has them.
//!
//! They are those of POSIX (XBD 4.7, file access permissions), and of Linux where POSIX leaves a
//! choice. A denial names the first thing on the way that lacks a permission, so it never tells
//! whether anything is behind it.

use callfs_sdk::{Action, Identity, Kind, Node, Question};

const READ: u32 = 0o4;
const WRITE: u32 = 0o2;
const EXECUTE: u32 = 0o1;
const STICKY: u32 = 0o1000;

/// Whether an action is permitted, or why not.
pub(crate) fn check(identity: &Identity, question: &Question) -> Result<(), String> {
    let path = question.path.as_str();
    for (directory, node) in question.way() {
        require(identity, EXECUTE, directory, node)?;
    }
    match question.action {
        // stat(2) needs no permission on the directory itself; its names are behind `list`.
        Action::Read if target(question)?.kind == Kind::Directory => Ok(()),
        Action::Read => require(identity, READ, path, target(question)?),
        Action::Write => require(identity, WRITE, path, target(question)?),
        Action::Create => change_parent(identity, question).map(|_| ()),
        Action::Delete => unlink(identity, question),
        Action::Move => {
            unlink(identity, question)?;
            // rename(2) writes `..` of a directory whose parent changes. Whether it does is not
            // part of the question, and POSIX lets a system ask for the permission
            // either way.
            match target(question)? {
                directory if directory.kind == Kind::Directory => {
                    require(identity, WRITE, path, directory)
                }
                _ => Ok(()),
            }
        }
        // Names alone need only read; their attributes, which come with them, need search as well.
        Action::List => require(identity, READ | EXECUTE, path, target(question)?),
        Action::Traverse => require(identity, EXECUTE, path, target(question)?),
        Action::Share => match target(question)? {
            directory if directory.kind == Kind::Directory => {
                require(identity, READ | EXECUTE, path, directory)
            }
            file => require(identity, READ, path, file),
        },
        Action::Administer if target(question)?.owner == identity.subject => Ok(()),
        Action::Administer => Err(format!(
            "only the owner of '{path}' may change its owner, group or mode"
        )),
        Action::Other(ref action) => Err(format!(
            "permission bits do not cover the action '{action}'"
        )),
    }
}

/// Whether the target may be taken out of its parent: may_delete() of Linux.
fn unlink(identity: &Identity, question: &Question) -> Result<(), String> {
    let path = &question.path;
    let (directory, parent) = change_parent(identity, question)?;
    let owns = |node: &Node| node.owner == identity.subject;
    if parent.mode & STICKY == 0 || owns(parent) || owns(target(question)?) {
        return Ok(());
    }
    Err(format!(
        "'{directory}' is sticky: only the owner of '{path}' or of '{directory}' may remove or \
         rename it"
    ))
}

/// The parent, if names in it may change. Search was asked on the way.
fn change_parent<'a>(
    identity: &Identity,
    question: &'a Question,
) -> Result<(&'a str, &'a Node), String> {
    let (directory, parent) = question
        .parent()
        .ok_or("'/' can be neither made, removed nor renamed")?;
    require(identity, WRITE, directory, parent)?;
    Ok((directory, parent))
}

/// The target; every action but `create` has one.
fn target(question: &Question) -> Result<&Node, String> {
    question
        .target
        .as_ref()
        .ok_or_else(|| format!("nothing is known of '{}' to decide by", question.path))
}

/// All of the `wanted` bits, in the one class that the caller is in.
fn require(identity: &Identity, wanted: u32, path: &str, node: &Node) -> Result<(), String> {
    let shift = match () {
        () if node.owner == identity.subject => 6,
        () if identity.is_in(&node.group) => 3,
        () => 0,
    };
    let missing = wanted & !(node.mode >> shift);
    if missing == 0 {
        return Ok(());
    }
    let names: Vec<&str> = [(READ, "read"), (WRITE, "write"), (EXECUTE, "execute")]
        .iter()
        .filter_map(|(bit, name)| (missing & bit != 0).then_some(*name))
        .collect();
    Err(format!("no {} permission on '{path}'", names.join(" and ")))
}

#[cfg(test)]
mod tests;
