//! Any dictionary: what is accepted can be written again and means the same.

use callfs_test_fuzz::FuzzTarget;
use http::HeaderValue;

use super::*;

const CORPUS: [&str; 32] = [
    "",
    "a=:YWJj:",
    "sha-256=:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:, md5=:YQ==:",
    "a=::",
    "a=10",
    "sha-256=10, sha-512=3",
    "a=-3;q=1;r",
    "a=1.5",
    "a=999999999999999",
    "a;x=\"y\"",
    "a=?0, b=?1",
    "a=tok/en",
    "a=\"s \\\" , \\\\\"",
    "a=@1659578233",
    "a=%\"f%c3%bc\"",
    "a=(1 \"x\" :YQ==:;p);q",
    "a=()",
    "a=1, b=2, a=3, c, b=4, a=5",
    " a=1 ",
    "a=1\t,\t*b-c.d_9=2",
    "a=1,",
    "a=1,,b=2",
    "A=1",
    "a =1",
    "a=:YWJj",
    "a=:Y W:",
    "a=\"\\x\"",
    "a=1.2345",
    "a=1234567890123456",
    "a=(1,2)",
    "a=(1\"x\")",
    "=:YWJj:",
];

const TOKENS: [&str; 28] = [
    ",",
    ", ",
    "=",
    ";",
    ":",
    "::",
    ":YQ==:",
    ":YQ:",
    "(",
    ")",
    " ",
    "\t",
    "\"",
    "\\",
    "\\\"",
    "?1",
    "?2",
    "@1",
    "%\"",
    "-",
    ".",
    "123456789012345",
    "0",
    "*",
    "a",
    "sha-256",
    "é",
    "A",
];

/// The text of members, the shortest of each value's kind.
fn written(members: &[(String, Value)]) -> String {
    let member = |(name, value): &(String, Value)| match value {
        Value::Bytes(bytes) => format!("{name}=:{}:", BASE64.encode(bytes)),
        Value::Integer(number) => format!("{name}={number}"),
        Value::Other => format!("{name}=tok"),
    };
    members.iter().map(member).collect::<Vec<_>>().join(", ")
}

fn is_name(name: &str) -> bool {
    let is_first = |byte: u8| byte.is_ascii_lowercase() || byte == b'*';
    let is_next = |byte: u8| is_first(byte) || byte.is_ascii_digit() || b"_-.".contains(&byte);
    name.bytes().next().is_some_and(is_first) && name.bytes().all(is_next)
}

fn lines(texts: &[&str]) -> Option<HeaderMap> {
    const NAME: HeaderName = HeaderName::from_static("want-repr-digest");
    let value = |text: &&str| Some((NAME, HeaderValue::from_str(text).ok()?));
    texts.iter().map(value).collect()
}

#[test]
fn a_dictionary_is_well_formed_as_a_whole_or_refused() {
    let name = HeaderName::from_static("want-repr-digest");
    let target = FuzzTarget::new("dictionary", 150_000)
        .corpus(&CORPUS)
        .tokens(&TOKENS);
    target.run(|input, random| {
        let text = String::from_utf8_lossy(input);
        let Some(members) = parse(&text) else {
            return false;
        };
        assert!(text.len() <= MAX_LENGTH && text.is_ascii());
        for (place, (name, value)) in members.iter().enumerate() {
            assert!(is_name(name), "{name:?}");
            assert!(members[..place].iter().all(|(other, _)| other != name));
            if let Value::Integer(number) = value {
                assert!(number.unsigned_abs() < 1_000_000_000_000_000, "{number}");
            }
        }
        assert_eq!(parse(&written(&members)).as_ref(), Some(&members));
        // Two lines are as one with a comma.
        let other = CORPUS[random.usize(..CORPUS.len())];
        if let Some(headers) = lines(&[&text, other]) {
            let both = of(&headers, &name);
            assert_eq!(both, parse(&format!("{text},{other}")));
            if let Some(others) = parse(other).filter(|others| !others.is_empty())
                && !members.is_empty()
            {
                let expected = last_of_each([members, others].concat());
                assert_eq!(both, Some(expected));
            }
        }
        true
    });
}
