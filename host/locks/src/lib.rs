//! The lock managers: of one process, and of any number of gateways that share a Redis server.
//!
//! Both pass one behaviour suite: locks are granted in the order in which they were asked for, and
//! a lease that ended is fenced before anything that was locked under it is granted again. It must
//! not know what is locked.

mod local;
mod redis;
#[cfg(test)]
mod suite;

pub use self::local::LocalLocks;
pub use self::redis::RedisLocks;
