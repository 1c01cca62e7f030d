//! One sequence of operations, on the engine and on the reference.

use std::collections::BTreeSet;
use std::sync::Arc;

use callfs_identity::Authorization;

use super::operation::{Act, Operation, Who, drained, shown};
use super::rights::Unix;
use super::{Kind, Tree};
use crate::testing::{Fault, Memory, World, admin, path};
use crate::{ListOptions, OpenedPath};

/// What is compared besides the state at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ModelCheck {
    /// What every operation answers.
    Answers,
    /// The same, and what readers get between any two steps of an operation.
    Steps,
    /// What every operation leaves that was interrupted by a crash.
    Crashes,
}

type Compared = Result<(), String>;

/// Runs a sequence; fails with what differs.
pub(super) async fn check(what: ModelCheck, kind: Kind, sequence: &[Operation]) -> Compared {
    let (_, near, far) = kind;
    let mut world = by_unix(World::with_far(near(), Memory::new("far", far())).await);
    let can = [near(), far()].map(|abilities| abilities.exchange);
    let mut tree = Tree::new().exchanging(can);
    for operation in sequence {
        match what {
            ModelCheck::Answers => answers(&world, &mut tree, operation).await?,
            ModelCheck::Steps => steps(&world, &mut tree, operation).await?,
            ModelCheck::Crashes => world = crashes(world, &mut tree, operation).await?,
        }
    }
    same("at the end", &tree.lines(), &stored(&world).await)?;
    nothing_is_left(&world).await
}

/// The world, where `unix` decides.
fn by_unix(mut world: World) -> World {
    let engine = Arc::get_mut(&mut world.engine).expect("nobody uses it yet");
    engine.authorizer = Authorization::new(Arc::new(Unix));
    world
}

async fn answers(world: &World, tree: &mut Tree, operation: &Operation) -> Compared {
    let wanted = tree.run(operation);
    let answer = operation.run(world).await;
    if wanted == answer {
        return Ok(());
    }
    Err(format!(
        "{operation:?}\n  should answer {wanted:?}\n  and answers   {answer:?}"
    ))
}

async fn steps(world: &World, tree: &mut Tree, operation: &Operation) -> Compared {
    let before = tree.clone();
    let wanted = tree.run(operation);
    if *tree == before {
        *tree = before;
        return answers(world, tree, operation).await;
    }
    let paths: BTreeSet<&String> = before.files().chain(tree.files()).collect();
    let mut wrong = None;
    let work = operation.run(world);
    let work = world.steps.drive(work, async || {
        for path in &paths {
            for who in [Who::Alice, Who::Bob] {
                let Some(bytes) = read(world, who, path).await else {
                    continue;
                };
                let who_reads = who.identity();
                let is_of = |tree: &Tree| tree.get(&who_reads, path).as_ref() == Ok(&bytes);
                if !(is_of(&before) || is_of(tree)) {
                    wrong.get_or_insert(format!("{who:?} reads {bytes:?} at {path}"));
                }
            }
        }
    });
    let answer = work.await;
    if let Some(wrong) = wrong {
        return Err(format!("during {operation:?}\n  {wrong}"));
    }
    if wanted == answer {
        return Ok(());
    }
    Err(format!(
        "{operation:?}\n  should answer {wanted:?}\n  and answers   {answer:?}"
    ))
}

/// The bytes of a file, if somebody can read one there.
async fn read(world: &World, who: Who, at: &str) -> Option<String> {
    match world
        .engine
        .open(&who.identity(), &path(at), None)
        .await
        .ok()?
    {
        OpenedPath::Directory(_) => None,
        OpenedPath::File { source, .. } => drained(source).await.ok(),
    }
}

