//! Exchanges that were begun and not ended: the objects tell which of both states they are in.

use callfs_model::error::{Error, ErrorKind, Result};
use callfs_model::locks::Guard;
use callfs_model::metadata::{Change, IntentId, Record};
use callfs_model::path::FilePath;
use callfs_model::storage::{Attributes, ObjectIdentity};

use crate::Engine;
use crate::failure::about;

/// Two paths that are changing places.
#[derive(Clone, Copy)]
pub(crate) struct ExchangeInFlight<'a> {
    pub(crate) id: IntentId,
    pub(crate) one: &'a FilePath,
    pub(crate) other: &'a FilePath,
    /// What was at each before.
    pub(crate) objects: &'a [ObjectIdentity; 2],
}

/// What the objects at two paths say of an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ExchangeState {
    /// They are where they were.
    Before,
    /// They have changed places.
    After,
    /// Other programs took both away.
    Gone,
    /// The storage is another one, in which objects have other names.
    Unknown,
}

impl ExchangeInFlight<'_> {
    /// What makes the records follow.
    pub(crate) fn follow(&self) -> Change {
        Change::Exchange {
            one: self.one.clone(),
            other: self.other.clone(),
        }
    }
}

impl Engine {
    /// Makes the records agree with what the storage did, or did not do, of an exchange. As long as
    /// the storage may still do it (`unsure`), what has not happened yet is not taken for what will
    /// not. Answers whether it is decided.
    pub(crate) async fn heal_exchange(
        &self,
        lock: &Guard,
        exchange: &ExchangeInFlight<'_>,
        unsure: bool,
    ) -> Result<bool> {
        let ExchangeInFlight { id, one, other, .. } = *exchange;
        match self.exchange_state(exchange).await? {
            ExchangeState::After if self.records_followed(exchange).await? => {}
            // The records change places in the commit that ends the intent.
            ExchangeState::After => {
                return match self
                    .commit(lock, vec![exchange.follow(), Change::End(id)])
                    .await
                {
                    Err(error) if error.kind() == ErrorKind::BadRequest => {
                        self.undo_exchange(lock, exchange, error).await
                    }
                    followed => followed.map(|()| true),
                };
            }
            _ if unsure => return Ok(false),
            ExchangeState::Before | ExchangeState::Gone => {}
            ExchangeState::Unknown => return self.narrow_exchange(lock, exchange).await,
        }
        let mut changes = Vec::new();
        for path in [one, other] {
            if let Some(record) = self.metadata.get(path).await?
                && !self.stands(&record).await?
            {
                changes.push(Change::Remove(path.clone()));
            }
        }
        changes.push(Change::End(id));
        self.commit(lock, changes).await.map(|()| true)
    }

    /// Whether the records name the objects that are at their paths after the exchange: a later
    /// exchange of the same paths has done what this one was to do.
    async fn records_followed(&self, exchange: &ExchangeInFlight<'_>) -> Result<bool> {
        let ExchangeInFlight {
            one,
            other,
            objects: [first, second],
            ..
        } = *exchange;
        let is_of = async |path: &FilePath, object: &ObjectIdentity| {
            let record = self.metadata.get(path).await?;
            Ok::<_, Error>(record.is_some_and(|record| record.object.as_ref() == Some(object)))
        };
        Ok(is_of(one, second).await? || is_of(other, first).await?)
    }

    async fn exchange_state(&self, exchange: &ExchangeInFlight<'_>) -> Result<ExchangeState> {
        let ExchangeInFlight {
            one,
            other,
            objects: [first, second],
            ..
        } = *exchange;
        let at_one = self.stored(one).await?;
        let at_other = self.stored(other).await?;
        let is = |path: &FilePath, found: &Option<Attributes>, object: &ObjectIdentity| {
            let found = found.as_ref().and_then(|found| self.object_at(path, found));
            found.as_ref() == Some(object)
        };
        // Two names of one file are where they were, and also where they should be.
        if is(one, &at_one, first) || is(other, &at_other, second) {
            return Ok(ExchangeState::Before);
        }
        if is(one, &at_one, second) || is(other, &at_other, first) {
            return Ok(ExchangeState::After);
        }
        let is_the_same = self.storage_at(one).as_ref() == Some(&first.storage);
        Ok(if is_the_same {
            ExchangeState::Gone
        } else {
            ExchangeState::Unknown
        })
    }

    /// Of what may be either, no more is allowed than of both; its owner can change that again.
    async fn narrow_exchange(&self, lock: &Guard, exchange: &ExchangeInFlight<'_>) -> Result<bool> {
        let ExchangeInFlight { id, one, other, .. } = *exchange;
        tracing::warn!(
            %one,
            %other,
            "an exchange was interrupted in another storage, so that nothing tells whether it \
             happened: the rights of both paths are narrowed; set their owners and modes"
        );
        let mut changes = Vec::new();
        let first = self.metadata.get(one).await?;
        let second = self.metadata.get(other).await?;
        if let (Some(first), Some(second)) = (first, second) {
            for record in [&first, &second] {
                let narrower = self.defaults.narrower(&first, &second);
                changes.push(Change::Put(Record {
                    path: record.path.clone(),
                    content: record.content.clone(),
                    object: None,
                    next: None,
                    ..narrower
                }));
            }
        }
        changes.push(Change::End(id));
        self.commit(lock, changes).await.map(|()| true)
    }

    /// Exchanges what the storage has exchanged back, because the records can never follow.
    async fn undo_exchange(
        &self,
        lock: &Guard,
        exchange: &ExchangeInFlight<'_>,
        refused: Error,
    ) -> Result<bool> {
        let ExchangeInFlight { id, one, other, .. } = *exchange;
        tracing::warn!(%one, %other, error = %refused, "the records of an exchange cannot follow \
            it: it is undone");
        let (storage, first) = self.backend(one)?;
        let (_, second) = self.backend(other)?;
        storage
            .exchange(first, second)
            .await
            .map_err(|error| about(one, error))?;
        self.commit(lock, vec![Change::End(id)])
            .await
            .map(|()| true)
    }
}
