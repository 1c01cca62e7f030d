//! Pages of records: a range of an index and what is recorded of it, in one script, so that they
//! are of one moment.

use std::sync::LazyLock;

use ::redis::{Script, ScriptInvocation};
use callfs_model::path::FilePath;

use super::changes::below;
use super::keys::RedisKeys;

static SCRIPT: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("page.lua")));

/// The direct children of a directory: one range of one level.
pub(super) fn children(
    keys: &RedisKeys,
    directory: &FilePath,
    after: Option<&str>,
    limit: u32,
) -> ScriptInvocation<'static> {
    let level = format!("{}:", directory.depth() + 1);
    let (mut lower, upper) = below(directory);
    lower.extend_from_slice(after.unwrap_or_default().as_bytes());
    let bound = |path: &[u8]| [b"(", level.as_bytes(), path].concat();
    page(
        keys,
        "levels",
        [bound(&lower), bound(&upper)],
        limit,
        level.len(),
        None,
    )
}

/// A path and what is below it. They are not one range: '/a!' comes between '/a' and '/a/b'.
pub(super) fn records(
    keys: &RedisKeys,
    within: &FilePath,
    after: Option<&FilePath>,
    limit: u32,
) -> ScriptInvocation<'static> {
    let (lower, upper) = below(within);
    let lower = after.map_or(lower.as_slice(), |after| {
        lower.as_slice().max(after.as_str().as_bytes())
    });
    let bound = |path: &[u8]| [b"(", path].concat();
    let first = after.is_none_or(|after| after < within).then_some(within);
    page(
        keys,
        "paths",
        [bound(lower), bound(&upper)],
        limit,
        0,
        first,
    )
}

fn page(
    keys: &RedisKeys,
    index: &str,
    bounds: [Vec<u8>; 2],
    limit: u32,
    before: usize,
    first: Option<&FilePath>,
) -> ScriptInvocation<'static> {
    let mut script = SCRIPT.prepare_invoke();
    script.key(keys.of(index)).key(keys.of("records"));
    let [lower, upper] = bounds;
    script
        .arg(lower)
        .arg(upper)
        .arg(limit)
        .arg(before)
        .arg(first.map_or("", FilePath::as_str));
    script
}
