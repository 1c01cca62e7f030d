//! Whether everything that serving needs answers.

use callfs_model::error::Result;
use callfs_model::identity::{AccessNode, Action, Identity, Question};
use callfs_model::storage::EntryKind;
use futures_util::future::{BoxFuture, join_all};

use crate::Engine;
use crate::failure::if_any;

impl Engine {
    /// Every part by its name, and what is wrong with it.
    pub fn ready<'a>(&'a self) -> BoxFuture<'a, Vec<(String, Result<()>)>> {
        Box::pin(async move {
            let mut parts: Vec<(String, BoxFuture<'_, Result<()>>)> = vec![
                ("metadata".into(), self.metadata.ready()),
                ("locks".into(), self.locks.ready()),
                ("authorizer".into(), Box::pin(self.authorizer_ready())),
            ];
            for mount in self.mounts.iter() {
                let storage = mount.storage();
                let answered = async move {
                    storage.in_place().await?;
                    // A root that does not exist yet is still an answer.
                    if_any(storage.stat("").await).map(drop)
                };
                parts.push((format!("mount {}", mount.path), Box::pin(answered)));
            }
            let checked = parts
                .into_iter()
                .map(async |(name, ready)| (name, ready.await));
            join_all(checked).await
        })
    }

    /// Any decision will do, as long as there is one.
    async fn authorizer_ready(&self) -> Result<()> {
        let owner = self.defaults.owner.clone();
        let group = self.defaults.group.clone();
        let nobody = Identity {
            subject: "nobody".into(),
            groups: Vec::new(),
            admin: false,
            attributes: Vec::new(),
        };
        let root = AccessNode {
            kind: EntryKind::Directory,
            owner,
            group,
            mode: self.defaults.root_mode,
        };
        let question = Question {
            action: Action::Read,
            path: "/".into(),
            target: Some(root),
            ancestors: [].into(),
        };
        self.authorizer.decide(&nobody, &[question]).await.map(drop)
    }
}
