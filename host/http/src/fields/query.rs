//! Query parameters. A name that a resource does not know is an error that lists those it knows,
//! and so is a value that makes no sense.
//!
//! Reading a file is the exception: whatever else its query has is ignored there, because programs
//! add parameters to the address of any file: `git clone` its `?service=git-upload-pack`, a page a
//! number that keeps caches from answering.

use std::borrow::Cow;

use http::Uri;
use percent_encoding::percent_decode_str;

use crate::problem::{Problem, Result};

/// Parameters that may be repeated, as clients write those that are lists.
const LISTS: [&str; 1] = ["fields"];

/// The parameters of one request.
#[derive(Debug)]
pub(crate) struct Query<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl<'a> Query<'a> {
    /// The parameters of a request to a resource that knows these names.
    pub(crate) fn of(uri: &'a Uri, known: &[&str]) -> Result<Self> {
        Self::read(uri, known, |name| {
            Err(name.map_or_else(not_utf8, |name| unknown(name, known)))
        })
    }

    /// The parameters that are known, of a request that may have any others.
    pub(crate) fn known_of(uri: &'a Uri, known: &[&str]) -> Result<Self> {
        Self::read(uri, known, |_| Ok(()))
    }

    fn read(
        uri: &'a Uri,
        known: &[&str],
        other: impl Fn(Option<&str>) -> Result<()>,
    ) -> Result<Self> {
        let mut parameters: Vec<(Cow<'a, str>, Cow<'a, str>)> = Vec::new();
        for part in uri
            .query()
            .unwrap_or_default()
            .split('&')
            .filter(|part| !part.is_empty())
        {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            let name = match decode(name) {
                Some(name) if known.contains(&&*name) => name,
                name => {
                    other(name.as_deref())?;
                    continue;
                }
            };
            let value = decode(value).ok_or_else(not_utf8)?;
            if parameters.iter().any(|(other, _)| *other == name) && !LISTS.contains(&&*name) {
                return Err(Problem::bad_request(format!(
                    "the query parameter '{name}' is given twice"
                )));
            }
            parameters.push((name, value));
        }
        Ok(Self(parameters))
    }

    /// Refuses every parameter, for a resource or a method that takes none.
    pub(crate) fn none(uri: &Uri) -> Result<()> {
        Query::of(uri, &[]).map(drop)
    }

    /// All of them, in the order in which they were given.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }

    /// A parameter as it was given.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(other, _)| other == name)
            .map(|(_, value)| &**value)
    }

    /// A list as it was given: what each parameter of the name says.
    pub(crate) fn list(&self, name: &str) -> impl Iterator<Item = &str> {
        let of_name = self.0.iter().filter(move |(other, _)| other == name);
        of_name.map(|(_, value)| &**value)
    }

    /// A flag: false if it is absent, true if it has no value.
    pub(crate) fn flag(&self, name: &str) -> Result<bool> {
        match self.text(name) {
            None | Some("0") => Ok(false),
            Some("" | "1") => Ok(true),
            Some(other) if other.eq_ignore_ascii_case("false") => Ok(false),
            // As Python writes it, for one.
            Some(other) if other.eq_ignore_ascii_case("true") => Ok(true),
            Some(other) => Err(Problem::bad_request(format!(
                "the query parameter '{name}' is '{other}'; give true or false"
            ))),
        }
    }

    /// A whole number within bounds.
    pub(crate) fn number(
        &self,
        name: &str,
        bounds: std::ops::RangeInclusive<usize>,
    ) -> Result<Option<usize>> {
        let Some(text) = self.text(name) else {
            return Ok(None);
        };
        let number = text.parse().ok().filter(|number| bounds.contains(number));
        number.map(Some).ok_or_else(|| {
            let (least, most) = bounds.into_inner();
            Problem::bad_request(format!(
                "the query parameter '{name}' is '{text}'; give a number from {least} to {most}"
            ))
        })
    }

    /// Refuses parameters that are known to the resource and have no meaning for what was found
    /// there.
    pub(crate) fn refuse(&self, names: &[&str], why: &str) -> Result<()> {
        match self.0.iter().find(|(name, _)| names.contains(&&**name)) {
            Some((name, _)) => Err(Problem::bad_request(format!(
                "the query parameter '{name}' {why}"
            ))),
            None => Ok(()),
        }
    }
}

/// As browsers and forms write it: `+` is a space. None if it is not UTF-8.
fn decode(text: &str) -> Option<Cow<'_, str>> {
    if text.contains('+') {
        let spaced = text.replace('+', " ");
        let decoded = percent_decode_str(&spaced).decode_utf8().ok()?;
        return Some(Cow::Owned(decoded.into_owned()));
    }
    percent_decode_str(text).decode_utf8().ok()
}

