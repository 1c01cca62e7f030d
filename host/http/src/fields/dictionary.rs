//! Dictionaries of structured fields (RFC 9651 section 3.2), as far as a digest or a weight needs:
//! byte sequences and integers keep their value, everything else is only known to be well-formed.
//!
//! As the RFC demands, a field is well-formed as a whole or not at all.

use std::collections::HashMap;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use http::header::{HeaderMap, HeaderName};

use crate::fields::lines;

/// Section 4.2.7: missing padding and stray bits at the end are no reason to fail.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// The longest dictionary that is read, in bytes: some hundred digests. A longer one counts as
/// malformed.
const MAX_LENGTH: usize = 16 << 10;

/// What a name has as its value; parameters are left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    /// `:YWJj:`
    Bytes(Vec<u8>),
    /// `-12`
    Integer(i64),
    /// A string, a token, a list or whatever else a dictionary may hold.
    Other,
}

/// The members of a field, in order; a name that is given twice counts the last time. None if the
/// field is malformed, or longer than any that is meant.
pub(crate) fn of(headers: &HeaderMap, name: &HeaderName) -> Option<Vec<(String, Value)>> {
    let lines: Result<Vec<&str>, _> = lines::all(headers, name)
        .map(|line| line.to_str())
        .collect();
    parse(&lines.ok()?.join(","))
}

fn parse(text: &str) -> Option<Vec<(String, Value)>> {
    let mut rest = Rest(text.trim_matches(' '));
    let mut members: Vec<(String, Value)> = Vec::new();
    if text.len() > MAX_LENGTH {
        return None;
    }
    while !rest.0.is_empty() {
        let name = rest.key()?.to_owned();
        let value = if rest.take('=') {
            rest.member()?
        } else {
            Value::Other
        };
        rest.parameters()?;
        members.push((name, value));
        rest.skip(&[' ', '\t']);
        if rest.0.is_empty() {
            break;
        }
        if !rest.take(',') {
            return None;
        }
        rest.skip(&[' ', '\t']);
        // A comma at the end is an error.
        if rest.0.is_empty() {
            return None;
        }
    }
    Some(last_of_each(members))
}

/// The members without those that a later one of the same name replaces, in time that is linear in
/// their number.
fn last_of_each(mut members: Vec<(String, Value)>) -> Vec<(String, Value)> {
    let last: HashMap<String, usize> = members
        .iter()
        .enumerate()
        .map(|(place, (name, _))| (name.clone(), place))
        .collect();
    let mut place = 0;
    members.retain(|(name, _)| {
        place += 1;
        last.get(name) == Some(&(place - 1))
    });
    members
}

/// What is left to read.
struct Rest<'a>(&'a str);

impl<'a> Rest<'a> {
    fn take(&mut self, c: char) -> bool {
        let after = self.0.strip_prefix(c);
        self.0 = after.unwrap_or(self.0);
        after.is_some()
    }

    fn skip(&mut self, these: &[char]) {
        self.0 = self.0.trim_start_matches(these);
    }

