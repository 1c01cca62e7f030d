//! Asks a member of a cluster on behalf of an operator, with the secret of the cluster.

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::client::{Client, Unanswered};
use super::command::Refusal;
use super::membership::JOINING;
use super::message::{self, Done, Join, Leave, Status};
use super::signature::Signer;
use crate::error::{Error, ErrorKind, Result};

/// How long a member may take to answer what it knows.
const PATIENCE: Duration = Duration::from_secs(10);

/// A cluster, by one of its members.
pub struct Cluster {
    client: Client,
    member: String,
}

impl Cluster {
    /// The one that a node at `host:port` is part of.
    pub fn of(member: &str, secret: &[u8]) -> Self {
        Self { client: Client::new(Signer::new(secret)), member: member.into() }
    }

    /// Adds a node that runs at this address, and waits until it is up to date.
    pub async fn join(&self, name: &str, address: &str) -> Result<()> {
        let join = Join { name: name.into(), address: address.into(), passed_on: false };
        self.ask::<Done>(message::JOIN, &join, 3 * JOINING).await?.map_err(Refusal::error)
    }

    /// Takes a node out, whether it runs or not.
    pub async fn leave(&self, name: &str) -> Result<()> {
        let leave = Leave { name: name.into(), passed_on: false };
        self.ask::<Done>(message::LEAVE, &leave, 3 * JOINING).await?.map_err(Refusal::error)
    }

    /// What the member knows of it.
    pub async fn status(&self) -> Result<Status> {
        self.ask(message::STATUS, &(), PATIENCE).await
    }

    async fn ask<T: DeserializeOwned>(&self, what: &str, question: &impl Serialize, patience: Duration) -> Result<T> {
        let failed = |cause: Unanswered| Error::new(ErrorKind::BackendUnavailable, cause.to_string());
        self.client.ask(&self.member, what, 0, question, patience).await.map_err(failed)
    }
}
