//! What was handed over of a file: a set of bytes, as ranges, and how many bytes more than once.

use std::ops::Range;

/// What is scattered wider than this counts with its smallest gap: nobody gets a file for nothing
/// by scattering it.
const MAX_RANGES: usize = 16;

/// What may be handed over again under one use, in bytes, and never more than once over: what the
/// buffers of connections held when they broke, which a client that resumes asks for again.
const ALLOWANCE: u64 = 16 << 20;

/// Ascending, none empty, no two that touch; and the number of bytes that were added although they
/// were there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Ranges(Vec<Range<u64>>, u64);

impl Ranges {
    /// Adds a range. Of too many, the two that are nearest to each other become one.
    pub(super) fn add(&mut self, range: Range<u64>) {
        if range.is_empty() {
            return;
        }
        self.1 = self.1.saturating_add(self.overlap(&range));
        let first = self.0.partition_point(|one| one.end < range.start);
        let past = self.0.partition_point(|one| one.start <= range.end);
        let touched = &self.0[first..past];
        let start = touched
            .first()
            .map_or(range.start, |one| one.start.min(range.start));
        let end = touched
            .last()
            .map_or(range.end, |one| one.end.max(range.end));
        self.0.splice(first..past, std::iter::once(start..end));
        if self.0.len() > MAX_RANGES {
            let gaps = self.0.windows(2).map(|pair| pair[1].start - pair[0].end);
            if let Some((at, _)) = gaps.enumerate().min_by_key(|(_, gap)| *gap) {
                self.0[at].end = self.0.remove(at + 1).end;
            }
        }
    }

    /// Whether every byte of a file of this size is in it.
    pub(super) fn covers(&self, size: u64) -> bool {
        size == 0
            || self
                .0
                .first()
                .is_some_and(|one| one.start == 0 && one.end >= size)
    }

    /// Whether it would be so with this range as well.
    pub(super) fn would_cover(&self, range: &Range<u64>, size: u64) -> bool {
        let mut with = self.clone();
        with.add(range.clone());
        with.covers(size)
    }

    /// Whether these parts of a file of this size may be handed over as well: none for the whole.
    pub(super) fn allows(&self, parts: &[Range<u64>], size: u64) -> bool {
        let again: u64 = match parts {
            [] => self.overlap(&(0..size)),
            parts => parts.iter().map(|part| self.overlap(part)).sum(),
        };
        self.1.saturating_add(again) <= ALLOWANCE.min(size)
    }

    /// How many bytes were handed over, those that were handed over again counted again.
    pub(super) fn handed(&self) -> u64 {
        let once: u64 = self.0.iter().map(|one| one.end - one.start).sum();
        once.saturating_add(self.1)
    }

