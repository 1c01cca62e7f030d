//! What others begin and end, followed.
//!
//! Where several gateways share a metadata store, each hides what any of them hides. Whoever
//! changes something looks again under its lock, and so knows exactly; whoever reads knows as soon
//! as the news arrive. What this process works on itself is not touched, because it knows that
//! better and earlier than the metadata store tells. An answer of the metadata store is older than
//! what was done here while it was on its way: that wins.

use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use callfs_model::error::Result;
use callfs_model::metadata::{Intent, IntentId};
use callfs_model::path::FilePath;
use futures_util::future::BoxFuture;
use tokio::sync::watch;

use super::moves::take_moves;
use super::{MoveInFlight, Tombstone, Tombstones};
use crate::Engine;
use crate::recovery::intents::Interrupted;

/// The least time between two looks: at most so many a second.
const BETWEEN: Duration = Duration::from_millis(50);
/// The most, when there are no news.
const AGAIN: Duration = Duration::from_secs(10);
/// The pause after a look that failed.
const PAUSE: Duration = Duration::from_secs(1);
/// How old what others began is when it is worth asking whether they are alive.
const OLD: Duration = Duration::from_secs(10);
/// How many changes of this process are remembered; an answer that is older than all of them is
/// asked for again.
const REMEMBERED: usize = 1024;

/// Which answers of the metadata store are newer than what.
#[derive(Default)]
pub(super) struct Looks(Mutex<FollowingState>);

#[derive(Default)]
struct FollowingState {
    /// How many looks began.
    begun: u64,
    /// The latest that was believed.
    believed: u64,
    /// What was changed here, and how many looks had begun by then.
    touched: VecDeque<(u64, IntentId)>,
    /// Up to which look what was touched is no longer known.
    forgotten: u64,
}

/// What an answer of the metadata store is worth.
pub(super) enum Told {
    Believed,
    /// A newer answer was believed already.
    Late,
    /// Too much has happened meanwhile.
    Again,
}

impl Looks {
    pub(super) fn begin(&self) -> u64 {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.begun += 1;
        state.begun
    }

    /// Something was changed here: looks that have begun do not know it.
    pub(super) fn touch(&self, id: IntentId) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let begun = state.begun;
        if begun == state.believed {
            // Nobody looks just now.
            state.touched.clear();
            return;
        }
        state.touched.push_back((begun, id));
        if state.touched.len() > REMEMBERED
            && let Some((begun, _)) = state.touched.pop_front()
        {
            state.forgotten = begun;
        }
    }
}

impl Tombstones {
    /// Makes the foreign and the abandoned ones those that the metadata store told of in answer to
    /// a look.
    pub(super) fn agree(
        &self,
        look: u64,
        begun: &[(IntentId, FilePath, bool)],
        moves: &[MoveInFlight],
        is_own: impl Fn(&IntentId) -> bool,
    ) -> Told {
        let mut told = Told::Believed;
        let mut more = false;
        self.change_set(|set| {
            let mut state = self.looks.0.lock().unwrap_or_else(PoisonError::into_inner);
            if look <= state.believed {
                told = Told::Late;
                return Vec::new();
            }
            if look <= state.forgotten {
                told = Told::Again;
                return Vec::new();
            }
            state.believed = look;
            let touched: Vec<IntentId> = state
                .touched
                .iter()
                .filter(|(begun, _)| *begun >= look)
                .map(|(_, id)| *id)
                .collect();
            state.touched.retain(|(begun, _)| *begun > look);
            // Of its own moves a process knows more than the metadata store told.
            let is_moved_here = |id: &IntentId| touched.contains(id) || is_own(id);
            let mut changed =
                take_moves(set, |one| !is_moved_here(&one.id) && !moves.contains(one));
            for told in moves {
                if !is_moved_here(&told.id) && !set.moves.contains(told) {
                    changed.extend([told.from.clone(), told.to.clone()]);
                    set.moves.push(told.clone());
                }
            }
            let tombstones = &mut set.tombstones;
            let is_known_better = |id: &IntentId, here: &[Tombstone]| {
                let held = here
                    .iter()
                    .any(|tombstone| tombstone.id == *id && !tombstone.abandoned);
                touched.contains(id)
                    || held
                    || (is_own(id) && !here.iter().any(|tombstone| tombstone.id == *id))
            };
            let before = tombstones.clone();
            let same = |one: &Tombstone, (id, path, inside): &(IntentId, FilePath, bool)| {
                one.id == *id && one.path == *path && one.inside == *inside
            };
            let goes = |one: &Tombstone| {
                !is_known_better(&one.id, &before) && !begun.iter().any(|told| same(one, told))
            };
            let gone = tombstones.extract_if(.., |one| goes(one));
            changed.extend(gone.map(|one| one.path));
            for told in begun {
                if !is_known_better(&told.0, &before)
                    && !tombstones.iter().any(|one| same(one, told))
                {
                    let (id, path, inside) = told.clone();
                    changed.push(path.clone());
                    tombstones.push(Tombstone {
                        id,
                        path,
                        inside,
                        abandoned: true,
                    });
                    more = true;
                }
            }
            changed
        });
        if more {
            // Whoever began it may be no more.
            self.abandoned.notify_one();
        }
        told
    }
}

