//! Which content codings a client takes: the `Accept-Encoding` header of RFC 9110 section 12.5.3.
//!
//! It is a preference: a client that takes nothing of what there is gets the bytes as they are.
//! What cannot be read of the header is ignored.

use http::header::{ACCEPT_ENCODING, HeaderMap, HeaderValue};

use crate::fields::accept::thousandths;
use crate::fields::lines;

/// A content coding that responses can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContentCoding {
    /// RFC 8878.
    Zstd,
    /// RFC 7932.
    Brotli,
    /// RFC 1952.
    Gzip,
}

impl ContentCoding {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Zstd, Self::Brotli, Self::Gzip];

    /// Its name in header fields.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Zstd => "zstd",
            Self::Brotli => "br",
            Self::Gzip => "gzip",
        }
    }

    pub(crate) const fn to_header(self) -> HeaderValue {
        HeaderValue::from_static(self.name())
    }

    /// The coding of a tag such as `abc-gzip`, and the tag of the same version without a coding.
    ///
    /// A strong entity tag stands for bytes as they are sent, so each coding of a version has its
    /// own (section 8.8.3.3).
    pub(crate) fn of_tag(tag: &str) -> Option<(Self, &str)> {
        let (plain, name) = tag.rsplit_once('-')?;
        let coding = Self::ALL.into_iter().find(|coding| coding.name() == name)?;
        (!plain.is_empty()).then_some((coding, plain))
    }

    fn of_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|coding| name.eq_ignore_ascii_case(coding.name()))
            .or_else(|| name.eq_ignore_ascii_case("x-gzip").then_some(Self::Gzip))
    }
}

/// What a request says of codings, each weight in thousandths.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct AcceptedCodings {
    named: [Option<u16>; ContentCoding::ALL.len()],
    identity: Option<u16>,
    /// `*`: every coding that is not named.
    others: Option<u16>,
}

impl AcceptedCodings {
    /// Reads the header; without it, no coding is taken.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let mut accepted = Self::default();
        for member in lines::members(headers, &ACCEPT_ENCODING) {
            if let Some((name, weight)) = std::str::from_utf8(member).ok().and_then(parse) {
                accepted.add(name, weight);
            }
        }
        accepted
    }

    fn add(&mut self, name: &str, weight: u16) {
        let place = match (ContentCoding::of_name(name), name) {
            (Some(coding), _) => &mut self.named[coding as usize],
            (None, "*") => &mut self.others,
            (None, name) if name.eq_ignore_ascii_case("identity") => &mut self.identity,
            (None, _) => return,
        };
        place.get_or_insert(weight);
    }

    /// Whether the client can decode it.
    pub(crate) fn takes(&self, coding: ContentCoding) -> bool {
        self.weight(coding) > 0
    }

    /// Whether the client refuses bytes without a coding.
    pub(crate) fn refuses_identity(&self) -> bool {
        self.identity.or(self.others) == Some(0)
    }

    /// The coding that the client likes best, of equals the first that is offered; none if it
    /// prefers the bytes as they are.
    pub(crate) fn best_of(&self, offered: &[ContentCoding]) -> Option<ContentCoding> {
        // Without a word on it, identity is taken and liked less than any coding.
        let identity = self.identity.or(self.others).unwrap_or(0);
        let best = offered.iter().copied().reduce(|best, other| {
            if self.weight(other) > self.weight(best) {
                other
            } else {
                best
            }
        })?;
        (self.takes(best) && self.weight(best) >= identity).then_some(best)
    }

    fn weight(&self, coding: ContentCoding) -> u16 {
        self.named[coding as usize].or(self.others).unwrap_or(0)
    }
}

/// The name and the weight of one member.
fn parse(member: &str) -> Option<(&str, u16)> {
    let mut parts = member.split(';').map(str::trim);
    let name = parts.next()?;
    let weight = parts.find_map(|part| {
        let (name, value) = part.split_once('=')?;
        name.trim()
            .eq_ignore_ascii_case("q")
            .then(|| thousandths(value.trim()))
    });
    Some((name, weight.unwrap_or(Some(1000))?))
}