    /// How many bytes of a range are in it.
    fn overlap(&self, range: &Range<u64>) -> u64 {
        let first = self.0.partition_point(|one| one.end <= range.start);
        self.0[first..]
            .iter()
            .take_while(|one| one.start < range.end)
            .map(|one| {
                one.end
                    .min(range.end)
                    .saturating_sub(one.start.max(range.start))
            })
            .sum()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// As it is recorded: the bytes that were added again are the length of a range that ends where
    /// no file does.
    pub(super) fn to_vec(&self) -> Vec<Range<u64>> {
        let again = (self.1 > 0).then(|| u64::MAX - self.1..u64::MAX);
        self.0.iter().cloned().chain(again).collect()
    }

    /// What [`to_vec`](Self::to_vec) gave.
    pub(super) fn recorded(ranges: &[Range<u64>]) -> Self {
        match ranges.split_last() {
            Some((last, rest)) if last.end == u64::MAX => {
                Self(rest.to_vec(), last.end - last.start)
            }
            _ => Self(ranges.to_vec(), 0),
        }
    }
}

impl FromIterator<Range<u64>> for Ranges {
    fn from_iter<I: IntoIterator<Item = Range<u64>>>(ranges: I) -> Self {
        let mut set = Self::default();
        ranges.into_iter().for_each(|range| set.add(range));
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ranges as pairs of their bounds.
    fn set(ranges: &[(u64, u64)]) -> Ranges {
        ranges.iter().map(|(start, end)| *start..*end).collect()
    }

    #[test]
    fn unites_what_overlaps_or_touches() {
        for (added, united) in [
            (&[][..], &[][..]),
            (&[(3, 3), (5, 7)], &[(5, 7)]),
            (&[(0, 5), (5, 9)], &[(0, 9)]),
            (&[(5, 9), (0, 5)], &[(0, 9)]),
            (&[(0, 2), (4, 6), (8, 9), (1, 8)], &[(0, 9)]),
            (&[(4, 6), (0, 2)], &[(0, 2), (4, 6)]),
            (&[(0, 9), (3, 4)], &[(0, 9)]),
        ] {
            let found: Vec<(u64, u64)> = set(added)
                .0
                .iter()
                .map(|one| (one.start, one.end))
                .collect();
            assert_eq!(found, united, "{added:?}");
        }
    }

    #[test]
    fn knows_when_it_is_all() {
        let half = set(&[(0, 5)]);
        assert!(!half.covers(9) && half.covers(5));
        assert!(half.would_cover(&(5..9), 9) && half.would_cover(&(2..9), 9));
        assert!(!half.would_cover(&(6..9), 9) && !half.would_cover(&(5..8), 9));
        assert!(Ranges::default().covers(0) && !Ranges::default().covers(1));
    }

    #[test]
    fn counts_what_is_added_again() {
        for (added, again) in [
            (&[][..], 0),
            (&[(0, 5), (5, 9)], 0),
            (&[(0, 5), (3, 9)], 2),
            (&[(0, 2), (4, 6), (8, 9), (1, 9)], 4),
            (&[(0, 9), (0, 9), (0, 9)], 18),
        ] {
            let ranges = set(added);
            assert_eq!(ranges.1, again, "{added:?}");
            assert_eq!(Ranges::recorded(&ranges.to_vec()), ranges, "{added:?}");
        }
    }

    #[test]
    fn allows_what_is_new_and_little_else() {
        const MANY: u64 = 1 << 40;
        let whole = &[][..];
        let part = |start: u64, end: u64| Vec::from_iter([Range { start, end }]);
        let some = set(&[(0, 99)]);
        assert!(some.allows(whole, 100) && some.allows(&part(0, 99), 100));
        let twice = set(&[(0, 99), (0, 99)]);
        assert!(!twice.allows(whole, 100) && !twice.allows(&part(0, 99), 100));
        assert!(twice.allows(&part(98, 100), 100) && !twice.allows(&part(97, 100), 100));
        assert!(twice.allows(&part(99, 100), 100));
        let much = set(&[(0, MANY / 2)]);
        assert!(!much.allows(whole, MANY) && !much.allows(&part(0, MANY / 2), MANY));
        assert!(much.allows(&part(MANY / 2 - ALLOWANCE, MANY), MANY));
        assert!(!much.allows(&part(MANY / 2 - ALLOWANCE - 1, MANY), MANY));
        assert!(Ranges::default().allows(whole, MANY) && Ranges::default().allows(whole, 0));
    }

    #[test]
    fn does_not_grow_without_bounds() {
        let ranges: Ranges = (0..1000)
            .map(|n| n * 10..n * 10 + 1 + u64::from(n == 3))
            .collect();
        assert_eq!(ranges.0.len(), MAX_RANGES);
        assert!(
            ranges.covers(1) && !ranges.covers(9991),
            "the wide gaps stay"
        );
    }

    #[test]
    fn what_was_handed_over_is_never_forgotten() {
        let size = 100_000;
        let scattered = (0..60).map(|n| n * 1_600..n * 1_600 + 1 + n);
        let mut ranges: Ranges = scattered.collect();
        for n in 0..60 {
            ranges.add(n * 1_600 + 1 + n..(n + 1) * 1_600);
        }
        ranges.add(96_000..size);
        assert!(ranges.covers(size));
    }
}
