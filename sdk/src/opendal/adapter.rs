//! The adapter: a service, the way to it, and what is at a path.

use std::cell::Cell;
use std::sync::Arc;

use opendal_core::raw::{OpStat, Servicer};
use opendal_core::{
    Builder, ErrorKind, Executor, HttpTransporter, Metadata, OperationContext, Operator,
};

use super::exchange::{Exchange, random};
use super::failure::failure;
use super::transport::Transport;
use crate::attributes::{Attributes, Condition, Kind};
use crate::error::{ConfigError, Error, Result};

/// The directory, in the root of a service, for uploads in progress; the name that nothing else may
/// have.
pub(super) const STAGING: &str = ".callfs-staging";

/// How large an answer may be that is not an object, in bytes: a service holds it several times
/// over while reading it.
const RESPONSE_LIMIT: u64 = 8 << 20;

/// How often a file is looked for that may be missing only for the moment in which a server
/// replaces it.
pub(super) const LOOKS: u32 = 3;

/// An OpenDAL service as a storage backend; see [the module](super) for what it promises.
pub struct Adapter {
    operator: Operator,
    pub(super) exchange: Arc<Exchange>,
    /// Whether an object is written under another name and moved into its place.
    pub(super) stages: bool,
    /// Whether there is a directory for that, and nothing in it that nobody needs.
    pub(super) staging_made: Cell<bool>,
    /// What names of this instance's uploads start with.
    pub(super) own: String,
    /// Whether directories exist by themselves.
    pub(super) own_directories: bool,
}

impl Adapter {
    /// Builds a service. Its requests are signed by the host with `credential`, the name of a
    /// granted slot: configure neither a user nor a key, and whatever the service calls
    /// "anonymous".
    pub fn new(service: impl Builder, credential: Option<String>) -> Result<Self, ConfigError> {
        let operator =
            Operator::new(service).map_err(|error| ConfigError::at("", error.message()))?;
        let exchange = Arc::new(Exchange::default());
        let transport = Transport {
            exchange: exchange.clone(),
            credential,
            limit: RESPONSE_LIMIT,
        };
        let context =
            OperationContext::from_parts(HttpTransporter::new(transport), Executor::default());
        let own_directories = operator.base_service().capability_dyn().create_dir;
        Ok(Self {
            operator: operator.with_context(context),
            exchange,
            stages: false,
            staging_made: Cell::new(false),
            own: format!("{:016x}", random()),
            own_directories,
        })
    }

    /// Writes and copies under another name, in the directory `.callfs-staging` of the service's
    /// root, and moves what is complete into its place.
    ///
    /// For services whose objects are visible, or the old ones gone, before all of the new bytes
    /// are there.
    ///
    /// Some servers remove the old object before they move the new one: so what is missing is
    /// looked for three times, and a move that another one got in the way of is tried as often.
    /// That narrows the gap, and cannot close it.
    pub fn replace_by_rename(mut self) -> Self {
        self.stages = true;
        self
    }

    pub(super) fn service(&self) -> &Servicer {
        self.operator.service()
    }

    pub(super) fn context(&self) -> &OperationContext {
        self.operator.context()
    }

    pub(super) fn failure(&self, error: opendal_core::Error) -> Error {
        failure(error, self.exchange.refusal().as_ref())
    }

    /// What is at a path that the host asked for.
    pub(super) async fn stat(&self, path: &str) -> Result<Attributes> {
        check(path)?;
        self.found(path).await
    }

    /// What is at a path, or why nothing is.
    pub(super) async fn found(&self, path: &str) -> Result<Attributes> {
        match self.seek(path).await? {
            Some(attributes) => Ok(attributes),
            None => Err(self.missing(path).await?),
        }
    }

    /// What is at a path, if anything is that is not missing only while it is replaced.
    pub(super) async fn seek(&self, path: &str) -> Result<Option<Attributes>> {
        let mut found = self.look(path).await?;
        for _ in 1..self.looks() {
            if found.is_some() {
                break;
            }
            found = self.look_at(path).await?;
        }
        Ok(found)
    }

    /// How often to look for a file before it is believed to be missing.
    pub(super) fn looks(&self) -> u32 {
        if self.stages { LOOKS } else { 1 }
    }

    /// What is at a path that is about to be replaced under a condition.
    pub(super) async fn target(
        &self,
        path: &str,
        condition: &Condition,
    ) -> Result<Option<Attributes>> {
        let target = if *condition == Condition::Always {
            self.look(path).await?
        } else {
            self.seek(path).await?
        };
        if condition.holds(target.as_ref()) {
            Ok(target)
        } else {
            Err(Error::PreconditionFailed)
        }
    }

    /// What is at a path, if anything.
    pub(super) async fn look(&self, path: &str) -> Result<Option<Attributes>> {
        if path.is_empty() {
            self.reach_root().await?;
            return Ok(Some(Attributes::directory()));
        }
        let attributes = match self.look_at(path).await? {
            None => self.look_at(&directory(path)).await?,
            found => found,
        };
        Ok(attributes)
    }

