//! Where a request comes from: the peer of its connection, or, behind proxies that the operator
//! trusts, the client that they name in `Forwarded` (RFC 7239) or `X-Forwarded-For`.
//!
//! Only what a trusted proxy added counts, read from the right: the first address that is no
//! trusted proxy. Whatever a client wrote stands to the left of that. It does not know what an
//! address is good for.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use http::header::{FORWARDED, HeaderMap, HeaderName};
use ipnet::IpNet;

use crate::fields::lines;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The other end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnectionPeer {
    /// Over TCP.
    Address(IpAddr),
    /// Over a Unix socket: a process of this machine, without an address.
    Local,
}

/// The peers that are believed about whom they speak for.
#[derive(Debug, Clone, Default)]
pub struct TrustedProxies {
    /// By address.
    pub networks: Vec<IpNet>,
    /// Whoever connects over a Unix socket.
    pub local: bool,
}

impl TrustedProxies {
    /// The address of the client; none for a local process.
    pub(crate) fn client(&self, peer: ConnectionPeer, headers: &HeaderMap) -> Option<IpAddr> {
        let (own, trusted) = match peer {
            ConnectionPeer::Address(address) => (
                Some(address.to_canonical()),
                self.trusts(address.to_canonical()),
            ),
            ConnectionPeer::Local => (None, self.local),
        };
        if !trusted {
            return own;
        }
        let named = |name: &HeaderName, hops: fn(&str) -> Vec<Option<IpAddr>>| {
            let values: Vec<_> = lines::all(headers, name).collect();
            let hops = values.iter().rev().flat_map(|value| {
                // What is not text names nobody.
                value.to_str().map_or_else(
                    |_| vec![None],
                    |text| hops(text).into_iter().rev().collect(),
                )
            });
            (!values.is_empty()).then(|| self.last_untrusted(own, hops))
        };
        match (
            named(&FORWARDED, forwarded),
            named(&X_FORWARDED_FOR, forwarded_for),
        ) {
            (None, None) => own,
            (Some(client), None) | (None, Some(client)) => client,
            (Some(one), Some(other)) if one == other => one,
            // A proxy writes one of them and passes the other on as the client made it up: the
            // proxy answers for that. A local one has no address; whoever contradicts
            // it shares one, or could choose not to be counted.
            (Some(_), Some(_)) => own.or(Some(Ipv4Addr::UNSPECIFIED.into())),
        }
    }

    /// The first of the hops, nearest first, that is no trusted proxy; the last one that is known
    /// if there is none.
    fn last_untrusted(
        &self,
        own: Option<IpAddr>,
        hops: impl Iterator<Item = Option<IpAddr>>,
    ) -> Option<IpAddr> {
        let mut nearest = own;
        for hop in hops {
            let Some(address) = hop else {
                return nearest.or(Some(Ipv4Addr::UNSPECIFIED.into()));
            };
            nearest = Some(address);
            if !self.trusts(address) {
                break;
            }
        }
        nearest
    }

    pub(crate) fn trusts(&self, address: IpAddr) -> bool {
        self.networks
            .iter()
            .any(|network| network.contains(&address))
    }
}

/// The `for` of each element; none for one that hides it.
fn forwarded(text: &str) -> Vec<Option<IpAddr>> {
    let of_element = |element: &str| {
        let pairs = unquoted_split(element, ';');
        pairs.into_iter().find_map(|pair| {
            let (name, value) = pair.split_once('=')?;
            name.trim()
                .eq_ignore_ascii_case("for")
                .then(|| address(value.trim().trim_matches('"')))
        })?
    };
    unquoted_split(text, ',')
        .into_iter()
        .map(of_element)
        .collect()
}

fn forwarded_for(text: &str) -> Vec<Option<IpAddr>> {
    text.split(',')
        .map(|element| address(element.trim()))
        .collect()
}

/// With or without a port; one of IPv6 with brackets or, as the older header has it, without.
fn address(text: &str) -> Option<IpAddr> {
    let bracketed = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    let with_port = || text.parse::<SocketAddr>().ok().map(|socket| socket.ip());
    text.parse()
        .ok()
        .or_else(with_port)
        .or_else(bracketed)
        .map(|address: IpAddr| address.to_canonical())
}

