//! What may become of the uses of a link: each function is one change of a link's record, and does
//! nothing else.

use std::ops::Range;
use std::time::Duration;

use callfs_model::error::{Error, ErrorKind, Result};
use callfs_model::metadata::{Link, Use};

use super::ranges::Ranges;

/// How often a use may be left for too long before it counts as spent.
const LAPSES: usize = 8;

/// A file as it was opened: another one under its path has another version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileVersion {
    /// Tells versions apart.
    pub tag: String,
    /// In bytes.
    pub size: u64,
}

/// A link that was revoked, has expired and was swept, or is of another time of the metadata store.
pub(super) fn over() -> Error {
    Error::new(
        ErrorKind::Gone,
        "the link is not valid any more; ask for a new one",
    )
}

/// Whether the link leads anywhere still.
pub(super) fn check(link: &Link, now: i64) -> Result<()> {
    if link.expires <= now {
        return Err(Error::new(
            ErrorKind::Gone,
            "the link has expired; ask for a new one",
        ));
    }
    if !link.options.unlimited && link.spent >= link.max_uses {
        let message = format!(
            "the link was used {} of {} times; ask for a new one",
            link.spent, link.max_uses
        );
        return Err(Error::new(ErrorKind::Gone, message));
    }
    Ok(())
}

/// Takes a use for a download of these parts, none for the whole file, and answers what was handed
/// over under it before.
///
/// Parts go on with what somebody left of the same version, where there is such a use; whoever
/// wants the whole begins a free one, so that an interrupted download and a new one count as two.
/// Either takes the other where there is no choice. A use that was left is not taken for bytes that
/// were handed over under it already, but for a few: otherwise one use would give all bytes but one
/// without limit. One that was left for too long is free again, but not for ever: see [`lapse`].
pub(super) fn take(
    link: &mut Link,
    now: i64,
    until: i64,
    holder: u128,
    version: &FileVersion,
    parts: &[Range<u64>],
) -> Result<Ranges> {
    lapse(link, now, version.size);
    check(link, now)?;
    let open = link.uses.iter().filter(|one| one.until > now).count();
    let free = (link.spent as usize).saturating_add(open) < link.max_uses as usize;
    let whole = parts
        .iter()
        .cloned()
        .collect::<Ranges>()
        .covers(version.size);
    let whole = whole || parts.is_empty();
    let at = match left(link, now, version, parts) {
        _ if free && whole => None,
        Some(at) if !free || link.uses[at].version == version.tag => Some(at),
        _ if free => None,
        _ => return Err(taken(link, now)),
    };
    let fresh = || Use {
        holder,
        taken: true,
        until,
        version: version.tag.clone(),
        handed: Vec::new(),
    };
    let Some(at) = at else {
        link.uses.push(fresh());
        return Ok(Ranges::default());
    };
    let before = std::mem::replace(&mut link.uses[at], fresh());
    if before.version == version.tag {
        link.uses[at].handed.clone_from(&before.handed);
        return Ok(Ranges::recorded(&before.handed));
    }
    // Of another version nothing can be gone on with, and nothing is forgotten.
    link.uses.push(Use {
        taken: false,
        until: now,
        ..before
    });
    Ok(Ranges::default())
}

/// Forgets uses that were left for too long, and keeps what was handed over under them: when that
/// is as much as a file of this size, or it happened often, one use counts as spent. Otherwise
/// patience would get all bytes but one again and again.
fn lapse(link: &mut Link, now: i64, size: u64) {
    let (mut uses, mut lapsed): (Vec<Use>, Vec<Use>) = std::mem::take(&mut link.uses)
        .into_iter()
        .partition(|one| one.until > now);
    lapsed.retain(|one| !one.handed.is_empty());
    let handed = lapsed
        .iter()
        .map(|one| Ranges::recorded(&one.handed).handed());
    if !lapsed.is_empty() && (handed.sum::<u64>() >= size || lapsed.len() >= LAPSES) {
        link.spent = link.spent.saturating_add(1);
    } else {
        uses.extend(lapsed.into_iter().map(|one| Use {
            taken: false,
            ..one
        }));
    }
    link.uses = uses;
}

/// Puts off the moment at which a use is free again.
pub(super) fn renew(link: &mut Link, holder: u128, until: i64) -> Result<()> {
    let at = held(link, holder)?;
    link.uses[at].until = until;
    Ok(())
}

/// A use is over: the file was handed over.
pub(super) fn spend(link: &mut Link, holder: u128) -> Result<()> {
    let at = held(link, holder)?;
    link.uses.swap_remove(at);
    link.spent += 1;
    Ok(())
}

/// A download broke off; also one whose use was spent for what then was not handed over.
pub(super) fn leave(
    link: &mut Link,
    holder: u128,
    was_spent: bool,
    until: i64,
    version: &FileVersion,
    handed: &Ranges,
) -> Result<()> {
    if was_spent {
        link.spent = link.spent.saturating_sub(1);
    } else {
        let at = held(link, holder)?;
        link.uses.swap_remove(at);
    }
    if !handed.is_empty() {
        let version = version.tag.clone();
        let handed = handed.to_vec();
        link.uses.push(Use {
            holder,
            taken: false,
            until,
            version,
            handed,
        });
    }
    Ok(())
}

/// The use of a download that runs.
fn held(link: &Link, holder: u128) -> Result<usize> {
    let lost = || {
        Error::new(
            ErrorKind::Interrupted,
            "the download took so long to answer that others took its turn",
        )
    };
    link.uses
        .iter()
        .position(|one| one.taken && one.holder == holder)
        .ok_or_else(lost)
}

/// The use to go on with: of this version before others, next to what is wanted before elsewhere,
/// the oldest of those.
fn left(link: &Link, now: i64, version: &FileVersion, parts: &[Range<u64>]) -> Option<usize> {
    let touches = |one: &Use| {
        let touches = |part: &Range<u64>| {
            one.handed
                .iter()
                .any(|had| had.start <= part.end && part.start <= had.end)
        };
        parts.iter().any(touches)
    };
    let allows = |one: &Use| {
        one.version != version.tag || Ranges::recorded(&one.handed).allows(parts, version.size)
    };
    let left = link
        .uses
        .iter()
        .enumerate()
        .filter(|(_, one)| one.until > now && !one.taken && allows(one));
    let best = left.min_by_key(|(_, one)| (one.version != version.tag, !touches(one), one.until));
    best.map(|(at, _)| at)
}

/// Others download now.
fn taken(link: &Link, now: i64) -> Error {
    let wait = link
        .uses
        .iter()
        .map(|one| one.until - now)
        .filter(|wait| *wait > 0)
        .min()
        .and_then(|wait| u64::try_from(wait).ok());
    let message = "the link is being used by another download; try again when that is over";
    Error::new(ErrorKind::Locked, message).retry_after(Duration::from_millis(wait.unwrap_or(1)))
}