    /// The root exists whatever the service says, but must be within reach.
    async fn reach_root(&self) -> Result<()> {
        if !self.own_directories {
            return Ok(());
        }
        self.exchange.begin();
        // The layers above answer for the root without asking.
        let root = self
            .operator
            .base_service()
            .stat_dyn(self.context(), "/", OpStat::new())
            .await;
        match root.map_err(|error| self.failure(error)) {
            Ok(_) | Err(Error::NotFound) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// What a service has under a name: that of a directory ends with a slash.
    async fn look_at(&self, name: &str) -> Result<Option<Attributes>> {
        self.exchange.begin();
        match self
            .service()
            .stat_dyn(self.context(), name, OpStat::new())
            .await
        {
            Ok(found) => {
                let attributes = self.attributes(&found.into_metadata());
                Ok(Some(attributes)
                    .filter(|found| found.kind == Kind::Directory || !name.ends_with('/')))
            }
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::IsADirectory | ErrorKind::NotADirectory
                ) =>
            {
                Ok(None)
            }
            Err(error) => match self.failure(error) {
                Error::NotFound => Ok(None),
                // Some servers send whoever names a directory without its slash to the name that
                // has one.
                _ if self
                    .exchange
                    .refusal()
                    .is_some_and(|refusal| (300..400).contains(&refusal.status)) =>
                {
                    Ok(None)
                }
                error => Err(error),
            },
        }
    }

    /// Why nothing is at a path.
    pub(super) async fn missing(&self, path: &str) -> Result<Error> {
        Ok(self.misplaced(path).await?.unwrap_or(Error::NotFound))
    }

    /// Why nothing can be at a path, if its parent is no directory.
    pub(super) async fn misplaced(&self, path: &str) -> Result<Option<Error>> {
        let mut path = path;
        let mut why = None;
        while let Some((parent, _)) = path.rsplit_once('/').filter(|_| self.own_directories) {
            match self.look(parent).await? {
                Some(Attributes {
                    kind: Kind::Directory,
                    ..
                }) => break,
                Some(_) => return Ok(Some(Error::NotADirectory)),
                None => (path, why) = (parent, Some(Error::NotFound)),
            }
        }
        Ok(why)
    }

    /// Why a service refused to put something at a path: servers have many answers where there is
    /// no directory for it.
    pub(super) async fn refused(&self, path: &str, error: Error) -> Error {
        match error {
            Error::NotFound | Error::AccessDenied(_) | Error::Unavailable(_) | Error::Other(_) => {
                self.misplaced(path).await.ok().flatten().unwrap_or(error)
            }
            error => error,
        }
    }

    /// Whether a condition holds of what is at a path, as far as anybody can know who does not lock
    /// it.
    pub(super) fn demand(condition: &Condition, stored: Option<&Attributes>) -> Result<()> {
        if condition.holds(stored) {
            Ok(())
        } else {
            Err(Error::PreconditionFailed)
        }
    }

    pub(super) fn attributes(&self, metadata: &Metadata) -> Attributes {
        let can = self.service().capability_dyn();
        attributes(metadata, can.write_with_content_type)
    }
}

/// What OpenDAL knows of an object. Of a service that does not keep the type of an object, neither
/// the type nor the coding is believed: its server makes them up from the name.
fn attributes(metadata: &Metadata, keeps_type: bool) -> Attributes {
    let modified = metadata
        .last_modified()
        .map(|time| time.into_inner().as_nanosecond());
    let modified = modified.and_then(|nanoseconds| i64::try_from(nanoseconds).ok());
    if metadata.is_dir() {
        return Attributes {
            modified,
            ..Attributes::directory()
        };
    }
    let attributes = Attributes {
        etag: metadata.etag().and_then(strong),
        modified,
        content_type: metadata
            .content_type()
            .filter(|_| keeps_type)
            .map(Into::into),
        ..Attributes::file(metadata.content_length())
    };
    match metadata.content_encoding().filter(|_| keeps_type) {
        Some(codings) => attributes.in_codings(codings),
        None => attributes,
    }
}

/// The opaque part of a strong entity tag; a weak one promises nothing about bytes.
fn strong(etag: &str) -> Option<String> {
    let opaque = etag
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
        .unwrap_or(etag);
    (!etag.starts_with("W/") && !opaque.is_empty()).then(|| opaque.to_owned())
}

/// Refuses the name that is kept for uploads in progress.
pub(super) fn check(path: &str) -> Result<()> {
    if path.split('/').any(|name| name == STAGING) {
        let message =
            format!("the name '{STAGING}' is reserved for uploads in progress; choose another one");
        return Err(Error::InvalidArgument(message));
    }
    Ok(())
}

/// The name that a service knows a directory by.
pub(super) fn directory(path: &str) -> String {
    format!("{path}/")
}

#[cfg(test)]
mod tests {
    use opendal_core::MetadataBuilder;

    use super::*;

    #[test]
    fn types_and_codings_are_those_that_are_kept() {
        let mut metadata = MetadataBuilder::file(3);
        metadata.content_type("text/html");
        metadata.content_encoding("gzip");
        let metadata = metadata.build();
        let kept = attributes(&metadata, true);
        assert_eq!(kept.content_type.as_deref(), Some("text/html"));
        assert_eq!(kept.extra, Attributes::file(3).in_codings("gzip").extra);
        assert!(!kept.extra.is_empty());
        let made_up = attributes(&metadata, false);
        assert_eq!(made_up.content_type, None);
        assert!(made_up.extra.is_empty(), "{:?}", made_up.extra);
    }

    #[test]
    fn etags_are_strong_or_absent() {
        assert_eq!(strong("\"a\"").as_deref(), Some("a"));
        assert_eq!(strong("0x8D").as_deref(), Some("0x8D"));
        assert_eq!(strong("W/\"a\""), None);
        assert_eq!(strong("\"\""), None);
    }

    #[test]
    fn the_staging_directory_is_nobodys() {
        assert!(check("a/.callfs-staging/b").is_err());
        assert_eq!(check("a/.callfs-staging.txt"), Ok(()));
    }
}
