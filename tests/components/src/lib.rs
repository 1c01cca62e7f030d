//! The components that the black-box tests feed to the gateway, compiled: one that misbehaves on
//! demand, one that breaks a single promise, one that takes the place of a built-in, one that works
//! like an object store, one that sends requests on demand, one that opens a socket, one of which
//! there are two editions, and one built for a contract of the future. None of them is part of the
//! gateway.

include!(concat!(env!("OUT_DIR"), "/components.rs"));
