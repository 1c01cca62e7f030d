//! An address to listen on.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Unexpected, Visitor};

/// A TCP address or a Unix socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listen {
    /// Address and port; port 0 lets the system choose.
    Tcp(SocketAddr),
    /// Path of the socket.
    Unix(PathBuf),
}

impl Listen {
    /// The URL under which this machine reaches it; none for a Unix socket. Nobody can connect to
    /// an unspecified address, but to this machine.
    pub fn url(&self) -> Option<String> {
        let Self::Tcp(mut address) = *self else {
            return None;
        };
        match address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
            IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
            _ => {}
        }
        Some(format!("http://{address}"))
    }
}

const EXPECTED: &str =
    "an address such as \"127.0.0.1:8443\", \"[::1]:8443\" or \"unix:/run/callfs.sock\"";

impl FromStr for Listen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.strip_prefix("unix:") {
            Some("") => Err(format!("'{text}' names no socket; expected {EXPECTED}")),
            Some(path) => Ok(Self::Unix(path.into())),
            None => text
                .parse()
                .map(Self::Tcp)
                .map_err(|_| format!("'{text}' is not {EXPECTED}")),
        }
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// One address, or a list of at least one.
pub(super) fn several<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Listen>, D::Error> {
    struct Several;
    impl<'de> Visitor<'de> for Several {
        type Value = Vec<Listen>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "{EXPECTED}, or a list of them")
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
            text.parse().map(|listen| vec![listen]).map_err(E::custom)
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
            let mut addresses = Vec::new();
            while let Some(text) = list.next_element::<String>()? {
                addresses.push(text.parse().map_err(A::Error::custom)?);
            }
            if addresses.is_empty() {
                Err(A::Error::invalid_length(0, &self))
            } else {
                Ok(addresses)
            }
        }
    }
    deserializer.deserialize_any(Several)
}

/// One address, or none for the empty string.
pub(super) fn optional<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Listen>, D::Error> {
    match String::deserialize(deserializer)?.as_str() {
        "" => Ok(None),
        text => text
            .parse()
            .map(Some)
            .map_err(|_| D::Error::invalid_value(Unexpected::Str(text), &EXPECTED)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_addresses_and_sockets() {
        for text in [
            "127.0.0.1:8443",
            "[::1]:0",
            "unix:/run/callfs.sock",
            "unix:relative",
        ] {
            assert_eq!(text.parse::<Listen>().expect(text).to_string(), text);
        }
        for text in [
            "",
            "unix:",
            "8443",
            ":8443",
            "127.0.0.1",
            "localhost:8443",
            "http://127.0.0.1:1",
        ] {
            assert!(text.parse::<Listen>().is_err(), "{text}");
        }
    }
}