fn not_utf8() -> Problem {
    Problem::bad_request("the query is not valid UTF-8 after percent-decoding")
}

fn unknown(name: &str, known: &[&str]) -> Problem {
    Problem::bad_request(match known {
        [] => format!("the query parameter '{name}' is not known; this request takes none"),
        _ => format!(
            "the query parameter '{name}' is not known; known are: {}",
            known.join(", ")
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(query: &str) -> Uri {
        format!("/v1/files/a?{query}").parse().expect("a uri")
    }

    #[test]
    fn reads_what_is_known() {
        let uri = uri("download&limit=5&after=%2Fa+b%2Bc&recursive=false");
        let query = Query::of(&uri, &["download", "limit", "after", "recursive"]).expect("known");
        assert!(query.flag("download").expect("a flag"));
        assert!(!query.flag("recursive").expect("a flag"));
        assert_eq!(query.number("limit", 1..=10).expect("a number"), Some(5));
        assert_eq!(query.text("after"), Some("/a b+c"));
        assert_eq!(query.text("x"), None);
    }

    #[test]
    fn passes_over_what_is_not_known_where_that_is_wanted() {
        let uri = uri("utm_source=mail&limit=5&x=%ff&x&&after=%2Fa");
        let query = Query::known_of(&uri, &["limit", "after"]).expect("readable");
        assert_eq!(query.number("limit", 1..=10).expect("a number"), Some(5));
        assert_eq!(query.text("after"), Some("/a"));
        assert_eq!(query.iter().count(), 2);
    }

    #[test]
    fn a_list_may_be_given_as_several_parameters() {
        let uri = uri("fields=a,b&limit=5&fields=c");
        let known = ["fields", "limit"];
        for query in [Query::of(&uri, &known), Query::known_of(&uri, &known)] {
            let query = query.expect("known");
            assert_eq!(query.list("fields").collect::<Vec<_>>(), ["a,b", "c"]);
            assert_eq!(query.list("limit").collect::<Vec<_>>(), ["5"]);
            assert_eq!(query.list("after").count(), 0);
        }
    }

    #[test]
    fn refuses_what_is_not() {
        let refused = |query: &str| {
            let uri = uri(query);
            let query = Query::of(&uri, &["limit", "all"]);
            let checked =
                query.and_then(|query| query.number("limit", 1..=10).and(query.flag("all")));
            checked.expect_err("refused").error().message().to_owned()
        };
        assert_eq!(
            refused("depth=1"),
            "the query parameter 'depth' is not known; known are: limit, all"
        );
        assert_eq!(
            refused("limit=1&limit=2"),
            "the query parameter 'limit' is given twice"
        );
        assert_eq!(
            refused("limit=0"),
            "the query parameter 'limit' is '0'; give a number from 1 to 10"
        );
        assert_eq!(
            refused("all=maybe"),
            "the query parameter 'all' is 'maybe'; give true or false"
        );
        assert_eq!(
            refused("all=%ff"),
            "the query is not valid UTF-8 after percent-decoding"
        );
        assert!(Query::none(&uri("")).is_ok());
        assert!(Query::none(&uri("x")).is_err());
    }

    #[test]
    fn a_flag_is_true_or_false_in_any_case() {
        let flag = |query: &str| {
            let uri = uri(query);
            Query::of(&uri, &["all"]).and_then(|query| query.flag("all"))
        };
        for yes in ["all", "all=", "all=1", "all=true", "all=True", "all=TRUE"] {
            assert!(flag(yes).expect(yes), "{yes}");
        }
        for no in ["", "all=0", "all=false", "all=False", "all=FALSE"] {
            assert!(!flag(no).expect(no), "{no}");
        }
        for bad in ["all=yes", "all=2", "all=tru", "all=%20true", "all=01"] {
            assert!(flag(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_others_add_can_be_left_alone() {
        let limit = |query: &str| {
            let uri = uri(query);
            Query::known_of(&uri, &["limit"])
                .map(|query| query.text("limit").map(str::to_owned))
                .ok()
        };
        for ignored in [
            "service=git-upload-pack",
            "_=1&_=2",
            "x=%ff",
            "%ff",
            "%zz",
            "=",
        ] {
            assert_eq!(limit(ignored), Some(None), "{ignored}");
            let with = limit(&format!("{ignored}&limit=5&{ignored}"));
            assert_eq!(with, Some(Some("5".to_owned())), "{ignored}");
        }
        for bad in ["limit=1&limit=2", "limit=%ff"] {
            assert_eq!(limit(bad), None, "{bad}");
        }
    }
}
