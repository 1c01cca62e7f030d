//! Links: a token gives one file, a number of times or without limit, or a directory with all that
//! is below it, until a moment in time.
//!
//! A link is issued to whoever may share the file, redeemed by downloads, and swept when it is
//! over. A use of it is free, taken by a download, left by one that broke off, or spent; every
//! change of that is a compare-and-set in the metadata store, so that no two downloads ever hold
//! the same use, on however many nodes. It knows the metadata store and neither HTTP nor storage,
//! and it does not ask whether anybody may do what they ask for.

mod clock;
mod ranges;
mod redemption;
mod secret;
mod token;
mod uses;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use callfs_model::error::{Error, ErrorKind, Result};
use callfs_model::identity::Identity;
pub use callfs_model::metadata::{Link, LinkId, LinkOptions};
use callfs_model::metadata::{LinkStore, MakerRights};
use callfs_model::path::FilePath;
use callfs_model::shutdown::Shutdown;
pub use clock::{Clock, System};
use futures_util::future::BoxFuture;
pub use redemption::Redemption;
pub use secret::Secret;
use sha2::{Digest, Sha256};
pub use token::Token;
use token::TokenSigner;
use tokio::runtime::Handle;
use tokio::sync::Mutex;
use tokio_util::task::TaskTracker;
pub use uses::FileVersion;

/// The most downloads that one link may allow.
pub const MAX_USES: u32 = 10_000;
/// For how long a download takes a use before it has to put that off, at most.
const LEASE: Duration = Duration::from_secs(30);
/// How often links that are over are looked for.
const SWEEP: Duration = Duration::from_secs(300);
/// How often a change starts anew because another node changed the link first.
const ATTEMPTS: usize = 64;
/// Changes of links wait in so many lines, so that they need not start anew because of each other.
const LINES: usize = 64;

/// How long things last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinkSettings {
    /// How long an interrupted download may be resumed.
    pub grace: Duration,
    /// How long a link lasts unless its maker says so.
    pub expiry: Duration,
    /// How long a link may last.
    pub max_expiry: Duration,
}

/// What a link is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// The file, or the directory.
    pub path: FilePath,
    /// The user who makes it, whose rights are recorded with it.
    pub maker: Identity,
    /// What the file is called when it is downloaded; none for its own name.
    pub filename: Option<String>,
    /// How long it lasts.
    pub expiry: Duration,
    /// How many times the file may be downloaded, from 1 to [`MAX_USES`], unless it is unlimited.
    pub max_uses: u32,
    /// What else the link gives.
    pub options: LinkOptions,
}

/// All links.
pub struct Links {
    store: Arc<dyn LinkStore>,
    signer: TokenSigner,
    settings: LinkSettings,
    clock: Arc<dyn Clock>,
    lines: [Mutex<()>; LINES],
    /// Where the ends of downloads are recorded, whoever drops them.
    runtime: Handle,
    ends: TaskTracker,
}

impl Links {
    /// The links of a metadata store. Needs a runtime, and has to be [closed](Self::close) before
    /// the metadata store is.
    pub fn new(
        store: Arc<dyn LinkStore>,
        secret: &Secret,
        settings: LinkSettings,
        clock: Arc<dyn Clock>,
    ) -> Arc<Self> {
        let lines = std::array::from_fn(|_| Mutex::new(()));
        let runtime = Handle::current();
        let ends = TaskTracker::new();
        Arc::new(Self {
            store,
            signer: TokenSigner::new(secret),
            settings,
            clock,
            lines,
            runtime,
            ends,
        })
    }

    /// How long things last.
    pub fn settings(&self) -> &LinkSettings {
        &self.settings
    }

    /// Makes a link. Its token is told now and never again.
    pub async fn issue(&self, terms: Terms) -> Result<(Link, Token)> {
        let Terms {
            path,
            maker,
            filename,
            expiry,
            max_uses,
            options,
        } = terms;
        let created = self.clock.now();
        let id = new_id(created)?;
        let token = self.signer.sign(&id);
        let link = Link {
            id,
            token_sha256: digest(token.reveal()),
            path,
            rights: MakerRights::from(&maker),
            maker: maker.subject,
            options,
            filename,
            created,
            expires: created.saturating_add(milliseconds(expiry)),
            max_uses: max_uses.clamp(1, MAX_USES),
            spent: 0,
            uses: Vec::new(),
            revision: 0,
        };
        self.store.create(link.clone()).await?;
        Ok((link, token))
    }

