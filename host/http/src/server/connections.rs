//! How many connections there are, in total and from one address.
//!
//! Each connection holds a buffer before its client has said who it is, so their number bounds what
//! strangers can make the gateway hold. A trusted proxy speaks for many clients and is held to the
//! total alone, and so is a process of this machine on a Unix socket.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

use super::ConnectionLimits;
use crate::edge::client_address::{ConnectionPeer, TrustedProxies};
use crate::state::Metrics;

/// The connections that are open.
pub(super) struct OpenConnections {
    most: usize,
    per_address: usize,
    proxies: TrustedProxies,
    counted: Mutex<ConnectionCounts>,
    metrics: Arc<Metrics>,
}

#[derive(Default)]
struct ConnectionCounts {
    total: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// One of them, until this is dropped.
pub(super) struct OpenConnection {
    connections: Arc<OpenConnections>,
    address: Option<IpAddr>,
}

impl OpenConnections {
    pub(super) fn new(limits: &ConnectionLimits, metrics: Arc<Metrics>) -> Arc<Self> {
        Arc::new(Self {
            most: limits.connections,
            per_address: limits.per_address,
            proxies: limits.proxies.clone(),
            counted: Mutex::default(),
            metrics,
        })
    }

    /// Counts another connection; none if there are too many.
    pub(super) fn admit(self: &Arc<Self>, peer: ConnectionPeer) -> Option<OpenConnection> {
        let address = match peer {
            ConnectionPeer::Address(address) => {
                let address = address.to_canonical();
                (!self.proxies.trusts(address)).then(|| client(address))
            }
            ConnectionPeer::Local => None,
        };
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        if counted.total >= self.most {
            self.metrics.http().connection_refused("total");
            return None;
        }
        if let Some(address) = address {
            let open = counted.by_address.entry(address).or_default();
            if *open >= self.per_address {
                self.metrics.http().connection_refused("address");
                return None;
            }
            *open += 1;
        }
        counted.total += 1;
        self.metrics.http().connection_opened();
        Some(OpenConnection {
            connections: self.clone(),
            address,
        })
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        let OpenConnections {
            counted, metrics, ..
        } = &*self.connections;
        let mut counted = counted.lock().unwrap_or_else(PoisonError::into_inner);
        counted.total -= 1;
        if let Some(address) = self.address
            && let Some(open) = counted.by_address.get_mut(&address)
        {
            *open -= 1;
            if *open == 0 {
                counted.by_address.remove(&address);
            }
        }
        metrics.http().connection_closed();
    }
}

/// What counts as one client: an IPv6 client has a whole /64 to choose addresses from.
fn client(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => {
            let network = address.to_bits() & !u128::from(u64::MAX);
            Ipv6Addr::from_bits(network).into()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn connections(connections: usize, per_address: usize) -> Arc<OpenConnections> {
        let proxies = TrustedProxies {
            networks: vec!["10.0.0.0/8".parse().expect("a network")],
            local: false,
        };
        let limits = ConnectionLimits {
            connections,
            per_address,
            proxies,
            idle_timeout: Duration::from_secs(1),
            drain_timeout: Duration::from_secs(1),
        };
        OpenConnections::new(&limits, Metrics::new().expect("no name twice"))
    }

    fn peer(address: &str) -> ConnectionPeer {
        ConnectionPeer::Address(address.parse().expect("an address"))
    }

    #[test]
    fn one_address_leaves_room_for_others_and_gets_its_own_back() {
        // Who fills it, who is the same client, and who is another.
        let table = [
            ("192.0.2.1", "::ffff:192.0.2.1", "192.0.2.2"),
            ("2001:db8::1", "2001:db8::ffff:2", "2001:db8:0:1::1"),
        ];
        for (one, same, other) in table {
            let connections = connections(10, 2);
            let first = connections.admit(peer(one));
            let second = connections.admit(peer(same));
            assert!(first.is_some() && second.is_some(), "{one}");
            assert!(connections.admit(peer(one)).is_none(), "{one}");
            assert!(connections.admit(peer(other)).is_some(), "{other}");
            drop(first);
            assert!(connections.admit(peer(same)).is_some(), "{same}");
            drop(second);
            let counted = connections.counted.lock().expect("no panic");
            assert_eq!((counted.total, counted.by_address.len()), (0, 0));
        }
    }

    #[test]
    fn who_speaks_for_many_is_held_to_the_total_alone() {
        for speaker in [peer("10.1.2.3"), ConnectionPeer::Local] {
            let connections = connections(5, 1);
            let held: Vec<_> = (0..5).map(|_| connections.admit(speaker)).collect();
            assert!(held.iter().all(Option::is_some), "{speaker:?}");
            assert!(connections.admit(speaker).is_none());
            assert!(connections.admit(peer("192.0.2.1")).is_none());
        }
    }
}