impl Engine {
    /// Asks the metadata store what is stored and does not exist; answers what else was begun and
    /// not ended.
    pub(crate) async fn look_again(&self) -> Result<Vec<(IntentId, Intent)>> {
        loop {
            let look = self.tombstones.looks.begin();
            let mut tombstones = Vec::new();
            let mut moves = Vec::new();
            let mut others = Vec::new();
            for (id, intent) in self.metadata.intents().await? {
                match intent {
                    Intent::Tombstone { path, inside, .. } => {
                        tombstones.push((id, path, inside));
                    }
                    Intent::Mounted { .. } => {}
                    intent => {
                        moves.extend(MoveInFlight::of(id, &intent));
                        others.push((id, intent));
                    }
                }
            }
            let is_own = |id: &IntentId| self.intents.is_own(id);
            match self.tombstones.agree(look, &tombstones, &moves, is_own) {
                Told::Believed | Told::Late => return Ok(others),
                Told::Again => {}
            }
        }
    }

    /// Follows what others begin and end, of which the news count changes, until the end. What they
    /// began long ago and did not end is looked after, if nobody works on it any more.
    pub fn follow<'a>(
        &'a self,
        mut news: watch::Receiver<u64>,
        end: impl Future<Output = ()> + Send + 'a,
    ) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let mut end = std::pin::pin!(end);
            let mut seen: HashMap<IntentId, Instant> = HashMap::new();
            news.mark_changed();
            loop {
                let next = async {
                    let told = tokio::time::timeout(AGAIN, news.changed()).await;
                    if told.is_ok_and(|told| told.is_err()) {
                        // Nobody will ever tell again.
                        tokio::time::sleep(AGAIN).await;
                    }
                    let failed = match self.look_again().await {
                        Ok(others) => {
                            self.note_old(&mut seen, others);
                            false
                        }
                        Err(error) => {
                            tracing::warn!(%error, "the metadata store does not say what other \
                            gateways are about: asking again");
                            news.mark_changed();
                            true
                        }
                    };
                    tokio::time::sleep(if failed { PAUSE } else { BETWEEN }).await;
                };
                tokio::select! {
                    () = &mut end => return,
                    () = next => {}
                }
            }
        })
    }

    pub(crate) fn note_old(
        &self,
        seen: &mut HashMap<IntentId, Instant>,
        others: Vec<(IntentId, Intent)>,
    ) {
        let foreign: Vec<_> = others
            .into_iter()
            .filter(|(id, _)| !self.intents.is_own(id))
            .collect();
        seen.retain(|id, _| foreign.iter().any(|(one, _)| one == id));
        for (id, intent) in foreign {
            let since = *seen.entry(id).or_insert_with(Instant::now);
            if since.elapsed() >= OLD {
                self.intents.leave(Interrupted {
                    id,
                    intent,
                    since: Some(since),
                });
            }
        }
    }
}