    /// The link of a token that may still be used, now or once a download that runs has broken off.
    pub async fn redeemable(&self, token: &str) -> Result<Link> {
        let link = self.find(token).await?;
        uses::check(&link, self.clock.now())?;
        Ok(link)
    }

    /// The same of a link of a directory; below a link of a file there is nothing.
    pub async fn redeemable_directory(&self, token: &str) -> Result<Link> {
        let link = self.find(token).await?;
        if !link.options.directory {
            return Err(unknown());
        }
        uses::check(&link, self.clock.now())?;
        Ok(link)
    }

    async fn find(&self, token: &str) -> Result<Link> {
        // A client that tries tokens is told here, and the metadata store is never asked.
        if !self.signer.has_signed(token) {
            return Err(unknown());
        }
        let found = self.store.by_token(&digest(token)).await?;
        found.ok_or_else(uses::over)
    }

    /// A link by its id: of this maker, or of anybody.
    pub async fn get(&self, id: &LinkId, maker: Option<&str>) -> Result<Link> {
        let found = self
            .store
            .by_id(id)
            .await?
            .filter(|link| maker.is_none_or(|maker| link.maker == maker));
        found.ok_or_else(|| {
            Error::new(
                ErrorKind::NotFound,
                "there is no link of this id among yours",
            )
        })
    }

    /// Links of this maker, or of everybody, the oldest first: at most `limit`, those after an id.
    pub async fn list(
        &self,
        maker: Option<&str>,
        after: Option<&LinkId>,
        limit: u32,
    ) -> Result<Vec<Link>> {
        self.store.list(maker, after, limit).await
    }

    /// Forgets a link. Downloads under it that run are cut soon.
    pub async fn revoke(&self, id: &LinkId) -> Result<()> {
        let _turn = self.line(id).lock().await;
        self.store.remove(id).await
    }

    /// Forgets links that are over, again and again until the shutdown.
    pub fn sweep_until(self: Arc<Self>, shutdown: Shutdown) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            let mut due = tokio::time::interval(SWEEP);
            let begun = shutdown.begun();
            tokio::pin!(begun);
            loop {
                tokio::select! {
                    _ = due.tick() => {}
                    () = &mut begun => return,
                }
                if let Err(error) = self.sweep().await {
                    tracing::warn!(
                        cause = error.causes(),
                        "links that are over could not be removed: {error}"
                    );
                }
            }
        })
    }

    /// Forgets links that are over.
    async fn sweep(&self) -> Result<()> {
        self.store.sweep(self.clock.now()).await
    }

    /// Waits until the end of every download is recorded.
    pub async fn close(&self) {
        self.ends.close();
        self.ends.wait().await;
    }

    /// Changes a link as it is now. What is changed may be asked several times.
    async fn change<T>(
        &self,
        id: &LinkId,
        mut change: impl FnMut(&mut Link, i64) -> Result<T>,
    ) -> Result<T> {
        let _turn = self.line(id).lock().await;
        for _ in 0..ATTEMPTS {
            let mut link = self.store.by_id(id).await?.ok_or_else(uses::over)?;
            let outcome = change(&mut link, self.clock.now())?;
            if self.store.replace(link).await? {
                return Ok(outcome);
            }
        }
        Err(Error::new(
            ErrorKind::Locked,
            "the link is used by too many at the same moment; try again",
        ))
    }

    fn line(&self, id: &LinkId) -> &Mutex<()> {
        &self.lines[usize::from(id[id.len() - 1]) % LINES]
    }

    /// For how long a use is taken at a time.
    fn lease(&self) -> Duration {
        self.settings.grace.min(LEASE)
    }
}

fn unknown() -> Error {
    Error::new(
        ErrorKind::NotFound,
        "there is no such link; check that it was copied whole",
    )
}

/// 48 bits of time and 80 random ones: in the order of their making, and of no use to whoever
/// guesses one.
fn new_id(now: i64) -> Result<LinkId> {
    let mut id = [0; 16];
    id[..6].copy_from_slice(&now.to_be_bytes()[2..]);
    random(&mut id[6..])?;
    Ok(id)
}

fn random(bytes: &mut [u8]) -> Result<()> {
    getrandom::fill(bytes).map_err(|error| Error::internal(error.to_string()))
}

fn digest(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
