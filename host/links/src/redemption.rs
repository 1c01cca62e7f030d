//! A use of a link while a download has it: taken before the first byte, put off while it runs, and
//! spent or left at its end, whoever ends it and why.
//!
//! Of a link without limit no use is taken or spent, so a download under it changes nothing in the
//! metadata store; it only ends soon after the link was revoked.
//!
//! The last byte that was missing leaves only after the metadata store says that the use is spent,
//! so that even a crash never gives it to a second one; a download that breaks off at that very
//! moment gives it back.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use callfs_model::error::{Error, ErrorKind, Result};
use callfs_model::metadata::{Link, LinkId};
use callfs_model::source::Source;
use futures_util::{StreamExt, stream};
use tokio::task::AbortHandle;

use super::ranges::Ranges;
use super::uses::{self, FileVersion};
use super::{Links, milliseconds, random};

/// A use that is taken.
pub struct Redemption {
    links: Arc<Links>,
    id: LinkId,
    holder: u128,
    version: FileVersion,
    handed: Mutex<Ranges>,
    /// It is about to be spent, or was.
    spending: AtomicBool,
    spent: AtomicBool,
    /// Nobody may have anything more under it: the link was revoked, or others took the use.
    lost: AtomicBool,
    renewing: Option<AbortHandle>,
    /// When a link without limit expires, whose uses are not counted.
    unlimited_until: Option<i64>,
}

impl Links {
    /// Takes a use of a link for a download of these parts of a file, in any order; none for the
    /// whole.
    pub async fn take(
        self: &Arc<Self>,
        link: &Link,
        version: FileVersion,
        parts: &[Range<u64>],
    ) -> Result<Arc<Redemption>> {
        let mut holder = [0; 16];
        random(&mut holder)?;
        let id = link.id;
        let holder = u128::from_be_bytes(holder);
        let lease = milliseconds(self.lease());
        // A file without bytes is handed over by saying so.
        let nothing = version.size == 0;
        let handed = self
            .change(&id, |link, now| {
                let handed = uses::take(
                    link,
                    now,
                    now.saturating_add(lease),
                    holder,
                    &version,
                    parts,
                )?;
                if nothing {
                    uses::spend(link, holder)?;
                }
                Ok(handed)
            })
            .await?;
        let handed = Mutex::new(handed);
        let lost = AtomicBool::new(false);
        let spending = AtomicBool::new(nothing);
        let spent = AtomicBool::new(nothing);
        let links = self.clone();
        Ok(Arc::new_cyclic(|itself| {
            let renewing = (!nothing).then(|| {
                self.runtime
                    .spawn(renew(itself.clone(), self.lease() / 3))
                    .abort_handle()
            });
            Redemption {
                links,
                id,
                holder,
                version,
                handed,
                spending,
                spent,
                lost,
                renewing,
                unlimited_until: None,
            }
        }))
    }

    /// Follows a link without limit for a download.
    pub fn follow(self: &Arc<Self>, link: &Link) -> Arc<Redemption> {
        let id = link.id;
        let unlimited_until = Some(link.expires);
        let links = self.clone();
        Arc::new_cyclic(|itself| {
            let renewing = renew(itself.clone(), self.lease() / 3);
            Redemption {
                links,
                id,
                holder: 0,
                version: FileVersion {
                    tag: String::new(),
                    size: 0,
                },
                handed: Mutex::new(Ranges::default()),
                spending: AtomicBool::new(false),
                spent: AtomicBool::new(false),
                lost: AtomicBool::new(false),
                renewing: Some(self.runtime.spawn(renewing).abort_handle()),
                unlimited_until,
            }
        })
    }
}

impl Redemption {
    /// The same bytes, which are those of the file from `start` on, each counted as it leaves.
    pub fn carry(self: &Arc<Self>, source: Source, start: u64) -> Source {
        let size = source.size();
        let pieces = stream::try_unfold(
            (self.clone(), source, start),
            async |(redemption, mut source, at)| {
                let Some(piece) = source.next().await? else {
                    return Ok(None);
                };
                let end = at + piece.len() as u64;
                redemption.hand_over(at..end).await?;
                Ok(Some((piece, (redemption, source, end))))
            },
        );
        Source::from_stream(pieces.boxed(), size)
    }

