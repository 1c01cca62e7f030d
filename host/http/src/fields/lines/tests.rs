use std::path::Path;

use http::header::{ACCEPT, CONTENT_TYPE, IF_MODIFIED_SINCE, IF_RANGE, IF_UNMODIFIED_SINCE, RANGE};

use super::*;
use crate::content::response::RequestedPart;
use crate::fields::{json, precondition};

fn lines(name: &HeaderName, values: &[&'static str]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for value in values {
        headers.append(name, HeaderValue::from_static(value));
    }
    headers
}

#[test]
fn a_field_that_is_no_list_has_one_line() {
    assert_eq!(single(&lines(&ACCEPT, &[]), &ACCEPT).expect("absent"), None);
    let once = lines(&ACCEPT, &["a, b"]);
    assert_eq!(
        single(&once, &ACCEPT).expect("one line").expect("present"),
        "a, b"
    );
    for values in [["a", "a"], ["a", ""], ["", "a"]] {
        let problem = single(&lines(&ACCEPT, &values), &ACCEPT).expect_err("two lines");
        assert_eq!(problem.status().as_u16(), 400, "{values:?}");
        let message = problem.error().message();
        assert!(message.contains("'accept'"), "{message}");
    }
}

#[test]
fn a_list_goes_over_all_lines() {
    let headers = lines(&ACCEPT, &["a, b", "", " ,c,, d "]);
    let found: Vec<&[u8]> = members(&headers, &ACCEPT).collect();
    assert_eq!(found, [b"a", b"b", b"c", b"d"]);
}

/// Fields whose malformed value is ignored: two lines are refused nevertheless, also where another
/// field would have made them meaningless.
#[test]
fn two_lines_are_refused_even_of_what_is_ignored_otherwise() {
    type Reads = fn(&HeaderMap) -> Result<()>;
    let precondition: Reads = |headers| precondition::of(headers).map(drop);
    let part: Reads = |headers| RequestedPart::of(headers).map(drop);
    let json: Reads = |headers| json::check_media_type(headers, "this");
    let table = [
        (
            IF_MODIFIED_SINCE,
            "Sun, 06 Nov 1994 08:49:37 GMT",
            precondition,
        ),
        (
            IF_UNMODIFIED_SINCE,
            "Sun, 06 Nov 1994 08:49:37 GMT",
            precondition,
        ),
        (RANGE, "bytes=0-1", part),
        (IF_RANGE, "\"a\"", part),
        (CONTENT_TYPE, "application/json", json),
    ];
    for (name, value, reads) in table {
        assert!(reads(&lines(&name, &[value])).is_ok(), "{name}");
        for values in [[value, value], [value, ""], ["", value]] {
            let mut headers = lines(&name, &values);
            headers.append("if-match", HeaderValue::from_static("*"));
            headers.append("if-none-match", HeaderValue::from_static("*"));
            let problem = reads(&headers).expect_err("two lines");
            assert_eq!(problem.status().as_u16(), 400, "{name}: {values:?}");
            let message = problem.error().message();
            assert!(message.contains(&format!("'{name}'")), "{message}");
        }
    }
}

/// Lines of this crate that read a field as `HeaderMap` does, and why each may.
const ELSEWHERE: [(&str, &str); 2] = [
    // Of a response that this crate made.
    ("edge/cors.rs", "headers.get_all(VARY)"),
    ("edge/security.rs", ".get(CONTENT_TYPE)"),
];

#[test]
fn every_field_of_a_request_is_read_through_this_module() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![source.clone()];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let inside = path.strip_prefix(&source).expect("inside").to_owned();
            let name = inside.to_str().expect("a name in ASCII").to_owned();
            if path.is_dir() {
                folders.push(path);
            } else if !["tests.rs", "fuzz.rs", "fields/lines.rs"]
                .iter()
                .any(|end| name.ends_with(end))
            {
                let text = std::fs::read_to_string(&path).expect("source");
                let code = text
                    .split("#[cfg(test)]\nmod tests {")
                    .next()
                    .unwrap_or_default();
                found.extend(direct_reads(code).map(|line| (name.clone(), line.to_owned())));
            }
        }
    }
    found.retain(|(name, line)| {
        let is_known = |(file, read): &(&str, &str)| name == file && line.contains(read);
        !ELSEWHERE.iter().any(is_known)
    });
    assert!(
        found.is_empty(),
        "read these with fields::lines: {found:#?}"
    );
}

/// Lines that read a value by the name of a field: a constant, or text.
fn direct_reads(code: &str) -> impl Iterator<Item = &str> {
    let by_name = |line: &str, call: &str| {
        line.split(call).skip(1).any(|argument| {
            argument
                .trim_start_matches(['&', '*'])
                .starts_with(|c: char| c.is_ascii_uppercase() || c == '"')
        })
    };
    code.lines().filter(move |line| {
        line.contains(".get_all(")
            || line.contains("headers.get(")
            || by_name(line, ".get(")
            || by_name(line, "headers[")
            || by_name(line, "headers()[")
    })
}

#[test]
fn a_direct_read_is_found() {
    let code = "let x = headers.get(RANGE);\n.get_all(name)\nheaders[\"range\"]\nmap.get(key)";
    assert_eq!(direct_reads(code).count(), 3);
}
