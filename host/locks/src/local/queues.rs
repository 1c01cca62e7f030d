//! One queue for each path that is locked, or on the way to one: a tree of them.
//!
//! A request is *exclusive* on its paths and *passing* on the directories above them. Those who
//! pass go together; an exclusive one goes alone. So two requests meet in conflict exactly where a
//! path of one is within a path of the other. Tickets count up and a request enters all of its
//! queues at once, hence only those who leave can let others in, and leaving looks at nobody else
//! than them.

use std::collections::{BTreeSet, HashMap};

use callfs_model::path::FilePath;
use tokio::sync::oneshot;

/// Earlier is smaller.
type Ticket = u64;

/// Every queue, and everybody in them.
pub(super) struct Queues {
    /// The root is the first; the others are there for as long as somebody is in them.
    nodes: Vec<QueueNode>,
    free: Vec<usize>,
    waiting: HashMap<Ticket, Waiting>,
    next: Ticket,
}

/// Where a request stands.
pub(super) struct QueuePosition {
    ticket: Ticket,
    /// Each node once, a directory before what is in it.
    stands: Vec<(usize, Mode)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Passing,
    Exclusive,
}

#[derive(Default)]
struct QueueNode {
    parent: usize,
    name: Box<str>,
    inner: HashMap<Box<str>, usize>,
    passing: BTreeSet<Ticket>,
    exclusive: BTreeSet<Ticket>,
}

struct Waiting {
    /// In how many queues somebody is in the way.
    blocked: usize,
    wake: oneshot::Sender<()>,
}

impl Default for Queues {
    fn default() -> Self {
        Self {
            nodes: vec![QueueNode::default()],
            free: Vec::new(),
            waiting: HashMap::new(),
            next: 0,
        }
    }
}

impl Queues {
    /// Takes a place for paths of which none is within another. `wake` is told when all of them are
    /// free.
    pub(super) fn enter(
        &mut self,
        paths: &[&FilePath],
        wake: oneshot::Sender<()>,
    ) -> QueuePosition {
        let ticket = self.next;
        self.next += 1;
        let mut place = QueuePosition {
            ticket,
            stands: Vec::new(),
        };
        let mut blocked = 0;
        for path in paths {
            let mut node = 0;
            let mut names = path
                .as_str()
                .split('/')
                .filter(|name| !name.is_empty())
                .peekable();
            loop {
                let mode = if names.peek().is_some() {
                    Mode::Passing
                } else {
                    Mode::Exclusive
                };
                // Paths that share directories pass them once.
                if self.nodes[node].stand(ticket, mode) {
                    place.stands.push((node, mode));
                    blocked += usize::from(self.nodes[node].blocks(ticket, mode));
                }
                match names.next() {
                    Some(name) => node = self.inner(node, name),
                    None => break,
                }
            }
        }
        if blocked == 0 {
            // Nobody has left: the caller holds the other end.
            let _ = wake.send(());
        } else {
            self.waiting.insert(ticket, Waiting { blocked, wake });
        }
        place
    }

    /// Gives a place up, whether or not its turn had come. Answers whose turn it is now.
    pub(super) fn leave(&mut self, place: &QueuePosition) -> Vec<oneshot::Sender<()>> {
        self.waiting.remove(&place.ticket);
        let mut woken = Vec::new();
        // What is in a directory first, so that a node is empty when it goes.
        for &(node, mode) in place.stands.iter().rev() {
            for freed in self.nodes[node].leave(place.ticket, mode) {
                woken.extend(self.unblock(freed));
            }
            self.forget_if_empty(node);
        }
        woken
    }

    /// The node of a name in a directory.
    fn inner(&mut self, directory: usize, name: &str) -> usize {
        if let Some(&node) = self.nodes[directory].inner.get(name) {
            return node;
        }
        let made = QueueNode {
            parent: directory,
            name: name.into(),
            ..QueueNode::default()
        };
        let node = match self.free.pop() {
            Some(node) => {
                self.nodes[node] = made;
                node
            }
            None => {
                self.nodes.push(made);
                self.nodes.len() - 1
            }
        };
        self.nodes[directory].inner.insert(name.into(), node);
        node
    }

    fn forget_if_empty(&mut self, node: usize) {
        if node == 0 || !self.nodes[node].is_empty() {
            return;
        }
        let gone = std::mem::take(&mut self.nodes[node]);
        self.nodes[gone.parent].inner.remove(&gone.name);
        self.free.push(node);
    }

    /// One queue less is in the way of a request; answers its waker if that was the last.
    fn unblock(&mut self, ticket: Ticket) -> Option<oneshot::Sender<()>> {
        let waiting = self.waiting.get_mut(&ticket)?;
        waiting.blocked -= 1;
        if waiting.blocked > 0 {
            return None;
        }
        self.waiting.remove(&ticket).map(|waiting| waiting.wake)
    }

    /// Whether nobody is anywhere.
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.free.len() + 1 == self.nodes.len()
            && self.nodes[0].is_empty()
            && self.waiting.is_empty()
    }
}

impl QueueNode {
    /// Joins the queue; false if it had already.
    fn stand(&mut self, ticket: Ticket, mode: Mode) -> bool {
        match mode {
            Mode::Passing => self.passing.insert(ticket),
            Mode::Exclusive => self.exclusive.insert(ticket),
        }
    }

    /// Whether somebody earlier is in the way.
    fn blocks(&self, ticket: Ticket, mode: Mode) -> bool {
        let earlier = |queue: &BTreeSet<Ticket>| queue.first().is_some_and(|&first| first < ticket);
        earlier(&self.exclusive) || mode == Mode::Exclusive && earlier(&self.passing)
    }

    /// Leaves the queue. Answers for whom this was the last one in the way.
    fn leave(&mut self, ticket: Ticket, mode: Mode) -> Vec<Ticket> {
        let was_in_the_way = match mode {
            Mode::Passing => {
                self.passing.remove(&ticket);
                self.exclusive.first().is_some_and(|&first| ticket < first)
            }
            Mode::Exclusive => {
                let first = self.exclusive.first() == Some(&ticket);
                self.exclusive.remove(&ticket);
                first
            }
        };
        if !was_in_the_way {
            return Vec::new();
        }
        let next = self.exclusive.first().copied();
        let mut freed: Vec<Ticket> = match mode {
            // It was in the way of those who pass after it, up to the next exclusive one.
            Mode::Exclusive => self
                .passing
                .range(ticket..next.unwrap_or(Ticket::MAX))
                .copied()
                .collect(),
            Mode::Passing => Vec::new(),
        };
        freed.extend(next.filter(|&next| !self.blocks(next, Mode::Exclusive)));
        freed
    }

    fn is_empty(&self) -> bool {
        self.passing.is_empty() && self.exclusive.is_empty()
    }
}
