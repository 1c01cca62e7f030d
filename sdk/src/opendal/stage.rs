//! Staging: where uploads lie until they are whole, and how they get into their place.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use opendal_core::options::ListOptions;
use opendal_core::raw::{OpCreateDir, OpRename};

use super::adapter::{Adapter, LOOKS, STAGING, directory};
use super::exchange::random;
use crate::attributes::{Attributes, Condition, Kind};
use crate::error::{Error, Result};

/// What was not written to for so long belongs to nobody any more.
const ABANDONED: Duration = Duration::from_secs(24 * 60 * 60);

impl Adapter {
    /// A name that nobody else uses, in a directory that exists.
    pub(super) async fn stage(&self) -> Result<String> {
        if !self.staging_made.get() {
            let directory = directory(STAGING);
            self.exchange.begin();
            let made = self
                .service()
                .create_dir_dyn(self.context(), &directory, OpCreateDir::new())
                .await;
            made.map_err(|error| self.failure(error))?;
            self.sweep(&directory).await?;
            self.staging_made.set(true);
        }
        Ok(format!("{STAGING}/{}-{:016x}", self.own, random()))
    }

    /// Removes what uploads left behind whose gateway did not live to do so, and those of this
    /// instance, which has none in progress now: a server may go on with an upload that broke
    /// off, and finish it after it was removed.
    async fn sweep(&self, directory: &str) -> Result<()> {
        let listed =
            self.service()
                .list_dyn(self.context(), directory, ListOptions::default().into());
        let mut listed = listed.map_err(|error| self.failure(error))?;
        let mut abandoned = Vec::new();
        while let Some(entry) = listed
            .next_dyn()
            .await
            .map_err(|error| self.failure(error))?
        {
            let attributes = self.attributes(entry.metadata());
            let name = entry.path().strip_prefix(directory).unwrap_or_default();
            let own = name
                .strip_prefix(&self.own)
                .is_some_and(|rest| rest.starts_with('-'));
            if attributes.kind == Kind::File
                && (own || attributes.modified.is_some_and(is_long_ago))
            {
                abandoned.push(entry.path().to_owned());
            }
        }
        for name in abandoned {
            self.delete(&name).await?;
        }
        Ok(())
    }

    /// Moves what is staged to where it belongs, and answers what is there then.
    ///
    /// Again if another move to the same place got in the way, which servers that first remove what
    /// is there answer with a failure: what is staged is still there then, and so is the
    /// directory that it belongs in.
    pub(super) async fn publish(
        &self,
        staged: &str,
        to: &str,
        condition: &Condition,
    ) -> Result<Attributes> {
        let overtaken =
            || Error::Unavailable("another change of the same file got in the way".into());
        for _ in 0..LOOKS {
            let target = self.target(to, condition).await?;
            // A server that is told to move over a directory removes everything in it.
            if target.is_some_and(|target| target.kind == Kind::Directory) {
                return Err(Error::IsADirectory);
            }
            let Err(error) = self.relocate(staged, to).await else {
                let found = self.found(to).await;
                return found.map_err(|error| {
                    if error == Error::NotFound {
                        overtaken()
                    } else {
                        error
                    }
                });
            };
            let conflict = self
                .exchange
                .refusal()
                .is_some_and(|refusal| refusal.status == 409);
            if error != Error::NotFound && !conflict {
                return Err(self.refused(to, error).await);
            }
            if let Some(error) = self.misplaced(to).await? {
                return Err(error);
            }
            if self.look(staged).await?.is_none() {
                break;
            }
        }
        Err(overtaken())
    }

    /// Moves by names as the service knows them.
    pub(super) async fn relocate(&self, from: &str, to: &str) -> Result<()> {
        self.exchange.begin();
        let moved = self
            .service()
            .rename_dyn(self.context(), from, to, OpRename::new())
            .await;
        moved.map(drop).map_err(|error| self.failure(error))
    }
}

fn is_long_ago(modified: i64) -> bool {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let then = Duration::from_nanos(modified.try_into().unwrap_or_default());
    now.saturating_sub(then) > ABANDONED
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_to_is_not_abandoned() {
        let ago = |seconds: u64| {
            let now = SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap_or_default();
            now.saturating_sub(Duration::from_secs(seconds)).as_nanos() as i64
        };
        assert!(!is_long_ago(ago(60)));
        assert!(is_long_ago(ago(25 * 60 * 60)));
        // A server whose clock is ahead.
        assert!(!is_long_ago(ago(0) + 3_600_000_000_000));
    }
}
