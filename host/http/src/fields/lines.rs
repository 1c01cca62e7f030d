//! The lines of a header field, all of them.
//!
//! A field that decides whether a request is refused must not hide in a second line: `HeaderMap`
//! gives the first one alone. So whatever can refuse a request is read by this, or with `get_all`.

use http::header::{HeaderMap, HeaderName, HeaderValue};

use crate::problem::{Problem, Result};

/// The value of a field that is not a list; none if it is absent.
pub(crate) fn single<'h>(
    headers: &'h HeaderMap,
    name: &HeaderName,
) -> Result<Option<&'h HeaderValue>> {
    let mut lines = headers.get_all(name).iter();
    match (lines.next(), lines.next()) {
        (value, None) => Ok(value),
        (_, Some(_)) => Err(Problem::bad_request(format!(
            "the header '{name}' is given twice; send it once"
        ))),
    }
}

/// The members of a field that is a list of tokens, of all its lines, without empty ones.
pub(crate) fn members<'h>(
    headers: &'h HeaderMap,
    name: &HeaderName,
) -> impl Iterator<Item = &'h [u8]> {
    headers
        .get_all(name)
        .iter()
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b','))
        .map(<[u8]>::trim_ascii)
        .filter(|member| !member.is_empty())
}

#[cfg(test)]
mod tests {
    use http::header::ACCEPT;

    use super::*;

    fn lines(values: &[&'static str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(ACCEPT, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn a_field_that_is_no_list_has_one_line() {
        assert_eq!(single(&lines(&[]), &ACCEPT).expect("absent"), None);
        let once = lines(&["a, b"]);
        assert_eq!(
            single(&once, &ACCEPT).expect("one line").expect("present"),
            "a, b"
        );
        for values in [["a", "a"], ["a", ""], ["", "a"]] {
            let problem = single(&lines(&values), &ACCEPT).expect_err("two lines");
            assert_eq!(problem.status().as_u16(), 400, "{values:?}");
        }
    }

    #[test]
    fn a_list_goes_over_all_lines() {
        let headers = lines(&["a, b", "", " ,c,, d "]);
        let found: Vec<&[u8]> = members(&headers, &ACCEPT).collect();
        assert_eq!(found, [b"a", b"b", b"c", b"d"]);
    }
}
