//! Any `Range` header: what it selects of a file are the bytes that it names, each once.

use callfs_test_fuzz::FuzzTarget;
use http::HeaderValue;

use super::*;

const CORPUS: [&str; 26] = [
    "bytes=0-499",
    "bytes=5-9",
    "bytes=-5",
    "bytes=9-",
    "bytes=0-0,-1",
    "bytes= 0-9, 12-14, -3",
    "bytes=5-6,7-9",
    "bytes=8-9,0-1,10-12,2-3",
    "bytes=0-0,2-2,4-4,6-6,8-8,10-10,12-12,14-14",
    "bytes=,1-2,, 4-5 ,",
    "Bytes=1-2",
    "bytes=-0",
    "bytes=10-,-0,99-100",
    "bytes=0-99999999999999999999999",
    "bytes=99999999999999999999999-",
    "bytes=-99999999999999999999999",
    "bytes=18446744073709551614-18446744073709551615",
    "bytes=2-1",
    "bytes=",
    "bytes=-",
    "bytes=+1-2",
    "bytes=1-2-3",
    "bytes=1 - 2",
    "bytes =0-1",
    "items=0-1",
    "bytes=0-1;2-3",
];

const TOKENS: [&str; 18] = [
    "bytes=",
    "0-",
    "-1",
    "-0",
    "1-1",
    "3-5",
    "7-20",
    ",",
    ", ",
    "\t",
    "-",
    "0",
    "9",
    "18446744073709551615",
    "18446744073709551616",
    "=",
    "+",
    "ä",
];

/// Whether a byte of a file is named, in numbers that cannot overflow.
fn names(ranges: &ByteRanges, byte: u64, size: u64) -> bool {
    let byte = u128::from(byte);
    let size = u128::from(size);
    ranges.0.iter().any(|spec| match spec {
        Spec::From(first, Some(last)) => (u128::from(*first)..=u128::from(*last)).contains(&byte),
        Spec::From(first, None) => byte >= u128::from(*first),
        Spec::Last(length) => byte + u128::from(*length) >= size,
    })
}

fn check_parts(ranges: &ByteRanges, parts: &[Range<u64>], size: u64) {
    assert!((1..=MAX_PARTS).contains(&parts.len()), "{parts:?}");
    for (place, part) in parts.iter().enumerate() {
        assert!(part.start < part.end && part.end <= size, "{parts:?}");
        assert!(names(ranges, part.start, size) && names(ranges, part.end - 1, size));
        let is_apart = |other: &Range<u64>| other.end < part.start || part.end < other.start;
        assert!(parts[..place].iter().all(is_apart), "{parts:?} touch");
    }
    // What was selected, asked for by its positions, selects the same.
    let again = parts
        .iter()
        .map(|part| format!("{}-{}", part.start, part.end - 1));
    let again = format!("bytes={}", again.collect::<Vec<_>>().join(","));
    let again = ByteRanges::parse(&again).expect("well-formed");
    assert_eq!(again.select(size), Selection::Parts(parts.to_vec()));
}

fn check(ranges: &ByteRanges, size: u64) {
    let selection = ranges.select(size);
    let is_selected = |byte: u64| match &selection {
        Selection::Whole => true,
        Selection::Parts(parts) => parts.iter().any(|part| part.contains(&byte)),
        Selection::Nothing => false,
    };
    // The whole may be sent in place of many parts.
    let is_exact = selection != Selection::Whole;
    for byte in (0..size.min(40)).chain(size.saturating_sub(40)..size) {
        let is_named = names(ranges, byte, size);
        assert!(!is_named || is_selected(byte), "{byte} of {size}");
        assert!(
            !is_exact || is_named == is_selected(byte),
            "{byte} of {size}"
        );
    }
    if let Selection::Parts(parts) = &selection {
        check_parts(ranges, parts, size);
    }
}

#[test]
fn a_range_selects_the_bytes_that_it_names() {
    let target = FuzzTarget::new("range", 60_000)
        .corpus(&CORPUS)
        .tokens(&TOKENS);
    target.run(|input, random| {
        let Ok(value) = HeaderValue::from_bytes(input) else {
            return false;
        };
        let headers: HeaderMap = [(RANGE, value)].into_iter().collect();
        let Some(ranges) = ByteRanges::of(&headers).expect("one line") else {
            return false;
        };
        assert!(!ranges.0.is_empty());
        for size in [0, 1, 16, random.u64(..100), random.u64(..), u64::MAX] {
            check(&ranges, size);
        }
        true
    });
}
