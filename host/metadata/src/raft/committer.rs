//! Proposes what waits in the queue, in groups, and gives everybody the answer of the cluster.

use std::sync::Arc;

use async_trait::async_trait;
use callfs_model::error::{Error, ErrorKind, Result};
use callfs_model::storage::Durability;

use super::message::LARGEST;
use super::node::RaftNode;
use crate::queue::{Committer, QueuedStep};

/// Bytes that are proposed together, unless one step alone is larger.
const TOGETHER: usize = 1 << 20;
/// The largest step, in bytes, so that a message has room for it.
const STEP: usize = LARGEST / 2;

pub(super) struct Proposer(pub(super) Arc<RaftNode>);

#[async_trait]
impl Committer for Proposer {
    async fn commit(&mut self, group: &[QueuedStep], _: Durability) -> Vec<Result<()>> {
        let mut outcomes = Vec::with_capacity(group.len());
        let mut rest = group;
        while !rest.is_empty() {
            let mut count = 0;
            let mut size = 0;
            for step in rest {
                let bytes = postcard::experimental::serialized_size(step).unwrap_or(usize::MAX);
                if count > 0 && size + bytes > TOGETHER {
                    break;
                }
                (count, size) = (count + 1, size.saturating_add(bytes));
            }
            let (together, later) = rest.split_at(count);
            rest = later;
            if size > STEP {
                let message = format!(
                    "a change of {size} bytes is more than the metadata store (Raft) takes at once"
                );
                outcomes.push(Err(Error::new(ErrorKind::BadRequest, message)));
                continue;
            }
            match self.0.commit(together).await {
                Ok(answers) => outcomes.extend(
                    answers
                        .into_iter()
                        .map(|answer| answer.map_or(Ok(()), |no| Err(no.error()))),
                ),
                Err(cause) => {
                    outcomes.extend(
                        together
                            .iter()
                            .map(|_| Err(Error::new(cause.kind(), cause.message()))),
                    );
                }
            }
        }
        outcomes
    }

    async fn close(self) {}
}
