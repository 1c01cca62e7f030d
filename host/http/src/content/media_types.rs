//! The media types of files that were stored without one, by the extension of their names.
//!
//! What the operator configured comes first, then what browsers and players expect and the table of
//! `mime_guess` lacks or has otherwise, then that table. Everything is put together once, so that a
//! request costs one lookup and no allocation.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use http::HeaderValue;

use crate::fields::media_type::{self, MAX_MEDIA_TYPE};

/// The longest extension that is looked up, in bytes.
const MAX_EXTENSION: usize = 32;

const UNKNOWN: HeaderValue = HeaderValue::from_static("application/octet-stream");

/// Registered types where there are some.
const PREFERRED: [(&str, &str); 49] = [
    // Streaming: HLS (RFC 8216), DASH and CMAF.
    ("ts", "video/mp2t"),
    ("mts", "video/mp2t"),
    ("m2ts", "video/mp2t"),
    ("m3u8", "application/vnd.apple.mpegurl"),
    ("m4s", "video/iso.segment"),
    ("cmfv", "video/mp4"),
    ("cmfa", "audio/mp4"),
    ("m4a", "audio/mp4"),
    // Scripts and what is loaded with them.
    ("mjs", "text/javascript"),
    ("cjs", "text/javascript"),
    ("map", "application/json"),
    ("woff", "font/woff"),
    ("otf", "font/otf"),
    // Data.
    ("ndjson", "application/x-ndjson"),
    ("jsonl", "application/x-ndjson"),
    ("yaml", "application/yaml"),
    ("yml", "application/yaml"),
    ("toml", "application/toml"),
    ("ipynb", "application/x-ipynb+json"),
    ("arrow", "application/vnd.apache.arrow.file"),
    ("arrows", "application/vnd.apache.arrow.stream"),
    ("sqlite", "application/vnd.sqlite3"),
    ("pmtiles", "application/vnd.pmtiles"),
    ("vcf", "text/vcard"),
    // Archives and packages.
    ("zst", "application/zstd"),
    ("tgz", "application/gzip"),
    ("deb", "application/vnd.debian.binary-package"),
    ("rpm", "application/x-rpm"),
    ("whl", "application/zip"),
    // Text that a browser shows.
    ("cts", "text/plain"),
    ("tsx", "text/plain"),
    ("py", "text/x-python"),
    ("rb", "text/x-ruby"),
    ("go", "text/x-go"),
    ("java", "text/x-java"),
    ("kt", "text/x-kotlin"),
    ("swift", "text/x-swift"),
    ("scala", "text/x-scala"),
    ("sql", "text/x-sql"),
    ("diff", "text/x-diff"),
    ("patch", "text/x-diff"),
    ("rst", "text/x-rst"),
    ("adoc", "text/asciidoc"),
    ("proto", "text/plain"),
    ("graphql", "text/plain"),
    ("vue", "text/plain"),
    ("svelte", "text/plain"),
    ("env", "text/plain"),
    ("lock", "text/plain"),
];

/// Media types by extension.
pub struct MediaTypes(HashMap<Cow<'static, str>, HeaderValue>);

impl MediaTypes {
    /// With those that the operator configured, by extension. An error is the extension and what is
    /// wrong with it or its type.
    pub fn new(configured: &BTreeMap<String, String>) -> Result<Self, (String, String)> {
        let mut types = HashMap::new();
        let known = mime_guess::get_extensions("*", "*").unwrap_or_default();
        for extension in known {
            let first = mime_guess::from_ext(extension).first_raw();
            if let Some(value) = first.and_then(with_charset) {
                types.insert(Cow::from(*extension), value);
            }
        }
        for (extension, media_type) in PREFERRED {
            if let Some(value) = with_charset(media_type) {
                types.insert(Cow::from(extension), value);
            }
        }
        for (extension, media_type) in configured {
            let wrong = |message: &str| (extension.clone(), message.to_owned());
            let value = checked(extension, media_type).map_err(wrong)?;
            types.insert(Cow::from(extension.clone()), value);
        }
        Ok(Self(types))
    }

    /// Of a file of this name.
    pub(crate) fn of(&self, name: &str) -> HeaderValue {
        self.find(name).cloned().unwrap_or(UNKNOWN)
    }

    fn find(&self, name: &str) -> Option<&HeaderValue> {
        let (stem, extension) = name.rsplit_once('.')?;
        let mut lower = [0; MAX_EXTENSION];
        let lower = lower.get_mut(..extension.len())?;
        lower.copy_from_slice(extension.as_bytes());
        lower.make_ascii_lowercase();
        let lower = std::str::from_utf8(lower).ok()?;
        // A dot in front hides a file, and begins no extension.
        self.0.get(lower).filter(|_| !stem.is_empty())
    }
}

/// The value of the header for what an operator configured.
fn checked(extension: &str, media_type: &str) -> Result<HeaderValue, &'static str> {
    if extension.starts_with('.') {
        return Err("write the extension without its dot");
    }
    let is_last = !extension.is_empty() && !extension.contains(['.', '/']);
    if !is_last || extension.len() > MAX_EXTENSION {
        return Err("not the last extension of a name: give 1 to 32 bytes without a dot or slash");
    }
    if extension.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Err("write the extension in lower case; it is for names in any case");
    }
    let is_type = media_type::essence(media_type).is_some_and(|found| !media_type::is_range(found));
    if !is_type || media_type.len() > MAX_MEDIA_TYPE {
        return Err("not a media type such as \"text/plain\"");
    }
    with_charset(media_type).ok_or("not a media type such as \"text/plain\"")
}