/// Parts between separators that stand outside of quotes. A quote that never ends leaves the rest
/// in one part.
fn unquoted_split(text: &str, separator: char) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut start = 0;
    let mut quoted = false;
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            c if c == separator && !quoted => {
                parts.push(&text[start..at]);
                start = at + c.len_utf8();
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn client(trusted: &[&str], peer: &str, lines: &[(&'static str, &str)]) -> String {
        let networks = trusted
            .iter()
            .map(|text| text.parse().expect("a network"))
            .collect();
        let peer = peer
            .parse()
            .map_or(ConnectionPeer::Local, ConnectionPeer::Address);
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(
                *name,
                HeaderValue::from_bytes(value.as_bytes()).expect("a header value"),
            );
        }
        let proxies = TrustedProxies {
            networks,
            local: true,
        };
        proxies
            .client(peer, &headers)
            .map_or("nobody".into(), |address| address.to_string())
    }

    #[test]
    fn a_stranger_is_not_believed() {
        let claims = [("x-forwarded-for", "1.1.1.1"), ("forwarded", "for=1.1.1.1")];
        assert_eq!(client(&[], "9.9.9.9", &claims), "9.9.9.9");
        assert_eq!(client(&["10.0.0.0/8"], "9.9.9.9", &claims), "9.9.9.9");
        assert_eq!(
            TrustedProxies::default().client(ConnectionPeer::Local, &HeaderMap::new()),
            None
        );
    }

    #[test]
    fn the_right_most_address_that_is_no_proxy_is_the_client() {
        let table = [
            ("1.1.1.1", "1.1.1.1"),
            ("6.6.6.6, 1.1.1.1", "1.1.1.1"),
            ("6.6.6.6, 1.1.1.1, 10.0.0.2", "1.1.1.1"),
            ("10.0.0.3,10.0.0.2", "10.0.0.3"),
            ("1.1.1.1:4711", "1.1.1.1"),
            ("2001:db8::1", "2001:db8::1"),
            ("[2001:db8::1]:4711", "2001:db8::1"),
            ("::ffff:1.1.1.1", "1.1.1.1"),
            // What cannot be read hides whoever comes before it; the proxy that passed it on
            // answers for them.
            ("1.1.1.1, unknown, 10.0.0.2", "10.0.0.2"),
            ("1.1.1.1, unknown", "10.0.0.1"),
            ("", "10.0.0.1"),
        ];
        for (value, expected) in table {
            assert_eq!(
                client(&["10.0.0.0/8"], "10.0.0.1", &[("x-forwarded-for", value)]),
                expected,
                "{value}"
            );
        }
        let lines = [
            ("x-forwarded-for", "6.6.6.6"),
            ("x-forwarded-for", "1.1.1.1, 10.0.0.2"),
        ];
        assert_eq!(
            client(&["10.0.0.0/8"], "::ffff:10.0.0.1", &lines),
            "1.1.1.1"
        );
        assert_eq!(
            client(&[], "local", &[("x-forwarded-for", "1.1.1.1")]),
            "1.1.1.1"
        );
        assert_eq!(client(&[], "local", &[]), "nobody");
    }

    #[test]
    fn reads_the_standard_header() {
        let table = [
            ("for=1.1.1.1", "1.1.1.1"),
            (
                "For=\"[2001:db8::1]:4711\";proto=https;by=10.0.0.1",
                "2001:db8::1",
            ),
            ("for=\"[2001:db8::1]\"", "2001:db8::1"),
            ("for=6.6.6.6, proto=http; for=1.1.1.1", "1.1.1.1"),
            (
                "for=6.6.6.6;host=\"a,b;for=7.7.7.7\", for=1.1.1.1, for=10.0.0.2",
                "1.1.1.1",
            ),
            ("for=1.1.1.1, for=_hidden", "10.0.0.1"),
            ("proto=https", "10.0.0.1"),
            // An open quote must not swallow what a proxy added and leave what a client wrote.
            ("for=\"6.6.6.6, for=1.1.1.1", "10.0.0.1"),
        ];
        for (value, expected) in table {
            assert_eq!(
                client(&["10.0.0.0/8"], "10.0.0.1", &[("forwarded", value)]),
                expected,
                "{value}"
            );
        }
    }

    #[test]
    fn who_contradicts_a_proxy_is_counted_as_the_proxy() {
        let both = |one, other| {
            client(
                &["10.0.0.1/32"],
                "10.0.0.1",
                &[("forwarded", one), ("x-forwarded-for", other)],
            )
        };
        assert_eq!(both("for=1.1.1.1", "1.1.1.1"), "1.1.1.1");
        assert_eq!(both("for=6.6.6.6", "1.1.1.1"), "10.0.0.1");
    }
}