    /// As many characters as are of that sort.
    fn run(&mut self, is: impl Fn(char) -> bool) -> &'a str {
        let (run, rest) = self
            .0
            .split_at(self.0.find(|c| !is(c)).unwrap_or(self.0.len()));
        self.0 = rest;
        run
    }

    fn key(&mut self) -> Option<&'a str> {
        if !self
            .0
            .starts_with(|c: char| c.is_ascii_lowercase() || c == '*')
        {
            return None;
        }
        Some(self.run(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-.*".contains(c)))
    }

    /// An item, or a list of items in brackets.
    fn member(&mut self) -> Option<Value> {
        if !self.take('(') {
            return self.item();
        }
        loop {
            self.skip(&[' ']);
            if self.take(')') {
                return Some(Value::Other);
            }
            self.item()?;
            self.parameters()?;
            if !self.0.starts_with([' ', ')']) {
                return None;
            }
        }
    }

    fn item(&mut self) -> Option<Value> {
        match self.0.chars().next()? {
            ':' => self.bytes(),
            '-' | '0'..='9' => self.number(),
            '"' => self.string(),
            '@' => {
                self.take('@');
                matches!(self.number()?, Value::Integer(_)).then_some(Value::Other)
            }
            '?' => {
                self.take('?');
                (self.take('0') || self.take('1')).then_some(Value::Other)
            }
            '%' => {
                self.take('%');
                self.string()
            }
            'a'..='z' | 'A'..='Z' | '*' => {
                self.run(|c| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~:/".contains(c));
                Some(Value::Other)
            }
            _ => None,
        }
    }

    fn bytes(&mut self) -> Option<Value> {
        let (encoded, rest) = self.0.strip_prefix(':')?.split_once(':')?;
        self.0 = rest;
        BASE64.decode(encoded).ok().map(Value::Bytes)
    }

    /// An integer of up to 15 digits, or a decimal of up to 12 and 3.
    fn number(&mut self) -> Option<Value> {
        let sign = if self.take('-') { -1 } else { 1 };
        let whole = self.run(|c| c.is_ascii_digit());
        if whole.is_empty() || whole.len() > 15 {
            return None;
        }
        if !self.take('.') {
            return Some(Value::Integer(sign * whole.parse::<i64>().ok()?));
        }
        let fraction = self.run(|c| c.is_ascii_digit());
        (whole.len() <= 12 && (1..=3).contains(&fraction.len())).then_some(Value::Other)
    }

    fn string(&mut self) -> Option<Value> {
        let mut chars = self.0.strip_prefix('"')?.chars();
        loop {
            match chars.next()? {
                '"' => break,
                '\\' if matches!(chars.next()?, '"' | '\\') => {}
                '\\' => return None,
                c if !(' '..='~').contains(&c) => return None,
                _ => {}
            }
        }
        self.0 = chars.as_str();
        Some(Value::Other)
    }

    fn parameters(&mut self) -> Option<()> {
        while self.take(';') {
            self.skip(&[' ']);
            self.key()?;
            if self.take('=') {
                self.item()?;
            }
        }
        Some(())
    }
}

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_bytes_and_integers_and_knows_the_rest() {
        let one = |name: &str, value: Value| Some(vec![(name.to_owned(), value)]);
        let table = [
            ("", Some(vec![])),
            ("a=:YWJj:", one("a", Value::Bytes(b"abc".into()))),
            ("a=:YQ==:", one("a", Value::Bytes(b"a".into()))),
            ("a=:YQ:", one("a", Value::Bytes(b"a".into()))),
            ("a=::", one("a", Value::Bytes(vec![]))),
            ("a=10", one("a", Value::Integer(10))),
            ("a=-3;q=1;r", one("a", Value::Integer(-3))),
            ("a=1.5", one("a", Value::Other)),
            ("a", one("a", Value::Other)),
            ("a;x=\"y\"", one("a", Value::Other)),
            ("a=?0", one("a", Value::Other)),
            ("a=tok/en", one("a", Value::Other)),
            ("a=\"s \\\" , \\\\\"", one("a", Value::Other)),
            ("a=@1659578233", one("a", Value::Other)),
            ("a=%\"f%c3%bc\"", one("a", Value::Other)),
            ("a=(1 \"x\" :YQ==:;p);q", one("a", Value::Other)),
            ("a=()", one("a", Value::Other)),
            ("a=1, a=2", one("a", Value::Integer(2))),
            (" a=1 ", one("a", Value::Integer(1))),
            (
                "a=1\t,\t*b-c.d_9=2",
                Some(vec![
                    ("a".into(), Value::Integer(1)),
                    ("*b-c.d_9".into(), Value::Integer(2)),
                ]),
            ),
        ];
        for (text, expected) in table {
            assert_eq!(parse(text), expected, "{text}");
        }
    }

    #[test]
    fn a_name_counts_the_last_time_wherever_it_stood_before() {
        let members = parse("a=1, b=2, a=3, c, b=4, a=5").expect("well-formed");
        let expected = [
            ("c", Value::Other),
            ("b", Value::Integer(4)),
            ("a", Value::Integer(5)),
        ];
        assert_eq!(
            members,
            expected.map(|(name, value)| (name.to_owned(), value))
        );
    }

    #[test]
    fn the_longest_field_takes_no_longer_than_its_length() {
        let name = |number: usize| format!("{}{number:x}", ["a", "*", "z"][number % 3]);
        let distinct: Vec<String> = (0..).map(name).take(3000).collect();
        let table = [
            distinct.join(","),
            distinct.join("=1,"),
            vec!["a"; 8000].join(","),
            format!("a=({})", "a ".repeat(8000)),
            format!("a{}", ";b".repeat(8000)),
            format!("a=:{}:", "A".repeat(16_000)),
            format!("a=\"{}\"", "\\\\".repeat(8000)),
        ];
        for text in table {
            let text = &text[..text.len().min(MAX_LENGTH)];
            let started = std::time::Instant::now();
            for _ in 0..10 {
                let _ = parse(text);
            }
            assert!(
                started.elapsed() < std::time::Duration::from_millis(500),
                "{:?} for {}...",
                started.elapsed(),
                &text[..20]
            );
        }
        assert_eq!(parse(&format!("a{}", " ".repeat(MAX_LENGTH))), None);
    }

    #[test]
    fn refuses_what_is_malformed_anywhere() {
        let table = [
            ",",
            "a=",
            "a=1,",
            "a=1,,b=2",
            "A=1",
            "1=1",
            "a =1",
            "a= 1",
            "a=1 b=2",
            "a=:YWJj",
            "a=YWJj:=",
            "a=:Y W:",
            "a=:*:",
            "a=\"x",
            "a=\"\\x\"",
            "a=1.",
            "a=.5",
            "a=1.2345",
            "a=-",
            "a=1234567890123456",
            "a=?2",
            "a=(1",
            "a=(1,2)",
            "a=(1\"x\")",
            "a=1;",
            "a=1;B",
            "a=@1.5",
            "a=&",
            "=:YWJj:",
            "sha-256=:YWJj:;",
        ];
        for text in table {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
