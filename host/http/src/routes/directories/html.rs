//! A directory as a page of links: what a browser shows, and what programs read that list folders
//! over plain HTTP.
//!
//! Links are relative, so that the page holds behind any prefix, and the page is only found where
//! its own address ends in a slash; so do links to directories. A link is the name and nothing
//! else, for programs that compare it with what they look for; every character that could make it
//! anything but one name is escaped. There is no script in it and nothing to load, and its policy
//! forbids both.

use std::fmt::Write;

use callfs_model::error::Result;
use callfs_model::path::FilePath;
use callfs_model::storage::EntryKind;
use http::Uri;
use http::header::HeaderValue;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::stream::Format;
use crate::content::entry;
use crate::state::Info;

/// Where the page of a directory is, relative to an address of it without the slash at its end.
pub(super) fn location(uri: &Uri) -> Option<HeaderValue> {
    let (_, name) = uri
        .path()
        .rsplit_once('/')
        .filter(|(_, name)| !name.is_empty())?;
    let query = uri
        .query()
        .map(|query| format!("?{query}"))
        .unwrap_or_default();
    // With the dot, a name with a colon is no scheme.
    HeaderValue::try_from(format!("./{name}/{query}")).ok()
}

/// The page of a directory. What it leaves out for a limit is behind a link whose query `continued`
/// makes of a cursor.
pub(super) fn format(
    directory: &FilePath,
    continued: impl Fn(&FilePath) -> String + Send + 'static,
) -> Format {
    let title = escaped(directory.as_str());
    let mut before = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><meta \
         name=\"viewport\" content=\"width=device-width\"><title>{title}</title></head>\n\
         <body>\n<h1>{title}</h1>\n\
         <table>\n<tr><th>name</th><th>size</th><th>changed</th></tr>\n"
    );
    if !directory.is_root() {
        before.push_str("<tr><td><a href=\"../\">../</a></td><td></td><td></td></tr>\n");
    }
    let entry = |info: &Info, page: &mut Vec<u8>| {
        page.extend(row(info).into_bytes());
        Ok(())
    };
    let next = move |cursor: &FilePath, page: &mut Vec<u8>| -> Result<()> {
        let query = escaped(&continued(cursor));
        page.extend(
            format!("<tr><td><a href=\"{query}\">more</a></td><td></td><td></td></tr>\n")
                .into_bytes(),
        );
        Ok(())
    };
    Format {
        before: before.into_bytes(),
        entry: Box::new(entry),
        next: Box::new(next),
        after: b"</table>\n</body>\n</html>\n",
    }
}

fn row(info: &Info) -> String {
    const SET: &percent_encoding::AsciiSet = &NON_ALPHANUMERIC
        .remove(b'-')
        .remove(b'.')
        .remove(b'_')
        .remove(b'~');
    let href = utf8_percent_encode(info.path.name(), SET);
    let name = escaped(info.path.name());
    let slash = if info.kind == EntryKind::Directory {
        "/"
    } else {
        ""
    };
    let size = if info.kind == EntryKind::File {
        info.size.to_string()
    } else {
        String::new()
    };
    let changed = info.modified.and_then(entry::rfc3339).unwrap_or_default();
    format!(
        "<tr><td><a \
         href=\"{href}{slash}\">{name}{slash}</a></td><td>{size}</td><td>{changed}</td></tr>\n"
    )
}

/// Text as it stands in a page or in an attribute.
fn escaped(text: &str) -> String {
    text.chars()
        .fold(String::with_capacity(text.len()), |mut escaped, c| {
            match c {
                '&' | '<' | '>' | '"' | '\'' => drop(write!(escaped, "&#{};", u32::from(c))),
                c => escaped.push(c),
            }
            escaped
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(directory: &str, kind: EntryKind, name: &str) -> String {
        let directory = FilePath::parse(directory).expect("a good path");
        let Format {
            mut before,
            entry,
            next,
            after,
        } = format(&directory, |cursor| format!("?limit=1&after={cursor}"));
        let info = Info {
            path: directory.join(name).expect("a good path"),
            kind,
            size: 3,
            etag: None,
            modified: Some(784_111_777_000_000_000),
            mode: 0o644,
            owner: "alice".into(),
            group: "staff".into(),
            content_type: None,
            content_encoding: None,
            sha256: None,
        };
        entry(&info, &mut before).expect("a row");
        next(&directory, &mut before).expect("a link");
        String::from_utf8([&before, after].concat()).expect("text")
    }

    #[test]
    fn nothing_in_a_name_is_markup_or_a_url() {
        let name = "<b>&\"' a:b?c#d%41";
        let page = page(&format!("/{name}"), EntryKind::File, name);
        let shown = "&#60;b&#62;&#38;&#34;&#39; a:b?c#d%41";
        assert!(page.contains(&format!("<title>/{shown}</title>")), "{page}");
        let link =
            format!("<a href=\"%3Cb%3E%26%22%27%20a%3Ab%3Fc%23d%2541\">{shown}</a></td><td>3</td>");
        assert!(page.contains(&link), "{page}");
        let more = "<a href=\"?limit=1&#38;after=/&#60;b&#62;&#38;&#34;&#39; a:b?c#d%41\">more</a>";
        assert!(page.contains(more), "{page}");
        assert!(
            page.contains("<td>1994-11-06T08:49:37Z</td>") && page.ends_with("</html>\n"),
            "{page}"
        );
    }

    #[test]
    fn links_to_directories_end_in_a_slash() {
        let link = "<a href=\"%C3%A4/\">ä/</a></td><td></td>";
        assert!(page("/d", EntryKind::Directory, "ä").contains(link));
        assert!(page("/d", EntryKind::Directory, "ä").contains("<a href=\"../\">../</a>"));
        assert!(
            !page("/", EntryKind::Directory, "ä").contains("../"),
            "nothing is above the root"
        );
    }

    #[test]
    fn an_address_without_its_slash_leads_to_the_page() {
        let location = |uri: &str| location(&uri.parse().expect("a uri"));
        for (uri, found) in [
            ("/v1/files", Some("./files/")),
            ("/v1/files/a:b", Some("./a:b/")),
            ("/v1/files/a/d%26?limit=1", Some("./d%26/?limit=1")),
            ("/v1/files/a/", None),
            ("/v1/files/", None),
        ] {
            assert_eq!(location(uri), found.map(HeaderValue::from_static), "{uri}");
        }
    }
}
