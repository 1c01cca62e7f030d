//! What a walk does when a directory that it is in is not found any more.
//!
//! The names after it may be those of another place, or missing, so the end of the names is not
//! taken for the end of the directory. A directory inside of what is walked that was removed is
//! left: it was shown, and nothing is in it any more. What was moved away, or had its place taken
//! by another, breaks the walk off, because no later entry can make up for what is missing.
//!
//! | the directory, looked at again | of what is walked itself | inside of it |
//! |---|---|---|
//! | exists by a mount or a record alone | has no names | the same |
//! | is there again | is listed on after the last name | the same |
//! | is not there, and no move concerns it | fails | is left |
//! | is not there, and was moved through the gateway | fails | fails |
//! | is another one | fails | fails |

use callfs_model::error::Result;

use super::Walk;
use crate::failure::overtaken;
use crate::lookup::presence::DirectoryPresence;

/// How often a walk goes on with directories that were gone for a moment.
const RETURNS: usize = 4;

impl Walk {
    /// Whether the names that were fetched in the innermost directory may be shown, of which a page
    /// was not found; else what is next is to be fetched again. See the module.
    pub(super) async fn settle(&mut self) -> Result<bool> {
        let Some(level) = self.levels.last_mut() else {
            return Ok(false);
        };
        let listed = level.children.listed();
        let presence = self.engine.presence(&listed).await?;
        let tombstones = &self.engine.tombstones;
        let is_moved = !tombstones.still(&level.shown, &listed.path)
            || tombstones.view().departs(&listed.path);
        if presence == DirectoryPresence::Bare {
            return Ok(true);
        }
        if presence == DirectoryPresence::InPlace && self.returns < RETURNS {
            self.returns += 1;
            level.next = None;
            let after = level.last.clone();
            level.children.go_on_after(&self.engine, after);
            return Ok(false);
        }
        let is_removed = presence == DirectoryPresence::Gone && !is_moved;
        if is_removed && self.leave_what_is_gone().await? {
            self.is_incomplete = true;
            return Ok(false);
        }
        Err(overtaken(&listed.path))
    }

    /// Leaves the innermost directory, which is gone, and those around it that are; not if the
    /// directory that is walked is one of them.
    async fn leave_what_is_gone(&mut self) -> Result<bool> {
        let mut kept = self.levels.len().saturating_sub(1);
        while kept > 0 {
            let around = self.levels[kept - 1].children.listed();
            match self.engine.presence(&around).await? {
                DirectoryPresence::Bare | DirectoryPresence::InPlace => break,
                DirectoryPresence::Gone => kept -= 1,
                DirectoryPresence::Replaced => return Ok(false),
            }
        }
        if kept == 0 {
            return Ok(false);
        }
        while self.levels.len() > kept {
            self.leave();
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests;
