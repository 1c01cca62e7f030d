//! Sizes, durations and modes as people write them.

use std::fmt;
use std::time::Duration;

use callfs_engine::MODE_BITS;
use serde::de::{Deserialize, Deserializer, Error, Visitor};

/// A number of bytes: `"64MiB"`, `"10GB"` or an integer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Size(pub(super) u64);

/// A length of time: `"500ms"`, `"30s"`, `"1m"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct DurationRange(pub(super) Duration);

const UNITS: [(&str, u64); 10] = [
    ("", 1),
    ("B", 1),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
];

/// A size above zero.
pub(super) fn size<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    match Size::deserialize(deserializer)?.0 {
        0 => Err(D::Error::custom(
            "a size of 0 leaves nothing; give a larger one",
        )),
        bytes => Ok(bytes),
    }
}

/// A duration, zero included.
pub(super) fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    DurationRange::deserialize(deserializer).map(|span| span.0)
}

/// A duration above zero.
pub(super) fn some_duration<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Duration, D::Error> {
    match duration(deserializer)? {
        Duration::ZERO => Err(D::Error::custom(
            "a duration of 0 leaves no time; give a longer one",
        )),
        duration => Ok(duration),
    }
}

/// A duration, if one is given.
pub(super) fn optional_duration<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Duration>, D::Error> {
    duration(deserializer).map(Some)
}

/// Permission bits with the sticky bit, in octal: the bits that a mode can have.
pub(super) fn mode<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    deserializer.deserialize_any(Octal { largest: MODE_BITS })
}

/// Permission bits, in octal.
pub(super) fn umask<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    deserializer.deserialize_any(Octal { largest: 0o777 })
}

/// A duration as people write it; a day has 24 hours.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let span: jiff::Span = text.parse().ok()?;
    let duration = span
        .to_duration(jiff::SpanRelativeTo::days_are_24_hours())
        .ok()?;
    Duration::try_from(duration).ok()
}

fn parse_size(text: &str) -> Option<u64> {
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let (_, factor) = UNITS
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(unit.trim_start()))?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes;
        impl Visitor<'_> for Bytes {
            type Value = Size;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a size such as \"64MiB\", \"10GB\" or a number of bytes")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Size, E> {
                let unreadable = || E::invalid_value(serde::de::Unexpected::Str(text), &self);
                parse_size(text.trim()).map(Size).ok_or_else(unreadable)
            }

            fn visit_u64<E: Error>(self, bytes: u64) -> Result<Size, E> {
                Ok(Size(bytes))
            }

            fn visit_i64<E: Error>(self, bytes: i64) -> Result<Size, E> {
                let negative = |_| E::invalid_value(serde::de::Unexpected::Signed(bytes), &self);
                u64::try_from(bytes).map(Size).map_err(negative)
            }
        }
        deserializer.deserialize_any(Bytes)
    }
}

impl<'de> Deserialize<'de> for DurationRange {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Time;
        impl Visitor<'_> for Time {
            type Value = DurationRange;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a duration such as \"500ms\", \"30s\" or \"1d\"")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<DurationRange, E> {
                parse_duration(text)
                    .map(DurationRange)
                    .ok_or_else(|| E::invalid_value(serde::de::Unexpected::Str(text), &self))
            }
        }
        deserializer.deserialize_any(Time)
    }
}

/// A string of octal digits. An integer is refused: TOML has no leading zeros, so `022` cannot be
/// written and `22` would not be what it looks like.
struct Octal {
    largest: u32,
}

impl Visitor<'_> for Octal {
    type Value = u32;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "a string of octal digits from \"0\" to \"{:o}\"",
            self.largest
        )
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<u32, E> {
        let octal = text.strip_prefix("0o").unwrap_or(text);
        let digits = !octal.is_empty() && octal.bytes().all(|byte| byte.is_ascii_digit());
        let bits = digits.then(|| u32::from_str_radix(octal, 8).ok()).flatten();
        let in_range = bits.filter(|bits| *bits <= self.largest);
        in_range.ok_or_else(|| E::invalid_value(serde::de::Unexpected::Str(text), &self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<T: serde::de::DeserializeOwned>(json: &str) -> Option<T> {
        serde_json::from_str(json).ok()
    }

    #[test]
    fn reads_sizes() {
        let size = |json: &str| read::<Size>(json).map(|size| size.0);
        assert_eq!(size("\"64MiB\""), Some(64 << 20));
        assert_eq!(size("\"10GB\""), Some(10_000_000_000));
        assert_eq!(size("\"2 TiB\""), Some(2 << 40));
        assert_eq!(size("\"1kb\""), Some(1000));
        assert_eq!(size("4096"), Some(4096));
        assert_eq!(size("\"4096\""), Some(4096));
        for bad in [
            "\"\"",
            "\"MiB\"",
            "\"1.5GiB\"",
            "\"-1\"",
            "-1",
            "\"1 parsec\"",
            "true",
            "\"99999999999 GiB\"",
        ] {
            assert_eq!(size(bad), None, "{bad}");
        }
    }

    #[test]
    fn reads_durations() {
        let span = |json: &str| read::<DurationRange>(json).map(|span| span.0);
        assert_eq!(span("\"30s\""), Some(Duration::from_secs(30)));
        assert_eq!(span("\"500ms\""), Some(Duration::from_millis(500)));
        assert_eq!(span("\"1m\""), Some(Duration::from_secs(60)));
        assert_eq!(span("\"1h 30m\""), Some(Duration::from_secs(5400)));
        assert_eq!(span("\"30d\""), Some(Duration::from_secs(30 * 86400)));
        for bad in ["\"\"", "30", "\"30\"", "\"-1s\"", "\"1mo\"", "\"soon\""] {
            assert_eq!(span(bad), None, "{bad}");
        }
    }

    #[test]
    fn reads_modes() {
        let read =
            |text: &str, largest| Octal { largest }.visit_str::<serde_json::Error>(text).ok();
        assert_eq!(read("1777", MODE_BITS), Some(0o1777));
        assert_eq!(read("2777", MODE_BITS), None);
        assert_eq!(read("022", 0o777), Some(0o22));
        assert_eq!(read("0o755", 0o777), Some(0o755));
        for bad in ["", "8", "1777", "+7", "rwx"] {
            assert_eq!(read(bad, 0o777), None, "{bad}");
        }
    }
}
