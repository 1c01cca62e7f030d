//! Pages of keys in byte order, grouped by a delimiter.

use std::ops::Bound;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::store::{Object, Objects};

/// What S3 leaves as it is with `encoding-type=url`; spaces become plus signs.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'/')
    .remove(b'*')
    .remove(b' ');

/// A page.
#[derive(Default)]
pub(crate) struct Page {
    pub(crate) objects: Vec<(String, Object)>,
    pub(crate) prefixes: Vec<String>,
    /// The last key or prefix, if more follow.
    pub(crate) next: Option<String>,
}

/// What comes after a key, or after everything with a prefix that was listed already (`passed`).
pub(crate) fn page(
    objects: &Objects,
    prefix: &str,
    delimiter: &str,
    after: &str,
    passed: bool,
    limit: usize,
) -> Page {
    let mut page = Page::default();
    let mut last = String::new();
    let mut from = if passed && !delimiter.is_empty() && after.ends_with(delimiter) {
        past(after)
    } else {
        Bound::Excluded(after.to_owned())
    };
    if after < prefix {
        from = Bound::Included(prefix.to_owned());
    }
    while let Some((key, object)) = objects.range((from, Bound::Unbounded)).next() {
        let Some(rest) = key.strip_prefix(prefix) else {
            break;
        };
        if page.objects.len() + page.prefixes.len() == limit {
            page.next = Some(last);
            break;
        }
        match rest.find(delimiter).filter(|_| !delimiter.is_empty()) {
            Some(at) => {
                let group = &key[..prefix.len() + at + delimiter.len()];
                page.prefixes.push(group.to_owned());
                (last, from) = (group.to_owned(), past(group));
            }
            None => {
                page.objects.push((key.clone(), object.clone()));
                (last, from) = (key.clone(), Bound::Excluded(key.clone()));
            }
        }
    }
    page
}

/// A key as it is listed.
pub(crate) fn encoded(key: &str, encode: bool) -> String {
    if encode {
        utf8_percent_encode(key, ENCODED)
            .to_string()
            .replace(' ', "+")
    } else {
        key.to_owned()
    }
}

/// After everything with a prefix.
fn past(prefix: &str) -> Bound<String> {
    Bound::Included(format!("{}{}", &prefix[..prefix.len() - 1], '0'))
}
