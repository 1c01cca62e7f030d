//! `Range` (RFC 9110 section 14): which bytes of a file a request asks for, and which of them it
//! gets.
//!
//! A field that is malformed or in another unit is as if it were not there, which the RFC prefers
//! to an error; only a field with two lines is an error. What is selected never adds up to more
//! than the file, whatever is asked for: parts that touch are one part.

use std::ops::Range;

use callfs_model::storage::ByteRange;
use http::header::{HeaderMap, RANGE};

use crate::fields::lines;
use crate::problem::Result;

/// More parts than this are not worth sending apart: the file is sent whole.
const MAX_PARTS: usize = 16;

/// A well-formed set of ranges of bytes, not empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ByteRanges(Vec<Spec>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spec {
    /// `first-last`, both inclusive, or `first-`.
    From(u64, Option<u64>),
    /// `-length`: that many bytes at the end.
    Last(u64),
}

/// What a set of ranges selects of a file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Selection {
    /// All of it, as if nothing had been asked for.
    Whole,
    /// These parts, in the order they were asked for: at least one, none empty, no two that touch.
    Parts(Vec<Range<u64>>),
    /// No byte of it.
    Nothing,
}

impl ByteRanges {
    /// Reads the header; none if it is absent or to be ignored.
    pub(crate) fn of(headers: &HeaderMap) -> Result<Option<Self>> {
        let value = lines::single(headers, &RANGE)?;
        Ok(value
            .and_then(|value| value.to_str().ok())
            .and_then(Self::parse))
    }

    fn parse(text: &str) -> Option<Self> {
        let (unit, set) = text.trim_matches(is_space).split_once('=')?;
        if !unit.eq_ignore_ascii_case("bytes") {
            return None;
        }
        // Empty elements of a list are allowed (section 5.6.1.2).
        let elements = set.split(',').map(|element| element.trim_matches(is_space));
        let specs: Option<Vec<Spec>> = elements
            .filter(|element| !element.is_empty())
            .map(Spec::parse)
            .collect();
        specs.filter(|specs| !specs.is_empty()).map(Self)
    }

    /// The range, if there is one only and its start is known without the size of the file.
    pub(crate) fn single(&self) -> Option<ByteRange> {
        match self.0[..] {
            [Spec::From(start, last)] => Some(ByteRange {
                start,
                end: last.and_then(|last| last.checked_add(1)),
            }),
            _ => None,
        }
    }

    /// What this selects of a file of that size, in bytes.
    pub(crate) fn select(&self, size: u64) -> Selection {
        if !self.0.iter().any(|spec| spec.is_satisfiable(size)) {
            return Selection::Nothing;
        }
        let parts = united(self.0.iter().filter_map(|spec| spec.within(size)).collect());
        // The end of an empty file is satisfiable and nothing that `Content-Range` could say.
        if parts.is_empty() || parts.len() > MAX_PARTS {
            Selection::Whole
        } else {
            Selection::Parts(parts)
        }
    }
}

impl Spec {
    fn parse(text: &str) -> Option<Self> {
        match text.split_once('-')? {
            ("", length) => Some(Self::Last(number(length)?)),
            (first, "") => Some(Self::From(number(first)?, None)),
            (first, last) => {
                let first = number(first)?;
                let last = number(last)?;
                (first <= last).then_some(Self::From(first, Some(last)))
            }
        }
    }

    /// Section 14.1.2.
    fn is_satisfiable(self, size: u64) -> bool {
        match self {
            Self::From(first, _) => first < size,
            Self::Last(length) => length > 0,
        }
    }

    /// The bytes that there are; none if there are none.
    fn within(self, size: u64) -> Option<Range<u64>> {
        let range = match self {
            Self::From(first, last) => {
                first..last.map_or(size, |last| last.saturating_add(1).min(size))
            }
            Self::Last(length) => size.saturating_sub(length)..size,
        };
        (range.start < range.end).then_some(range)
    }
}

/// The same bytes, each once: ranges that overlap or touch are one, where the first of them was.
fn united(ranges: Vec<Range<u64>>) -> Vec<Range<u64>> {
    let mut sorted: Vec<(usize, Range<u64>)> = ranges.into_iter().enumerate().collect();
    sorted.sort_unstable_by_key(|(_, range)| range.start);
    let mut united: Vec<(usize, Range<u64>)> = Vec::new();
    for (place, range) in sorted {
        match united.last_mut() {
            Some((first, last)) if range.start <= last.end => {
                last.end = last.end.max(range.end);
                *first = place.min(*first);
            }
            _ => united.push((place, range)),
        }
    }
    united.sort_unstable_by_key(|(place, _)| *place);
    united.into_iter().map(|(_, range)| range).collect()
}

/// `1*DIGIT`. A number that is too large for this type is larger than any file.
fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u64::MAX))
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t')
}

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests;
