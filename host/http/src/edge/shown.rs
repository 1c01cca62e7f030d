//! The path of a request as it may be written down, in a log or in an answer: without the token of
//! a link.
//!
//! Whoever reads a log must not be able to download with it. So what could be a token is hidden
//! wherever one could stand, also where it stands by mistake.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

/// As long as a token, and longer than any word.
const SUSPICIOUS: usize = 40;

/// The path without tokens.
pub(crate) fn path(raw: &str) -> Cow<'_, str> {
    // Names of files and directories are as long as they like.
    if ["/v1/files", "/v1/directories"]
        .iter()
        .any(|route| raw.starts_with(route))
    {
        return Cow::Borrowed(raw);
    }
    let decoded = percent_decode_str(raw).decode_utf8_lossy().to_lowercase();
    let mut names = decoded.split('/').filter(|name| !name.is_empty());
    if names.next() == Some("download") && names.next().is_some() {
        return Cow::Borrowed("/download/{token}");
    }
    if raw.split('/').all(|segment| segment.len() < SUSPICIOUS) {
        return Cow::Borrowed(raw);
    }
    let hidden = raw.split('/').map(|segment| {
        if segment.len() < SUSPICIOUS {
            segment
        } else {
            "{token}"
        }
    });
    Cow::Owned(hidden.collect::<Vec<_>>().join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hides_tokens_wherever_they_stand() {
        let token = "0A-_".repeat(16);
        let table = [
            (format!("/download/{token}"), "/download/{token}"),
            (format!("/download/{}", &token[..7]), "/download/{token}"),
            (format!("/download/{token}/more"), "/download/{token}"),
            (format!("//Download//{token}"), "/download/{token}"),
            (format!("/%64ownload%2f{token}"), "/download/{token}"),
            (format!("/v1/links/{token}"), "/v1/links/{token}"),
            (
                format!("/proxied/download/{token}"),
                "/proxied/download/{token}",
            ),
            ("/download".into(), "/download"),
            ("/download/".into(), "/download/"),
            (
                "/v1/links/00112233445566778899aabbccddeeff".into(),
                "/v1/links/00112233445566778899aabbccddeeff",
            ),
            ("/health/live".into(), "/health/live"),
        ];
        for (raw, shown) in table {
            assert_eq!(path(&raw), shown, "{raw}");
        }
        let file = format!("/v1/files/{token}");
        assert_eq!(path(&file), file);
    }
}
