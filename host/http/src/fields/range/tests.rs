#![expect(
    clippy::single_range_in_vec_init,
    reason = "a list of one range is what is meant"
)]

use http::HeaderValue;

use super::Selection::{Nothing, Whole};
use super::*;

fn parts(ranges: &[Range<u64>]) -> Selection {
    Selection::Parts(ranges.to_vec())
}

/// What a header selects of a file; whole if it is ignored.
fn select(text: &str, size: u64) -> Selection {
    ByteRanges::parse(text).map_or(Whole, |ranges| ranges.select(size))
}

#[test]
fn selects_as_the_rfc_says() {
    let table: [(&str, u64, Selection); 34] = [
        // Section 14.1.2, its own examples about 10,000 bytes.
        ("bytes=0-499", 10_000, parts(&[0..500])),
        ("bytes=500-999", 10_000, parts(&[500..1000])),
        ("bytes=-500", 10_000, parts(&[9500..10_000])),
        ("bytes=9500-", 10_000, parts(&[9500..10_000])),
        ("bytes=0-0,-1", 10_000, parts(&[0..1, 9999..10_000])),
        (
            "bytes= 0-999, 4500-5499, -1000",
            10_000,
            parts(&[0..1000, 4500..5500, 9000..10_000]),
        ),
        ("bytes=500-600,601-999", 10_000, parts(&[500..1000])),
        ("bytes=500-700,601-999", 10_000, parts(&[500..1000])),
        // A last position beyond the end is the end.
        ("bytes=5-99", 10, parts(&[5..10])),
        ("bytes=0-", 10, parts(&[0..10])),
        ("bytes=9-9", 10, parts(&[9..10])),
        // A suffix longer than the file is all of it.
        ("bytes=-10", 10, parts(&[0..10])),
        ("bytes=-99", 10, parts(&[0..10])),
        // Not satisfiable: a first position at or beyond the end, a suffix of nothing.
        ("bytes=10-", 10, Nothing),
        ("bytes=10-20", 10, Nothing),
        ("bytes=-0", 10, Nothing),
        ("bytes=10-,-0,99-100", 10, Nothing),
        // One that is satisfiable is enough.
        ("bytes=10-,0-0", 10, parts(&[0..1])),
        // An empty file has no first position, and an end of no bytes.
        ("bytes=0-", 0, Nothing),
        ("bytes=0-0", 0, Nothing),
        ("bytes=-0", 0, Nothing),
        ("bytes=-5", 0, Whole),
        // Numbers of any length (section 17.17 warns of them).
        ("bytes=0-99999999999999999999999", 10, parts(&[0..10])),
        ("bytes=99999999999999999999999-", 10, Nothing),
        ("bytes=-99999999999999999999999", 10, parts(&[0..10])),
        ("bytes=0-18446744073709551615", 10, parts(&[0..10])),
        // What touches is one part; what does not keeps the order it was asked in (section
        // 15.3.7.2).
        ("bytes=0-4,5-9", 20, parts(&[0..10])),
        ("bytes=8-9,0-1", 20, parts(&[8..10, 0..2])),
        ("bytes=8-9,0-1,10-12,2-3", 20, parts(&[8..13, 0..4])),
        ("bytes=0-19,3-4", 20, parts(&[0..20])),
        ("bytes=5-5,5-5,5-5", 20, parts(&[5..6])),
        ("bytes=0-0,-20", 20, parts(&[0..20])),
        // The unit in any case, and empty elements.
        ("Bytes=1-2", 20, parts(&[1..3])),
        ("bytes=,1-2,, 4-5 ,", 20, parts(&[1..3, 4..6])),
    ];
    for (text, size, expected) in table {
        assert_eq!(select(text, size), expected, "{text} of {size}");
    }
}

#[test]
fn ignores_what_is_malformed_or_in_another_unit() {
    let table = [
        "",
        "bytes",
        "bytes=",
        "bytes=,",
        "bytes=-",
        "bytes=a-b",
        "bytes=1",
        "bytes=2-1",
        "bytes=0-1,2-1",
        "bytes=+1-2",
        "bytes=1-2-3",
        "bytes=--1",
        "bytes=1 - 2",
        "bytes=0x1-2",
        "bytes 0-1",
        "bytes =0-1",
        "items=0-1",
        "none=0-1",
        "bytes=0-1;2-3",
        "bytes=1.0-2",
        "0-1",
        "=0-1",
    ];
    for text in table {
        assert_eq!(ByteRanges::parse(text), None, "{text}");
    }
}

#[test]
fn two_lines_are_an_error() {
    let mut headers = HeaderMap::new();
    assert_eq!(ByteRanges::of(&headers).expect("none"), None);
    headers.append(RANGE, HeaderValue::from_static("bytes=0-1"));
    assert!(ByteRanges::of(&headers).expect("one").is_some());
    headers.append(RANGE, HeaderValue::from_static("bytes=2-3"));
    let problem = ByteRanges::of(&headers).expect_err("two");
    assert_eq!(problem.status().as_u16(), 400);
}

#[test]
fn never_selects_more_than_there_is() {
    let many = |count: usize, one: &dyn Fn(usize) -> String| {
        format!(
            "bytes={}",
            (0..count).map(one).collect::<Vec<_>>().join(",")
        )
    };
    // Overlapping: one part. Apart: as many as are allowed, else the whole.
    assert_eq!(
        select(&many(1000, &|_| "0-".into()), 1 << 20),
        parts(&[0..1 << 20])
    );
    assert_eq!(
        select(&many(1000, &|i| format!("{i}-{}", i + 5)), 1 << 20),
        parts(&[0..1005])
    );
    assert!(matches!(
        select(&many(16, &|i| format!("{}-{0}", 2 * i)), 1 << 20),
        Selection::Parts(p) if p.len() == 16
    ));
    assert_eq!(
        select(&many(17, &|i| format!("{}-{0}", 2 * i)), 1 << 20),
        Whole
    );
}
