//! Scheme, host and port: what a grant names, and what a request is compared with.
//!
//! An address has one spelling here. Decimal, hexadecimal and shortened ones, which some resolvers
//! take for an address, are refused, and so is a user-info part: nothing that people could read
//! differently than a resolver does.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use http::Uri;

/// Scheme, host and port.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HttpOrigin {
    scheme: Scheme,
    host: Host,
    port: u16,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Scheme {
    Http,
    Https,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Host {
    /// In lower case.
    Name(String),
    Address(IpAddr),
}

/// Why a text is no origin, or a URI has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoOrigin {
    NotHttp,
    UserInfo,
    Host,
    Port,
}

impl HttpOrigin {
    /// An origin as a grant names it: no path, no query, no user-info.
    pub fn parse(text: &str) -> Result<Self, String> {
        let refused = |why: &str| {
            format!("'{text}' {why}; give an origin such as \"https://storage.example.org:9000\"")
        };
        let uri: Uri = text.parse().map_err(|_| refused("is no URL"))?;
        if uri.path().len() > 1 || uri.query().is_some() || text.contains('#') {
            return Err(refused("has more than a scheme, a host and a port"));
        }
        Self::of(&uri).map_err(|why| refused(why.message()))
    }

    /// The origin of an absolute URI.
    pub(super) fn of(uri: &Uri) -> Result<Self, NoOrigin> {
        let scheme = match uri.scheme_str() {
            Some("http") => Scheme::Http,
            Some("https") => Scheme::Https,
            _ => return Err(NoOrigin::NotHttp),
        };
        let authority = uri.authority().ok_or(NoOrigin::Host)?;
        if authority.as_str().contains('@') {
            return Err(NoOrigin::UserInfo);
        }
        let host = authority.host();
        let port = match authority.as_str().strip_prefix(host) {
            Some("") => scheme.port(),
            Some(port) => match port.strip_prefix(':').map(str::parse) {
                Some(Ok(port)) if port > 0 => port,
                _ => return Err(NoOrigin::Port),
            },
            None => return Err(NoOrigin::Host),
        };
        Ok(Self {
            scheme,
            host: Host::parse(host)?,
            port,
        })
    }

    /// The address that it names, if that is how it names its host.
    pub(super) fn address(&self) -> Option<IpAddr> {
        match self.host {
            Host::Address(address) => Some(address),
            Host::Name(_) => None,
        }
    }

    /// `http` or `https`.
    pub(super) fn scheme(&self) -> &'static str {
        match self.scheme {
            Scheme::Http => "http",
            Scheme::Https => "https",
        }
    }

    /// Host and port as in a `Host` header: the usual port goes without saying.
    pub(super) fn authority(&self) -> String {
        if self.port == self.scheme.port() {
            self.host.to_string()
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

impl fmt::Display for HttpOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme(), self.authority())
    }
}

impl Scheme {
    fn port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

impl Host {
    fn parse(text: &str) -> Result<Self, NoOrigin> {
        if let Some(inside) = text
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
        {
            return inside
                .parse::<Ipv6Addr>()
                .map(|address| Self::Address(address.into()))
                .map_err(|_| NoOrigin::Host);
        }
        if let Ok(address) = text.parse::<Ipv4Addr>() {
            return Ok(Self::Address(address.into()));
        }
        let plain = |label: &str| {
            !label.is_empty()
                && label
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
        };
        let last = text
            .rsplit('.')
            .next()
            .unwrap_or_default()
            .to_ascii_lowercase();
        // What ends in a number is an address to somebody (WHATWG URL, "ends in a number").
        let number = last.bytes().all(|b| b.is_ascii_digit())
            || last
                .strip_prefix("0x")
                .is_some_and(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()));
        if text.len() <= 253 && text.split('.').all(plain) && !number {
            Ok(Self::Name(text.to_ascii_lowercase()))
        } else {
            Err(NoOrigin::Host)
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Address(IpAddr::V4(address)) => address.fmt(f),
            Self::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}

impl NoOrigin {
    pub(super) fn message(self) -> &'static str {
        match self {
            Self::NotHttp => "is no absolute http or https URL",
            Self::UserInfo => {
                "has a user name or a password in it, which belongs into a credential slot"
            }
            Self::Host => "names no host that has one spelling only",
            Self::Port => "has no port between 1 and 65535",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_a_scheme_a_host_and_a_port() {
        for (text, shown) in [
            ("http://127.0.0.1:9000", "http://127.0.0.1:9000"),
            ("https://Example.org", "https://example.org"),
            ("https://example.org:443/", "https://example.org"),
            ("http://example.org:443", "http://example.org:443"),
            ("http://[::1]:80", "http://[::1]"),
            ("http://[0:0:0:0:0:0:0:1]", "http://[::1]"),
            ("http://under_score.local", "http://under_score.local"),
        ] {
            assert_eq!(
                HttpOrigin::parse(text)
                    .map(|origin| origin.to_string())
                    .as_deref(),
                Ok(shown),
                "{text}"
            );
        }
    }

    #[test]
    fn anything_else_is_none() {
        for (text, why) in [
            ("example.org", "absolute"),
            ("example.org:80", "absolute"),
            ("ftp://example.org", "absolute"),
            ("http://example.org/bucket", "more than"),
            ("http://example.org?x", "more than"),
            ("http://example.org/#x", "more than"),
            ("http://user@example.org", "user name"),
            ("http://user:password@example.org", "user name"),
            ("http://2130706433", "one spelling"),
            ("http://0x7f000001", "one spelling"),
            ("http://0x7f.1", "one spelling"),
            ("http://127.1", "one spelling"),
            ("http://0177.0.0.1", "one spelling"),
            ("http://example.org.", "one spelling"),
            ("http://a..b", "one spelling"),
            ("http://[fe80::1%25eth0]", "one spelling"),
            ("http://example.org:0", "port"),
            ("http://example.org:70000", "port"),
            ("http://example.org:", "port"),
            ("http://", "no URL"),
            ("", "no URL"),
        ] {
            let refused = HttpOrigin::parse(text).expect_err(text);
            assert!(refused.contains(why), "{text}: {refused}");
        }
    }

    #[test]
    fn another_spelling_of_an_address_is_another_origin() {
        let granted = HttpOrigin::parse("http://127.0.0.1:9000").expect("an origin");
        for other in [
            "http://[::ffff:127.0.0.1]:9000",
            "http://127.0.0.1:9001",
            "https://127.0.0.1:9000",
        ] {
            assert_ne!(HttpOrigin::parse(other).as_ref(), Ok(&granted), "{other}");
        }
    }
}