#[cfg(test)]
mod tests {
    use super::ContentCoding::{Brotli, Gzip, Zstd};
    use super::*;

    fn accepting(values: &[&'static str]) -> AcceptedCodings {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(ACCEPT_ENCODING, HeaderValue::from_static(value));
        }
        AcceptedCodings::of(&headers)
    }

    #[test]
    fn a_client_gets_the_coding_that_it_likes_best() {
        let table: [(&[&'static str], Option<ContentCoding>); 27] = [
            (&[], None),
            (&[""], None),
            (&["identity"], None),
            (&["deflate"], None),
            (&["gzip"], Some(Gzip)),
            (&["GZIP"], Some(Gzip)),
            (&["x-gzip"], Some(Gzip)),
            (&["br"], Some(Brotli)),
            (&["zstd"], Some(Zstd)),
            // curl --compressed, then Firefox and Chromium.
            (&["deflate, gzip, br, zstd"], Some(Zstd)),
            (&["gzip, deflate, br"], Some(Brotli)),
            (&["gzip", "br"], Some(Brotli)),
            (&["gzip;q=1.0, br;q=0.9"], Some(Gzip)),
            (&["gzip ; Q=0.5 , br;q=0.501"], Some(Brotli)),
            (&["gzip;q=0"], None),
            (&["gzip;q=0, br"], Some(Brotli)),
            (&["*"], Some(Zstd)),
            (&["*;q=0"], None),
            (&["*;q=0, gzip"], Some(Gzip)),
            (&["zstd;q=0, br;q=0, *"], Some(Gzip)),
            (&["gzip, identity"], Some(Gzip)),
            (&["gzip;q=0.5, identity;q=0.6"], None),
            (&["gzip;q=0.001"], Some(Gzip)),
            (&["gzip, identity;q=0"], Some(Gzip)),
            (&["identity;q=0"], None),
            (&["gzip;q=abc, br;q=0.1"], Some(Brotli)),
            (&["gzip;q=2", ",;=,"], None),
        ];
        for (values, coding) in table {
            let accepted = accepting(values);
            assert_eq!(
                accepted.best_of(&[Zstd, Brotli, Gzip]),
                coding,
                "{values:?}"
            );
        }
    }

    #[test]
    fn only_what_is_offered_is_chosen_and_its_order_decides_between_equals() {
        let all = accepting(&["gzip, br, zstd"]);
        assert_eq!(all.best_of(&[Gzip, Zstd]), Some(Gzip));
        assert_eq!(all.best_of(&[Brotli]), Some(Brotli));
        assert_eq!(all.best_of(&[]), None);
        assert_eq!(accepting(&["br"]).best_of(&[Gzip, Zstd]), None);
    }

    #[test]
    fn bytes_without_a_coding_are_refused_by_name_or_by_a_wildcard() {
        let table = [
            ("identity;q=0", true),
            ("*;q=0", true),
            ("gzip, *;q=0", true),
            ("identity, *;q=0", false),
            ("gzip", false),
            ("*", false),
            ("", false),
        ];
        for (value, refuses) in table {
            assert_eq!(accepting(&[value]).refuses_identity(), refuses, "{value}");
        }
    }

    #[test]
    fn a_tag_names_its_coding() {
        let table = [
            ("abc-gzip", Some((Gzip, "abc"))),
            ("a-b-br", Some((Brotli, "a-b"))),
            ("abc-zstd-gzip", Some((Gzip, "abc-zstd"))),
            ("abc", None),
            ("abc-", None),
            ("-gzip", None),
            ("abc-GZIP", None),
            ("gzip", None),
        ];
        for (tag, expected) in table {
            assert_eq!(ContentCoding::of_tag(tag), expected, "{tag}");
        }
    }
}
