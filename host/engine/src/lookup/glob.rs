//! A pattern that paths match or do not.
//!
//! `*` and `?` stay within a name, `**` in place of a name stands for any number of them, `[a-z]`
//! and `[!a-z]` are one character, `{a,b}` is one text or the other, and a backslash makes the next
//! character stand for itself. Case counts. The time that matching takes is linear in the length of
//! the path, whatever the pattern.

use callfs_model::error::{Error, ErrorKind, Result};
use globset::GlobBuilder;
use regex::{Regex, RegexBuilder};

/// The longest pattern, in bytes.
const MAX_PATTERN: usize = 1024;
/// The most memory that a compiled pattern takes, in bytes.
const MAX_COMPILED: usize = 1 << 20;

/// A pattern.
#[derive(Debug, Clone)]
pub struct Glob {
    regex: Regex,
    /// In bytes.
    length: usize,
}

impl Glob {
    /// A pattern as a client writes it; the error says what is wrong with it.
    pub fn parse(pattern: &str) -> Result<Self> {
        if pattern.is_empty() {
            return Err(refused("is empty; '**' matches everything"));
        }
        if pattern.len() > MAX_PATTERN {
            return Err(refused(&format!(
                "has {} bytes; {MAX_PATTERN} are allowed",
                pattern.len()
            )));
        }
        let glob = GlobBuilder::new(pattern)
            .literal_separator(true)
            .backslash_escape(true)
            .empty_alternates(true)
            .build();
        let glob =
            glob.map_err(|error| refused(&format!("is not well-formed: {}", error.kind())))?;
        let expression = in_characters(glob.regex())
            .ok_or_else(|| Error::internal("an unknown form of a pattern"))?;
        let compiled = RegexBuilder::new(&expression)
            .dot_matches_new_line(true)
            .size_limit(MAX_COMPILED)
            .build();
        let length = pattern.len();
        let glob = compiled.map(|regex| Self { regex, length });
        glob.map_err(|error| {
            refused("is too large or nested too deeply; give a simpler one").because(error)
        })
    }

    /// Whether a path matches, which is written without a slash in front.
    pub fn matches(&self, path: &str) -> bool {
        self.regex.is_match(path)
    }

    /// The most steps that matching a path takes: each byte of the path may meet all of the
    /// pattern.
    pub(crate) fn steps(&self, path: &str) -> u64 {
        self.length as u64 * path.len() as u64
    }
}

fn refused(what: &str) -> Error {
    Error::new(ErrorKind::BadRequest, format!("the pattern {what}"))
}

/// The expression for bytes that `globset` makes of a pattern, as one for characters, so that `?`
/// is one `ä` and not half of it, and with classes that never match the slash between two names.
fn in_characters(expression: &str) -> Option<String> {
    let mut rest = expression.strip_prefix("(?-u)")?;
    let mut made = String::with_capacity(rest.len());
    let mut bytes = Vec::new();
    while let Some(character) = rest.chars().next() {
        if let Some(escaped) = rest.strip_prefix("\\x") {
            bytes.push(u8::from_str_radix(escaped.get(..2)?, 16).ok()?);
            rest = &escaped[2..];
            continue;
        }
        made.push_str(std::str::from_utf8(&bytes).ok()?);
        bytes.clear();
        rest = &rest[character.len_utf8()..];
        match character {
            '\\' => {
                let escaped = rest.chars().next()?;
                made.extend(['\\', escaped]);
                rest = &rest[escaped.len_utf8()..];
            }
            '[' => {
                made.push_str("[[");
                // Not the beginning of `[:alpha:]`, which is a class of its own to the library.
                if let Some(after) = rest.strip_prefix(':') {
                    made.push_str("\\:");
                    rest = after;
                }
            }
            ']' => made.push_str("]&&[^/]]"),
            other => made.push(other),
        }
    }
    made.push_str(std::str::from_utf8(&bytes).ok()?);
    Some(made)
}

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_as_shells_do() {
        let table: [(&str, &[&str], &[&str]); 17] = [
            (
                "*.txt",
                &["a.txt", ".txt", "ä.txt"],
                &["a/b.txt", "a.TXT", "a.txt/b", "atxt"],
            ),
            ("**/*.txt", &["a.txt", "a/b.txt", "a/b/c.txt"], &["a.txt/b"]),
            ("a/**", &["a/b", "a/b/c"], &["a", "b/a/c"]),
            ("a/**/z", &["a/z", "a/b/z", "a/b/c/z"], &["az", "a/bz"]),
            ("**", &["a", "a/b"], &[]),
            ("?", &["a", "ä", "日"], &["", "ab", "/"]),
            ("a?c", &["abc", "a?c"], &["a/c", "ac"]),
            ("[a-c]x", &["ax", "cx"], &["dx", "Ax"]),
            ("[ä-ü]", &["ö"], &["a", "\u{c3}", "日"]),
            ("[!a]b", &["bb", "äb"], &["ab", "/b", "b"]),
            ("x[!a]y", &["xby"], &["x/y"]),
            ("[:alpha:]", &["a", ":"], &["b", "/", "[:alpha:]"]),
            (
                "*.{jpg,png}",
                &["a.jpg", "b.png"],
                &["a.gif", "a.{jpg,png}"],
            ),
            ("a{,.bak}", &["a", "a.bak"], &["a."]),
            (r"\*\[日\]", &["*[日]"], &["x[日]", r"\*[日]"]),
            (r"a\\b", &[r"a\b"], &["ab"]),
            ("(a|b).+^$", &["(a|b).+^$"], &["a.+^$"]),
        ];
        for (pattern, matching, others) in table {
            let glob = Glob::parse(pattern).unwrap_or_else(|error| panic!("{pattern}: {error}"));
            assert!(
                matching.iter().all(|path| glob.matches(path)),
                "{pattern}: {glob:?}"
            );
            assert!(
                !others.iter().any(|path| glob.matches(path)),
                "{pattern}: {glob:?}"
            );
        }
    }

    #[test]
    fn says_what_is_wrong() {
        let long = "x".repeat(1025);
        let deep = format!("{}a{}", "{".repeat(400), "}".repeat(400));
        let large = "?".repeat(1024);
        let table = [
            ("", "empty"),
            ("[a", "unclosed character class"),
            ("[z-a]", "invalid range"),
            ("{a,b", "unclosed alternate"),
            ("a}", "unopened alternate"),
            ("a\\", "dangling"),
            (&long, "1025 bytes"),
            (&deep, "nested too deeply"),
        ];
        for (pattern, why) in table {
            let error = Glob::parse(pattern).map(|_| ()).expect_err(pattern);
            assert_eq!(error.kind(), ErrorKind::BadRequest);
            assert!(
                error.message().starts_with("the pattern ") && error.message().contains(why),
                "{pattern}: {error}"
            );
        }
        assert!(Glob::parse(&large).is_ok());
    }

    #[test]
    fn no_pattern_takes_long() {
        let glob = Glob::parse(&"**/*a*a*a*/".repeat(90)).expect("a pattern");
        let path = format!("{}b", "aaaa/".repeat(800));
        let start = std::time::Instant::now();
        assert!(!glob.matches(&path));
        assert!(
            start.elapsed() < std::time::Duration::from_secs(2),
            "{:?}",
            start.elapsed()
        );
    }
}