/// Text is declared to be UTF-8, as nearly all is: where nothing is declared and the browser may
/// not look for itself (`nosniff`), it takes text for Latin-1. XML declares itself, and what stands
/// in a header would count for more (RFC 7303 section 3.2).
fn with_charset(media_type: &str) -> Option<HeaderValue> {
    let is_text = media_type.starts_with("text/") && !media_type.ends_with("xml");
    if is_text && !media_type.contains(';') {
        HeaderValue::try_from(format!("{media_type}; charset=utf-8")).ok()
    } else {
        HeaderValue::from_str(media_type).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn types(configured: &[(&str, &str)]) -> Result<MediaTypes, (String, String)> {
        let owned = |(extension, kind): &(&str, &str)| ((*extension).into(), (*kind).into());
        MediaTypes::new(&configured.iter().map(owned).collect())
    }

    #[test]
    fn guessed_text_is_utf_8_and_nothing_else_has_a_charset() {
        let types = types(&[]).expect("the built-in ones");
        let table = [
            ("a.txt", "text/plain; charset=utf-8"),
            ("a.HTML", "text/html; charset=utf-8"),
            ("a.css", "text/css; charset=utf-8"),
            ("a.csv", "text/csv; charset=utf-8"),
            ("a.md", "text/markdown; charset=utf-8"),
            ("a.js", "text/javascript; charset=utf-8"),
            ("a.mjs", "text/javascript; charset=utf-8"),
            ("a.py", "text/x-python; charset=utf-8"),
            ("a.rs", "text/x-rust; charset=utf-8"),
            ("a.log", "text/plain; charset=utf-8"),
            ("a.vtt", "text/vtt; charset=utf-8"),
            ("a.xml", "text/xml"),
            ("a.svg", "image/svg+xml"),
            ("a.json", "application/json"),
            ("a.png", "image/png"),
            ("a.tar.gz", "application/gzip"),
            ("a.unknown", "application/octet-stream"),
            ("txt", "application/octet-stream"),
            (".txt", "application/octet-stream"),
            ("a.", "application/octet-stream"),
            ("", "application/octet-stream"),
        ];
        for (name, expected) in table {
            assert_eq!(types.of(name), expected, "{name}");
        }
        let long = format!("a.{}", "x".repeat(300));
        assert_eq!(types.of(&long), UNKNOWN);
    }

    #[test]
    fn players_and_browsers_find_what_they_expect() {
        let types = types(&[]).expect("the built-in ones");
        let table = [
            ("ts", "video/mp2t"),
            ("m3u8", "application/vnd.apple.mpegurl"),
            ("mpd", "application/dash+xml"),
            ("m4s", "video/iso.segment"),
            ("mp4", "video/mp4"),
            ("webm", "video/webm"),
            ("opus", "audio/ogg"),
            ("flac", "audio/flac"),
            ("m4a", "audio/mp4"),
            ("webp", "image/webp"),
            ("avif", "image/avif"),
            ("jxl", "image/jxl"),
            ("woff", "font/woff"),
            ("woff2", "font/woff2"),
            ("wasm", "application/wasm"),
            ("webmanifest", "application/manifest+json"),
            ("geojson", "application/geo+json"),
            ("jsonld", "application/ld+json"),
            ("jsonl", "application/x-ndjson"),
            ("ndjson", "application/x-ndjson"),
            ("json5", "application/json5"),
            ("yaml", "application/yaml"),
            ("toml", "application/toml"),
            ("parquet", "application/vnd.apache.parquet"),
            ("zst", "application/zstd"),
            ("gz", "application/gzip"),
            ("pdf", "application/pdf"),
        ];
        for (extension, expected) in table {
            assert_eq!(types.of(&format!("x.{extension}")), expected, "{extension}");
        }
    }

    #[test]
    fn every_type_of_ours_is_one_and_differs() {
        for (extension, media_type) in PREFERRED {
            assert!(checked(extension, media_type).is_ok(), "{extension}");
            let other = mime_guess::from_ext(extension).first_raw();
            assert_ne!(other, Some(media_type), "{extension} is known");
        }
    }

    #[test]
    fn what_is_configured_comes_first() {
        let types = types(&[
            ("ts", "text/x-typescript"),
            ("dat", "text/plain; charset=iso-8859-1"),
            ("größe", "image/x-a"),
        ])
        .expect("good ones");
        assert_eq!(types.of("a.TS"), "text/x-typescript; charset=utf-8");
        assert_eq!(types.of("a.dat"), "text/plain; charset=iso-8859-1");
        assert_eq!(types.of("a.größe"), "image/x-a");
        assert_eq!(types.of("a.txt"), "text/plain; charset=utf-8");
    }

    #[test]
    fn what_is_wrong_names_its_extension() {
        for (extension, media_type, why) in [
            (".ts", "video/mp2t", "without its dot"),
            ("tar.gz", "application/gzip", "the last extension"),
            ("", "text/plain", "the last extension"),
            ("a/b", "text/plain", "the last extension"),
            ("TS", "video/mp2t", "lower case"),
            ("ts", "video", "media type"),
            ("ts", "", "media type"),
            ("ts", "video/*", "media type"),
            ("ts", "video/mp2t\r\nX: y", "media type"),
            ("ts", "video/mp2t; a=\u{7f}", "media type"),
        ] {
            let (named, message) = types(&[(extension, media_type)]).err().expect(media_type);
            assert_eq!(named, extension);
            assert!(message.contains(why), "{extension}: {message}");
        }
    }
}
