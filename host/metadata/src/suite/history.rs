//! What clients did at the same time and what they were told, and whether there is an order in
//! which it makes sense.
//!
//! The search is that of Wing and Gong, with the memory of Lowe: an operation may come next if no
//! other one had ended before it began; a state that was reached with the same operations done is
//! not looked at twice. An operation whose outcome nobody knows may have happened at any time after
//! it began, or never.

use std::collections::{BTreeMap, HashSet};

/// What is stored, by name: which value.
pub(crate) type State = BTreeMap<String, u64>;

/// What an operation does to a state.
type Step<'a> = Box<dyn FnOnce(&mut State) + 'a>;

/// What a client asked for. Values are unique in a history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Operation {
    Read(String),
    /// Only where this value is, or nothing.
    Write {
        name: String,
        expected: Option<u64>,
        value: u64,
    },
    /// Only where this value is.
    Remove {
        name: String,
        expected: u64,
    },
    /// Moves what is there in place of what was; something has to be at `from`, with this value.
    Rename {
        from: String,
        to: String,
        expected: u64,
    },
}

/// What a client was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    Found(Option<u64>),
    Done,
    Refused,
    Unknown,
}

/// One operation, between two moments.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    pub(crate) began: u64,
    /// `u64::MAX` if its outcome is unknown.
    pub(crate) ended: u64,
    pub(crate) operation: Operation,
    pub(crate) outcome: Outcome,
}

impl Operation {
    /// The state after, if the outcome can be of this state.
    fn apply(&self, state: &State, outcome: &Outcome) -> Option<State> {
        let (holds, change): (bool, Step<'_>) = match self {
            Self::Read(name) => {
                let found = Outcome::Found(state.get(name).copied());
                return (*outcome == found || *outcome == Outcome::Unknown).then(|| state.clone());
            }
            Self::Write {
                name,
                expected,
                value,
            } => (
                state.get(name) == expected.as_ref(),
                Box::new(|state| {
                    state.insert(name.clone(), *value);
                }),
            ),
            Self::Remove { name, expected } => (
                state.get(name) == Some(expected),
                Box::new(|state| {
                    state.remove(name);
                }),
            ),
            Self::Rename { from, to, expected } => {
                let moved = move |state: &mut State| {
                    if let Some(value) = state.remove(from) {
                        state.insert(to.clone(), value);
                    }
                };
                (state.get(from) == Some(expected), Box::new(moved))
            }
        };
        match (outcome, holds) {
            (Outcome::Done, true) | (Outcome::Unknown, true) => {
                let mut after = state.clone();
                change(&mut after);
                Some(after)
            }
            (Outcome::Refused, false) | (Outcome::Unknown, false) => Some(state.clone()),
            _ => None,
        }
    }
}

/// Whether there is an order of all that was answered, and of any of the rest, in which every
/// outcome makes sense.
pub(crate) fn makes_sense(events: &[Event]) -> bool {
    let mut events: Vec<&Event> = events.iter().collect();
    events.sort_by_key(|event| event.began);
    // Depth first; each entry is a state, and which operations led to it.
    let mut seen = HashSet::new();
    let mut next = vec![(State::new(), vec![0u64; events.len().div_ceil(64)])];
    while let Some((state, mut done)) = next.pop() {
        let mut candidates = loop {
            let open: Vec<usize> = (0..events.len())
                .filter(|&at| done[at / 64] & 1 << (at % 64) == 0)
                .collect();
            let answered = open
                .iter()
                .filter(|&&at| events[at].outcome != Outcome::Unknown);
            let Some(limit) = answered.map(|&at| events[at].ended).min() else {
                return true;
            };
            let candidates = open.into_iter().take_while(|&at| events[at].began <= limit);
            let after = |at: usize| {
                events[at]
                    .operation
                    .apply(&state, &events[at].outcome)
                    .map(|after| (at, after))
            };
            let (same, other): (Vec<_>, Vec<_>) = candidates
                .filter_map(after)
                .partition(|(_, after)| *after == state);
            // Whatever changes nothing and may come now may as well come now, in whatever order is
            // right.
            let same: Vec<_> = same
                .into_iter()
                .filter(|(at, _)| events[*at].outcome != Outcome::Unknown)
                .collect();
            if same.is_empty() {
                break other;
            }
            same.into_iter()
                .for_each(|(at, _)| done[at / 64] |= 1 << (at % 64));
        };
        // What ended first most likely came first.
        candidates.sort_by_key(|(at, _)| std::cmp::Reverse(events[*at].ended));
        for (at, after) in candidates {
            let mut done = done.clone();
            done[at / 64] |= 1 << (at % 64);
            if seen.insert((after.clone(), done.clone())) {
                next.push((after, done));
            }
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(began: u64, ended: u64, operation: Operation, outcome: Outcome) -> Event {
        Event {
            began,
            ended,
            operation,
            outcome,
        }
    }

    fn write(expected: Option<u64>, value: u64) -> Operation {
        Operation::Write {
            name: "a".into(),
            expected,
            value,
        }
    }

    fn read() -> Operation {
        Operation::Read("a".into())
    }

    #[test]
    fn an_order_is_found_where_there_is_one() {
        let at_once = [
            event(0, 9, write(None, 1), Outcome::Done),
            event(1, 8, write(None, 2), Outcome::Refused),
            event(2, 3, read(), Outcome::Found(None)),
            event(4, 5, read(), Outcome::Found(Some(1))),
        ];
        assert!(makes_sense(&at_once));
        let renamed = Operation::Rename {
            from: "a".into(),
            to: "b".into(),
            expected: 1,
        };
        let moved = [
            event(0, 1, write(None, 1), Outcome::Done),
            event(2, 5, renamed, Outcome::Done),
            event(3, 4, Operation::Read("b".into()), Outcome::Found(Some(1))),
            event(6, 7, read(), Outcome::Found(None)),
            event(
                8,
                9,
                Operation::Remove {
                    name: "b".into(),
                    expected: 1,
                },
                Outcome::Done,
            ),
        ];
        assert!(makes_sense(&moved));
    }

    #[test]
    fn what_cannot_be_is_found() {
        let stale = [
            event(0, 1, write(None, 1), Outcome::Done),
            event(2, 3, read(), Outcome::Found(None)),
        ];
        assert!(!makes_sense(&stale));
        let lost = [
            event(0, 1, write(None, 1), Outcome::Done),
            event(2, 6, write(Some(1), 2), Outcome::Done),
            event(3, 5, write(Some(1), 3), Outcome::Done),
        ];
        assert!(!makes_sense(&lost), "both replaced the same");
        let back = [
            event(0, 9, write(None, 1), Outcome::Done),
            event(1, 2, read(), Outcome::Found(Some(1))),
            event(3, 4, read(), Outcome::Found(None)),
        ];
        assert!(!makes_sense(&back), "what was seen is there");
    }

    #[test]
    fn what_nobody_knows_may_have_happened_or_not() {
        let unknown = |found| {
            [
                event(0, u64::MAX, write(None, 1), Outcome::Unknown),
                event(5, 6, read(), Outcome::Found(None)),
                event(7, 8, read(), Outcome::Found(found)),
            ]
        };
        assert!(makes_sense(&unknown(None)) && makes_sense(&unknown(Some(1))));
        assert!(!makes_sense(&unknown(Some(2))));
    }
}
