//! A cluster seen from outside, by whoever knows its secret and one of its members: for a command
//! line.

use std::time::Duration;

use callfs_model::error::{Error, ErrorKind, Result};
use futures_util::future::BoxFuture;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::client::PeerClient;
use super::command::Refusal;
use super::membership::JOINING;
use super::message::{self, Done, Join, Leave, Status};
use super::signature::MessageSigner;

/// How long a member may take to tell what it knows.
const TELLING: Duration = Duration::from_secs(5);

/// One member, as `host:port`, who is asked.
pub struct RaftMember {
    address: String,
    client: PeerClient,
}

impl RaftMember {
    /// The member at this address of a cluster with this secret. Nothing is asked yet.
    pub fn new(address: &str, secret: &[u8]) -> Self {
        Self {
            address: address.into(),
            client: PeerClient::new(MessageSigner::new(secret)),
        }
    }

    /// Adds a node that runs at an address and is part of no cluster, and waits until it is up to
    /// date.
    pub fn join<'a>(&'a self, name: &'a str, address: &'a str) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let join = Join {
                name: name.into(),
                address: address.into(),
                passed_on: false,
            };
            let done: Done = self.ask(message::JOIN, &join, 3 * JOINING).await?;
            done.map_err(Refusal::error)
        })
    }

    /// Takes a node out, whether it runs or not.
    pub fn leave<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let leave = Leave {
                name: name.into(),
                passed_on: false,
            };
            let done: Done = self.ask(message::LEAVE, &leave, 3 * JOINING).await?;
            done.map_err(Refusal::error)
        })
    }

    /// What it knows of the cluster.
    pub fn status<'a>(&'a self) -> BoxFuture<'a, Result<Status>> {
        Box::pin(async move { self.ask(message::STATUS, &(), TELLING).await })
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        what: &str,
        question: &impl Serialize,
        patience: Duration,
    ) -> Result<T> {
        let answer = self
            .client
            .ask(&self.address, what, 0, question, patience)
            .await;
        answer.map_err(|cause| Error::new(ErrorKind::BackendUnavailable, cause.to_string()))
    }
}
