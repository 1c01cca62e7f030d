//! Proxies that are believed about the address of a client.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::de::{Deserialize, Deserializer, Error};

/// Peers that are proxies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proxy {
    /// `"10.0.0.0/8"`, or an address alone.
    Network(IpNet),
    /// `"unix"`: whoever connects over a Unix socket.
    Local,
}

impl<'de> Deserialize<'de> for Proxy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text == "unix" {
            return Ok(Self::Local);
        }
        let network = text
            .parse::<IpNet>()
            .ok()
            .or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
        network.map(Self::Network).ok_or_else(|| {
            D::Error::custom(format!(
                "'{text}' is not a network such as \"10.0.0.0/8\", an address, or \"unix\" for \
                 peers on a Unix socket"
            ))
        })
    }
}
