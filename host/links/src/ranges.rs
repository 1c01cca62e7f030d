//! A set of bytes of a file, as ranges.

use std::ops::Range;

/// What is scattered wider than this counts with its smallest gap: nobody gets a file for nothing
/// by scattering it.
const MAX_RANGES: usize = 16;

/// Ascending, none empty, no two that touch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Ranges(Vec<Range<u64>>);

impl Ranges {
    /// Adds a range. Of too many, the two that are nearest to each other become one.
    pub(super) fn add(&mut self, range: Range<u64>) {
        if range.is_empty() {
            return;
        }
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

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn to_vec(&self) -> Vec<Range<u64>> {
        self.0.clone()
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
                .to_vec()
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
    fn does_not_grow_without_bounds() {
        let ranges: Ranges = (0..1000)
            .map(|n| n * 10..n * 10 + 1 + u64::from(n == 3))
            .collect();
        assert_eq!(ranges.to_vec().len(), MAX_RANGES);
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