    /// When it returns, the bytes are on their way.
    async fn hand_over(self: &Arc<Self>, part: Range<u64>) -> Result<()> {
        if self.lost.load(Ordering::Relaxed) {
            return Err(Error::new(
                ErrorKind::Interrupted,
                "the link is not valid any more",
            ));
        }
        if self.unlimited_until.is_some() {
            return Ok(());
        }
        let completes = self.handed().would_cover(&part, self.version.size);
        if completes && !self.spent.load(Ordering::Acquire) {
            self.spending.store(true, Ordering::Release);
            // A task of its own holds this until the metadata store has answered, so that whatever
            // ends the download meanwhile is recorded after that.
            let itself = self.clone();
            let spending = async move { itself.spend().await };
            self.links
                .ends
                .spawn_on(spending, &self.links.runtime)
                .await
                .map_err(Error::internal)??;
        }
        self.handed().add(part);
        Ok(())
    }

    async fn spend(&self) -> Result<()> {
        self.links
            .change(&self.id, |link, _| uses::spend(link, self.holder))
            .await?;
        self.spent.store(true, Ordering::Release);
        Ok(())
    }

    pub(super) async fn renew(&self) -> Result<()> {
        if let Some(expires) = self.unlimited_until {
            let is_there = self.links.store.by_id(&self.id).await?.is_some();
            // What has expired is swept, and what began before goes on.
            let is_revoked = !is_there && self.links.clock.now() < expires;
            return if is_revoked {
                Err(uses::over())
            } else {
                Ok(())
            };
        }
        let lease = milliseconds(self.links.lease());
        self.links
            .change(&self.id, |link, now| {
                uses::renew(link, self.holder, now.saturating_add(lease))
            })
            .await
    }

    fn handed(&self) -> std::sync::MutexGuard<'_, Ranges> {
        self.handed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Redemption {
    fn drop(&mut self) {
        if let Some(renewing) = &self.renewing {
            renewing.abort();
        }
        if self.unlimited_until.is_some() {
            return;
        }
        let spent = self.spent.load(Ordering::Acquire);
        let handed = self.handed().clone();
        if spent && handed.covers(self.version.size) {
            return;
        }
        let links = self.links.clone();
        let id = self.id;
        let holder = self.holder;
        let version = self.version.clone();
        let grace = milliseconds(links.settings.grace);
        let leaving = async move {
            let left = links
                .change(&id, |link, now| {
                    uses::leave(
                        link,
                        holder,
                        spent,
                        now.saturating_add(grace),
                        &version,
                        &handed,
                    )
                })
                .await;
            match left {
                // Revoked, or the use belongs to others: there is nothing to give back.
                Err(error) if matches!(error.kind(), ErrorKind::Gone | ErrorKind::Interrupted) => {}
                Err(error) => {
                    let link = hex::encode(id);
                    let cause = error.causes();
                    tracing::warn!(
                        link,
                        cause,
                        "a use of a link stays taken until its time is over: {error}"
                    );
                }
                Ok(()) => {}
            }
        };
        self.links.ends.spawn_on(leaving, &self.links.runtime);
    }
}

/// Puts off the end of the use for as long as the download runs.
async fn renew(redemption: Weak<Redemption>, every: std::time::Duration) {
    loop {
        tokio::time::sleep(every).await;
        let Some(redemption) = redemption.upgrade() else {
            return;
        };
        if redemption.spending.load(Ordering::Acquire) {
            return;
        }
        match redemption.renew().await {
            Err(error) if matches!(error.kind(), ErrorKind::Gone | ErrorKind::Interrupted) => {
                // A use that was spent in this very moment is none that was lost.
                redemption.lost.store(
                    !redemption.spending.load(Ordering::Acquire),
                    Ordering::Relaxed,
                );
                return;
            }
            Err(error) => tracing::warn!(
                cause = error.causes(),
                "a use of a link could not be put off: {error}"
            ),
            Ok(()) => {}
        }
    }
}