/// Every record has what it is of, and nothing was begun that did not end.
async fn nothing_is_left(world: &World) -> Compared {
    for record in world.metadata.records() {
        if !world.engine.stands(&record).await.expect("asked") {
            return Err(format!("{} is recorded and not there", record.path));
        }
    }
    let held = world.locks.held();
    let intents = world.metadata.intents_left();
    if (held, intents) == (0, 0) {
        Ok(())
    } else {
        Err(format!("{held} locks and {intents} intents are left"))
    }
}

/// The process dies in the middle of an operation, and another one recovers.
async fn crashes(world: World, tree: &mut Tree, operation: &Operation) -> Result<World, String> {
    if !is_all_or_nothing(tree, &operation.act) {
        return answers(&world, tree, operation).await.map(|()| world);
    }
    let before = tree.clone();
    let wanted = tree.run(operation);
    let fault = match operation.crash % 2 {
        0 => Fault::From(operation.crash / 2),
        _ => Fault::UnansweredFrom(operation.crash.div_ceil(2)),
    };
    world.steps.fail(Some(fault));
    let answer = operation.run(&world).await;
    let world = by_unix(world.restarted());
    let recovered = world.engine.recover().await;
    recovered.map_err(|error| format!("{operation:?} cannot be recovered: {error}"))?;
    let left = stored(&world).await;
    let what = format!("after {operation:?} with {fault:?}, which answered {answer:?},");
    if (answer.is_err() || wanted.is_err())
        && let Some(narrowed) = narrowed(&before, &left)
    {
        *tree = narrowed;
        return Ok(world);
    }
    if let Some(narrowed) = narrowed(tree, &left) {
        *tree = narrowed;
        return Ok(world);
    }
    if let (Act::Rename { to, .. }, Err(_)) = (&operation.act, &answer) {
        // A file that was to be replaced by one of another owner in several steps belongs to no
        // user from the first step on, because its bytes change before its record can.
        let mut closed = before;
        closed.close(to);
        if left == closed.lines() {
            *tree = closed;
            return Ok(world);
        }
    }
    same(&what, &tree.lines(), &left)?;
    Ok(world)
}

/// The tree, if that is what is stored but for permission bits that are missing: modes are narrowed
/// before a step and widened after it, so that a crash in between leaves less and never more.
fn narrowed(tree: &Tree, left: &[String]) -> Option<Tree> {
    let mut narrowed = tree.clone();
    for line in left {
        let mut fields = line.split(' ');
        let path = fields.next()?;
        let mode = fields.nth(3)?;
        narrowed.narrow(path, u32::from_str_radix(mode, 8).ok()?);
    }
    (narrowed.lines() == left).then_some(narrowed)
}

/// Directories on the way and the removal of a tree are steps that may be seen.
fn is_all_or_nothing(tree: &Tree, act: &Act) -> bool {
    match act {
        Act::Delete { recursive, .. } => !recursive,
        Act::MakeDirectory(to)
        | Act::Put { to, .. }
        | Act::Copy { to, .. }
        | Act::Rename { to, .. } => tree.has_parent(to),
        _ => true,
    }
}

/// A line about everything, with the bytes of files, as an administrator sees it.
async fn stored(world: &World) -> Vec<String> {
    let options = ListOptions {
        recursive: true,
        limit: 10_000,
        ..Default::default()
    };
    let listing = world.engine.list(&admin(), &path("/"), options).await;
    let mut lines = Vec::new();
    for info in listing.expect("listed").items {
        let bytes = read(world, Who::Admin, info.path.as_str()).await;
        lines.push(format!("{} {}", shown(&info), bytes.unwrap_or_default()));
    }
    lines
}

fn same(what: &str, wanted: &[String], there: &[String]) -> Compared {
    if wanted == there {
        return Ok(());
    }
    let only = |ours: &[String], others: &[String]| {
        let only: Vec<&String> = ours.iter().filter(|line| !others.contains(line)).collect();
        format!("{only:#?}")
    };
    Err(format!(
        "{what} there should be {}\n  and there is {}",
        only(wanted, there),
        only(there, wanted)
    ))
}
