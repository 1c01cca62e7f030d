//! `callfs cluster`: who keeps the metadata store together, when nodes keep it among themselves.

use std::fmt::Write as _;
use std::path::PathBuf;

use callfs_metadata::{RaftMember, Status};
use callfs_model::error;
use clap::Subcommand;

use super::{CommandFailure, print, say};
use crate::config::{Config, Layers, LoadOptions, MetadataStore, RaftConfig};

#[derive(Debug, clap::Args)]
pub(super) struct ClusterArguments {
    #[command(subcommand)]
    command: ClusterCommand,
}

#[derive(Debug, Subcommand)]
enum ClusterCommand {
    /// Add this node, whose gateway runs, to the cluster that another one is part of.
    Join {
        /// Where a member listens to the other nodes, as 10.0.0.1:7000.
        #[arg(value_name = "HOST:PORT", value_parser = address)]
        member: String,
        /// A configuration file: .toml, .yaml, .yml or .json.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
    /// Take a node out of the cluster, whether it runs or not.
    Leave {
        /// Its name; otherwise that of this node.
        name: Option<String>,
        /// Ask this member instead of this node.
        #[arg(long, value_name = "HOST:PORT", value_parser = address)]
        member: Option<String>,
        /// A configuration file: .toml, .yaml, .yml or .json.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
    /// Print who is part of the cluster, and who leads it.
    Status {
        /// Ask this member instead of this node.
        #[arg(long, value_name = "HOST:PORT", value_parser = address)]
        member: Option<String>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
        /// A configuration file: .toml, .yaml, .yml or .json.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
}

pub(super) fn run(arguments: ClusterArguments) -> Result<(), CommandFailure> {
    match arguments.command {
        ClusterCommand::Join { member, config } => {
            let node = ThisNode::of(config)?;
            let name = node.name.clone();
            let address = node.address();
            asked(async { node.cluster(Some(&member)).join(&name, &address).await })?;
            say(&format!("{name} is part of the cluster"));
            Ok(())
        }
        ClusterCommand::Leave {
            name,
            member,
            config,
        } => {
            let node = ThisNode::of(config)?;
            let name = name.unwrap_or_else(|| node.name.clone());
            asked(async { node.cluster(member.as_deref()).leave(&name).await })?;
            say(&format!("{name} is no longer part of the cluster"));
            Ok(())
        }
        ClusterCommand::Status {
            member,
            json,
            config,
        } => {
            let node = ThisNode::of(config)?;
            let status = asked(async { node.cluster(member.as_deref()).status().await })?;
            let text = if json {
                serde_json::to_string_pretty(&status).map(|text| text + "\n")
            } else {
                Ok(table(&status))
            };
            print(&text.map_err(|cause| CommandFailure::Failed(cause.into()))?)
        }
    }
}

/// This node, as it is configured.
struct ThisNode {
    name: String,
    raft: RaftConfig,
}

impl ThisNode {
    fn of(file: Option<PathBuf>) -> Result<Self, CommandFailure> {
        let layers = Layers::read(&LoadOptions {
            file,
            ..LoadOptions::of_process()
        })?;
        let Config { node, metadata, .. } = layers.config()?;
        match metadata {
            MetadataStore::Raft(raft) => Ok(Self {
                name: node.id,
                raft,
            }),
            _ => Err(CommandFailure::Usage(
                "this node is part of no cluster: metadata.store is not \"raft\"".into(),
            )),
        }
    }

    /// Where the others reach it.
    fn address(&self) -> String {
        self.raft
            .advertise
            .clone()
            .unwrap_or_else(|| self.raft.listen.to_string())
    }

    fn cluster(&self, member: Option<&str>) -> RaftMember {
        RaftMember::new(
            member.unwrap_or(&self.address()),
            self.raft.secret.as_bytes(),
        )
    }
}

fn asked<T>(question: impl Future<Output = error::Result<T>>) -> Result<T, CommandFailure> {
    let runtime = tokio::runtime::Runtime::new()
        .map_err(|cause| CommandFailure::failed("cannot start the runtime", cause))?;
    runtime
        .block_on(question)
        .map_err(|cause| CommandFailure::Failed(cause.into()))
}

fn table(status: &Status) -> String {
    let mut text = String::new();
    let _ = writeln!(
        text,
        "{:<24} {:<28} {:<8} behind",
        "node", "address", "role"
    );
    for member in &status.members {
        let behind = member
            .lag
            .map_or_else(|| "-".to_owned(), |lag| lag.to_string());
        let _ = writeln!(
            text,
            "{:<24} {:<28} {:<8} {behind}",
            member.name, member.address, member.role
        );
    }
    let leader = status.leader.as_deref().unwrap_or("nobody");
    let _ = writeln!(
        text,
        "{leader} leads in term {}; {} has applied {} changes",
        status.term, status.node, status.applied
    );
    text
}

fn address(text: &str) -> Result<String, String> {
    let port = text
        .rsplit_once(':')
        .filter(|(host, _)| !host.is_empty())
        .and_then(|(_, port)| port.parse::<u16>().ok());
    port.map(|_| text.to_owned())
        .ok_or_else(|| "expected a host and a port, as 10.0.0.1:7000".into())
}
